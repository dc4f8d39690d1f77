/** A01: a new random password for a station, without a moment at which neither the old nor the new one is good. */

import type { Station } from '../../store/stations.ts'
import { audit, type FleetContext, isoAt } from './context.ts'
import type { Memory } from './leaves.ts'
import { type StepOutcome, troubleOf } from './outcome.ts'

/** 30 octets are 40 characters in base64url, the longest that A00.FR.205 allows, and 240 bits. */
const OCTETS = 30
const WAIT_MS = 1_000

export const newPassword = (random: FleetContext['random']): string =>
  Buffer.from(random(OCTETS)).toString('base64url')

export class Passwords {
  readonly #context: FleetContext
  readonly #hash: (password: string) => Promise<string>

  constructor(context: FleetContext, hash: (password: string) => Promise<string>) {
    this.#context = context
    this.#hash = hash
  }

  async step(station: Station, memory: Memory): Promise<StepOutcome> {
    const { bus, store, clock, timing, random } = this.#context
    const { evidence } = memory
    if (evidence.accepted !== undefined) return this.#proven(station, evidence.accepted, memory)
    const password = newPassword(random)
    if (evidence.sent) return this.#undecided(station, memory)
    // On disk before it is sent: where the answer is lost, the station may come back with either (A01.FR.03, FR.04).
    await store.fleet.updateTrust(station.id, { passwordCandidate: await this.#hash(password) })
    await memory.remember({ sent: isoAt(clock.now()) })
    const outcome = await bus.call(
      station.id,
      'SetVariables',
      {
        setVariableData: [
          {
            component: { name: 'SecurityCtrlr' },
            variable: { name: 'BasicAuthPassword' },
            attributeValue: password,
          },
        ],
      },
      { deadlineMs: timing.callDeadlineMs },
    )
    if (outcome.kind === 'unanswered' || outcome.kind === 'malformed') return this.#undecided(station, memory)
    if (outcome.kind !== 'answered') {
      await this.#forget(station, memory)
      return troubleOf('password', outcome)
    }
    const [result] = outcome.payload.setVariableResult
    if (result?.attributeStatus !== 'Accepted' && result?.attributeStatus !== 'RebootRequired') {
      await this.#forget(station, memory)
      return { kind: 'fail', step: 'password', why: result?.attributeStatus ?? 'no result' }
    }
    await memory.remember({ accepted: isoAt(clock.now()) })
    await store.fleet.updateTrust(station.id, { passwordCandidate: null })
    await audit(this.#context, { action: 'station.password-changed', subject: station.id, detail: {} })
    return { kind: 'next', step: 'reconnect' }
  }

  /** The answer was lost. Which one it uses shows at its next connection: both are good until then. */
  async #undecided(station: Station, memory: Memory): Promise<StepOutcome> {
    const { store, bus, clock } = this.#context
    const trust = await store.fleet.trust(station.id)
    const sent = memory.evidence.sent || isoAt(clock.now())
    if (trust?.passwordCandidate == null) {
      // It came back with the new one, which was adopted at the door.
      await memory.remember({ accepted: sent })
      return { kind: 'next', step: 'reconnect' }
    }
    if (bus.isOnline(station.id) && trust.connectedAt !== null && trust.connectedAt > sent) {
      // It came back with the old one: it has not taken the new one.
      await this.#forget(station, memory)
      return { kind: 'retry', step: 'password', why: 'the station did not take the password' }
    }
    if (bus.isOnline(station.id) && !memory.evidence.nudgedAt) {
      await memory.remember({ nudgedAt: isoAt(clock.now()) })
      bus.disconnect(station.id, 'reconnect to show which password is in use')
    }
    return {
      kind: 'wait',
      step: 'password',
      why: 'the answer was lost; the next connection shows',
      forMs: WAIT_MS,
    }
  }

  /** Done once the station has come back with it. */
  async #proven(station: Station, accepted: string, memory: Memory): Promise<StepOutcome> {
    const { store, bus, clock, timing } = this.#context
    const trust = await store.fleet.trust(station.id)
    if (trust?.connectedAt != null && trust.connectedAt > accepted) return { kind: 'done' }
    const waitedMs = clock.now() - Date.parse(accepted)
    if (waitedMs > timing.nudgeMs && bus.isOnline(station.id) && memory.evidence.proofAt === undefined) {
      await memory.remember({ proofAt: isoAt(clock.now()) })
      bus.disconnect(station.id, 'reconnect with the new password')
    }
    if (waitedMs > timing.reconnectMs + timing.nudgeMs)
      return { kind: 'fail', step: 'reconnect', why: 'the station took the password and did not come back' }
    return { kind: 'wait', step: 'reconnect', why: 'waiting for the station to come back', forMs: WAIT_MS }
  }

  async #forget(station: Station, memory: Memory): Promise<void> {
    await this.#context.store.fleet.updateTrust(station.id, { passwordCandidate: null })
    await memory.remember({ sent: '', nudgedAt: '' })
  }
}
