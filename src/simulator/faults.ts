import type { Action } from '../ocpp/v201/messages.generated.ts'
import type { Random } from './random.ts'
import { NO_CURRENT, type PhaseCurrents } from './vehicle.ts'

/**
 * What can be wrong with a station, switchable while it runs. Everything that is a matter of chance is
 * drawn from the station's seed, so a failing run can be repeated.
 */
export interface Faults {
  /** Answers to the CSMS leave this much later. */
  readonly answerDelayMs?: number | { readonly minMs: number; readonly maxMs: number }
  /** Actions (or all, `true`) that are refused: status Rejected where the message has one. */
  readonly reject?: readonly Action[] | true
  /** Probability that a call that could be refused is refused. */
  readonly rejectProbability?: number
  /** Actions that are answered with CALLERROR InternalError. */
  readonly callError?: readonly Action[] | true
  /** Probability that a call is carried out but never answered. */
  readonly silenceProbability?: number
  /** Probability that the link breaks right before an answer leaves. */
  readonly dropProbability?: number
  /** Says Accepted to limits and keeps offering what the hardware can. */
  readonly ignoreLimits?: boolean
  /** Share of the possible current that cars take here, 0..1. */
  readonly drawFactor?: number
  /** What the meter reports about phases: moved by one, spread over all three, or all on L1. */
  readonly phaseLie?: 'rotate' | 'spread' | 'l1-only'
  /** The station's clock runs this far ahead (negative: behind) and does not follow the CSMS. */
  readonly clockSkewMs?: number
  /** The meter repeats its last reading under fresh timestamps. */
  readonly frozenMeter?: boolean
  /** No meter values at all. */
  readonly silentMeter?: boolean
}

export class FaultPanel {
  readonly #random: Random
  #faults: Faults = {}

  constructor(random: Random) {
    this.#random = random
  }

  get active(): Faults {
    return this.#faults
  }

  /** Switches faults on or off one by one; those not named stay as they are. */
  set(changes: { readonly [Name in keyof Faults]: Faults[Name] | undefined }): void {
    const next: Record<string, unknown> = { ...this.#faults }
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) delete next[name]
      else next[name] = value
    }
    this.#faults = next
  }

  clear(): void {
    this.#faults = {}
  }

  answerDelayMs(): number {
    const delay = this.#faults.answerDelayMs ?? 0
    return typeof delay === 'number' ? delay : this.#random.between(delay.minMs, delay.maxMs)
  }

  rejects(action: Action): boolean {
    return names(this.#faults.reject, action) || this.#happens(this.#faults.rejectProbability)
  }

  failsWithCallError(action: Action): boolean {
    return names(this.#faults.callError, action)
  }

  staysSilent(): boolean {
    return this.#happens(this.#faults.silenceProbability)
  }

  dropsSocket(): boolean {
    return this.#happens(this.#faults.dropProbability)
  }

  /** What the meter claims when this flows. */
  reportedCurrents(trueA: PhaseCurrents): PhaseCurrents {
    const [l1, l2, l3] = trueA
    if (this.#faults.phaseLie === 'rotate') return [l3, l1, l2]
    if (this.#faults.phaseLie === 'spread') {
      const each = (l1 + l2 + l3) / 3
      return [each, each, each]
    }
    if (this.#faults.phaseLie === 'l1-only') return [l1, NO_CURRENT[1], NO_CURRENT[2]]
    return trueA
  }

  #happens(probability: number | undefined): boolean {
    // No draw while the fault is off: switching one fault must not shift the chances of another.
    return probability !== undefined && probability > 0 && this.#random.chance(probability)
  }
}

function names(actions: readonly Action[] | true | undefined, action: Action): boolean {
  return actions === true || (actions?.includes(action) ?? false)
}
