/**
 * What a station may send before it is accepted (B01.FR.10, B02.FR.09, B03.FR.07): while Pending only
 * BootNotification and what we asked for by TriggerMessage, GetBaseReport or GetReport; while Rejected only
 * BootNotification. Time is an argument (monotonic milliseconds).
 */

import type { Registration } from '../store/stations.ts'
import type { Action } from './v201/messages.generated.ts'

/** A triggered message that has not come by then was not triggered any more. */
const GRANT_MS = 120_000

export class BootGate {
  registration: Registration
  private grants: Map<Action, number> | undefined

  constructor(registration: Registration) {
    this.registration = registration
  }

  grant(action: Action, now: number): void {
    if (this.registration !== 'Pending') return
    this.grants ??= new Map()
    this.grants.set(action, now + GRANT_MS)
  }

  permits(action: Action, now: number): boolean {
    if (this.registration === 'Accepted' || action === 'BootNotification') return true
    if (this.registration === 'Rejected') return false
    return (this.grants?.get(action) ?? 0) > now
  }

  settle(registration: Registration): void {
    this.registration = registration
    if (registration !== 'Pending') this.grants = undefined
  }
}
