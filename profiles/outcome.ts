import { onAccepted, onCleared, onLost, onRejected, onSent, type SlotBelief } from './belief.ts'
import type { Push } from './diff.ts'

/**
 * How a call to a station ended. `unknown` is ClearChargingProfile's "there was none"; `early` that the car has to tell
 * its needs first (K15.FR.17).
 */
export type PushOutcome = 'accepted' | 'rejected' | 'unknown' | 'lost' | 'early'

/** The belief after a push was handed to the socket. Store it before the frame leaves. */
export function beliefAfterSending(slot: SlotBelief, push: Push): SlotBelief {
  return onSent(slot, push.belief)
}

/** The belief after the station answered, or can no longer answer. */
export function beliefAfterOutcome(
  slot: SlotBelief,
  push: Push,
  outcome: PushOutcome,
  options: { readonly nowMs: number; readonly reactionMs: number },
): SlotBelief {
  if (outcome === 'lost') return onLost(slot, options.nowMs)
  // Tried again soon, and nothing to escalate however often.
  if (outcome === 'early') return { ...onRejected(slot, options.nowMs), failures: Math.max(1, slot.failures) }
  if (push.action === 'ClearChargingProfile') {
    return outcome === 'rejected' ? onRejected(slot, options.nowMs) : onCleared(slot, options)
  }
  return outcome === 'accepted' ? onAccepted(slot, options) : onRejected(slot, options.nowMs)
}
