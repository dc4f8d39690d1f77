import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import type { OcppClient } from './client.ts'
import type { Counters, StationClock, StationEvents } from './context.ts'
import type { Emitter } from './emitter.ts'
import { CallFailure } from './outgoing-calls.ts'

const MAX_SECURITY_EVENTS = 50
/** `SecurityEventNotification.techInfo` of OCPP 2.0.1. */
const MAX_TECH_INFO = 255

export interface ConversationServices {
  readonly counters: Counters
  readonly events: Emitter<StationEvents>
  readonly clock: StationClock
  readonly client: () => OcppClient
  /** The CSMS has accepted the station: it may speak unasked. */
  readonly accepted: () => boolean
}

/** What the station says: calls that matter, messages that may fail, security events that wait for the link. */
export class Conversation {
  readonly #services: ConversationServices
  #securityEvents: Requests['SecurityEventNotification'][] = []

  constructor(services: ConversationServices) {
    this.#services = services
  }

  /** Rejects with CallFailure. Until the CSMS has accepted the station only what was asked for may be sent. */
  async call<A extends Action>(
    action: A,
    request: Requests[A],
    how: { solicited?: boolean } = {},
  ): Promise<Responses[A]> {
    const { counters, accepted, client } = this.#services
    if (!accepted() && !how.solicited) {
      throw new CallFailure('offline', `${action}: the CSMS has not accepted the station yet.`)
    }
    try {
      return await client().call(action, request)
    } catch (error) {
      if (error instanceof CallFailure && error.code === 'call-error') counters.callErrors++
      if (error instanceof CallFailure && error.code === 'deadline') counters.timeouts++
      throw error
    }
  }

  /** Sends and forgets; a failure is counted and observed. */
  send<A extends Action>(action: A, request: Requests[A], how?: { solicited?: boolean }): void {
    this.call(action, request, how).catch((error: unknown) => {
      // Losing the link is no problem of the station's; everything else is worth a look.
      const lost = error instanceof CallFailure && ['offline', 'closed'].includes(error.code)
      if (!lost) this.problem(action, error)
    })
  }

  securityEvent(type: string, techInfo = ''): void {
    const { clock, events, accepted, client } = this.#services
    const detail = techInfo === '' ? {} : { techInfo: techInfo.slice(0, MAX_TECH_INFO) }
    const event = { type, timestamp: clock.iso(), ...detail }
    events.emit('securityEvent', { type, techInfo })
    if (client().connected && accepted()) this.send('SecurityEventNotification', event)
    else if (this.#securityEvents.length < MAX_SECURITY_EVENTS) this.#securityEvents.push(event)
  }

  /** After a reconnect: what could not be said before. */
  catchUp(): void {
    for (const event of this.#securityEvents.splice(0)) this.send('SecurityEventNotification', event)
  }

  problem(where: string, error: unknown): void {
    const { counters, events } = this.#services
    counters.problems++
    const known = error instanceof Error ? error : new Error(String(error))
    events.emit('problem', { where, error: known })
  }
}
