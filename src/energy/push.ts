import { beliefAfterOutcome, beliefAfterSending, type Push, type PushOutcome } from '../../profiles/index.ts'
import type { CallOutcome, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { LiveSite } from './live-site.ts'
import { toClearChargingProfile, toSetChargingProfile } from './wire.ts'

export interface PushOptions {
  readonly live: LiveSite
  readonly bus: StationBus
  readonly clock: Clock
  readonly reactionMs: number
  readonly deadlineMs: number
}

/**
 * Sends one profile. The belief that it is under way is on disk before it leaves, so that a process that dies
 * between sending and the answer starts again with the worse of both.
 */
export async function sendPush(options: PushOptions, push: Push): Promise<PushOutcome | 'not-sent'> {
  const { live, clock, reactionMs } = options
  const before = live.slot(push)
  const sending = beliefAfterSending(before, push)
  await live.setSlot(push, sending)
  const outcome = outcomeOf(await call(options, push))
  const now = live.slot(push)
  if (outcome !== 'not-sent') {
    await live.setSlot(push, beliefAfterOutcome(now, push, outcome, { nowMs: clock.now(), reactionMs }))
  } else if (now === sending) {
    await live.setSlot(push, before)
  }
  // Otherwise the belief was changed meanwhile (the station started again): what was before is not true any more.
  return outcome
}

function call(
  { bus, deadlineMs }: PushOptions,
  push: Push,
): Promise<CallOutcome<'SetChargingProfile' | 'ClearChargingProfile'>> {
  // What lowers keeps a site inside its limit: no operator's call cuts it short.
  const options = { deadlineMs, urgent: push.direction === 'lower' }
  return push.action === 'SetChargingProfile'
    ? bus.call(push.stationId, push.action, toSetChargingProfile(push.request), options)
    : bus.call(push.stationId, push.action, toClearChargingProfile(push.request), options)
}

/** CALLERROR codes after which the station may have acted all the same. */
const AMBIGUOUS = ['InternalError', 'GenericError']

function outcomeOf(
  outcome: CallOutcome<'SetChargingProfile' | 'ClearChargingProfile'>,
): PushOutcome | 'not-sent' {
  switch (outcome.kind) {
    case 'answered':
      if (outcome.payload.status === 'Accepted') return 'accepted'
      if (outcome.payload.statusInfo?.reasonCode === 'InvalidMessageSeq') return 'early'
      return outcome.payload.status === 'Unknown' ? 'unknown' : 'rejected'
    case 'refused':
      return AMBIGUOUS.includes(outcome.code) ? 'lost' : 'rejected'
    case 'unanswered':
    case 'malformed':
      return 'lost'
    case 'offline':
    case 'busy':
    case 'withheld':
    case 'invalid':
      return 'not-sent'
  }
}
