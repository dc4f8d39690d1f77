import type { Logger } from 'pino'
import type { Push } from '../../profiles/index.ts'
import type { StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { LiveSite } from './live-site.ts'
import { sendPush } from './push.ts'

export interface PushDeskOptions {
  readonly live: LiveSite
  readonly bus: StationBus
  readonly clock: Clock
  readonly log: Logger
  readonly reactionMs: number
  readonly pushDeadlineMs: number
  /** Whether a car waits for it (ISO 15118): nothing but what lowers goes first then. */
  readonly isPromised: (push: Push) => boolean
  /** Adds what a car asked for beyond the limit itself. */
  readonly dress: (push: Push) => Push
  readonly onSettled: (push: Push, accepted: boolean) => void
}

/** What lowers goes first, then what makes safe, then what lasts; what raises goes last. */
const ORDER: Readonly<Record<Push['direction'], number>> = { lower: 0, base: 2, refresh: 3, raise: 4 }
const PROMISED = 1

/**
 * At most one call of ours is under way to a station. Of what a decision wants to send to it, the most urgent goes;
 * the rest is asked for again by the decision that follows the answer.
 */
export class PushDesk {
  readonly #options: PushDeskOptions
  readonly #underWay = new Map<string, Promise<void>>()
  #offered = new Map<string, Push>()

  constructor(options: PushDeskOptions) {
    this.#options = options
  }

  offer(push: Push): void {
    if (this.#underWay.has(push.stationId)) return
    const other = this.#offered.get(push.stationId)
    if (other && this.#rank(other) <= this.#rank(push)) return
    this.#offered.set(push.stationId, push)
  }

  #rank(push: Push): number {
    const rank = ORDER[push.direction]
    return rank > PROMISED && this.#options.isPromised(push) ? PROMISED : rank
  }

  flush(): void {
    const offered = this.#offered
    this.#offered = new Map()
    for (const push of offered.values()) this.#send(push)
  }

  /** Runs something else that speaks to the station, in the place of a push; false where a push is under way. */
  occupy(stationId: string, work: () => Promise<void>): boolean {
    if (this.#underWay.has(stationId)) return false
    this.#track(stationId, work())
    return true
  }

  get busy(): boolean {
    return this.#underWay.size > 0
  }

  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  #send(wanted: Push): void {
    const { live, bus, clock, reactionMs, pushDeadlineMs, log } = this.#options
    const push = this.#options.dress(wanted)
    let accepted = false
    const work = sendPush({ live, bus, clock, reactionMs, deadlineMs: pushDeadlineMs }, push)
      .then((result) => {
        accepted = result === 'accepted'
        if (accepted || result === 'not-sent' || result === 'early') return
        log.warn({ push: push.id, direction: push.direction, result }, 'A charging profile was not accepted')
      })
      .catch((error: unknown) =>
        log.error({ err: error, push: push.id }, 'Sending a charging profile failed'),
      )
    this.#track(push.stationId, work, () => this.#options.onSettled(push, accepted))
  }

  #track(stationId: string, work: Promise<void>, then: () => void = () => undefined): void {
    const tracked = work.finally(() => {
      this.#underWay.delete(stationId)
      then()
    })
    this.#underWay.set(stationId, tracked)
  }
}
