import { onAccepted, onCleared, onLost, onRejected, onSent, type SlotBelief } from './belief.ts'
import type { Push } from './diff.ts'

/** How a call to a station ended. `unknown` is ClearChargingProfile's "there was none". */
export type PushOutcome = 'accepted' | 'rejected' | 'unknown' | 'lost'

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
  if (push.action === 'ClearChargingProfile') {
    return outcome === 'rejected' ? onRejected(slot, options.nowMs) : onCleared(slot, options)
  }
  return outcome === 'accepted' ? onAccepted(slot, options) : onRejected(slot, options.nowMs)
}
