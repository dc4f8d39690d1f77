/** What became of one call, in the terms of a step that may be tried again. Pure. */

import type { CallOutcome } from '../../bus/ports.ts'

export type StepOutcome =
  | { readonly kind: 'done' }
  /** Something was achieved: the next step can be looked for at once. */
  | { readonly kind: 'next'; readonly step: string }
  /** The facts are not there yet, and nobody is to blame. */
  | { readonly kind: 'wait'; readonly step: string; readonly why: string; readonly forMs: number }
  /** It did not work and may be tried again, a limited number of times. */
  | { readonly kind: 'retry'; readonly step: string; readonly why: string }
  /** Trying again is of no use. */
  | { readonly kind: 'fail'; readonly step: string; readonly why: string }

export type Trouble = Exclude<StepOutcome, { kind: 'done' } | { kind: 'next' }>

const OFFLINE_WAIT_MS = 5_000
const BUSY_WAIT_MS = 2_000
/** A station that cannot do this will not be able to in a minute either. */
const UNABLE = new Set(['NotImplemented', 'NotSupported'])

/** For everything but an answer that can be read. */
export function troubleOf(step: string, outcome: Exclude<CallOutcome, { kind: 'answered' }>): Trouble {
  switch (outcome.kind) {
    case 'offline':
      return { kind: 'wait', step, why: 'offline', forMs: OFFLINE_WAIT_MS }
    case 'busy':
      return { kind: 'wait', step, why: 'busy', forMs: BUSY_WAIT_MS }
    case 'withheld':
      return { kind: 'wait', step, why: outcome.reason, forMs: OFFLINE_WAIT_MS }
    case 'unanswered':
      return { kind: 'retry', step, why: `no answer (${outcome.reason})` }
    case 'refused':
      if (UNABLE.has(outcome.code)) return { kind: 'fail', step, why: outcome.code }
      return { kind: 'retry', step, why: `${outcome.code}: ${outcome.description}`.slice(0, 200) }
    case 'malformed':
      return { kind: 'retry', step, why: `unreadable answer: ${outcome.issues.join('; ')}`.slice(0, 200) }
    case 'invalid':
      return { kind: 'fail', step, why: outcome.issues.join('; ').slice(0, 200) }
  }
}
