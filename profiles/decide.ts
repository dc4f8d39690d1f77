import { nextTurn } from './demand.ts'
import { orderPushes, type Push } from './diff.ts'
import { candidates, stationPushes } from './pushes.ts'
import { alarms, grants, nodeReports, powerReports } from './report.ts'
import { assess, type Situation } from './situation.ts'
import type { Decision, EvseMemory, Memory, Snapshot } from './snapshot.ts'
import { computeTargets, type Targets } from './targets.ts'

/**
 * One decision of a site's loop. Pure: the same snapshot gives the same decision, so any moment can be replayed.
 *
 * 1. merge limits, take off base loads, book the worst current of every EVSE;
 * 2. split what is left over the sessions that can be steered;
 * 3. encode what stations should hold, and order it so that no row is exceeded at any moment in between;
 * 4. say why.
 *
 * Store the beliefs with `onSent`, `onAccepted`, `onRejected`, `onLost` and `onCleared`, and decide again on every
 * answer: pushes of wave 2 then move up.
 */
export function decide(snapshot: Snapshot): Decision {
  const situation = assess(snapshot)
  const targets = computeTargets(situation)
  const evsePushes = orderPushes({
    network: situation.network,
    limits: situation.available,
    mask: situation.worstMask,
    worstA: situation.worstA,
    candidates: candidates(situation, targets),
  })
  const pushes = [...stationPushes(situation, targets), ...evsePushes]
  return {
    atMs: snapshot.nowMs,
    grants: grants(situation, targets, pushes),
    pushes,
    nodes: nodeReports(situation, targets),
    powers: powerReports(situation, targets),
    alarms: alarms(situation, targets),
    memory: nextMemory(situation, targets, pushes),
    nextChangeMs: situation.merged.nextChangeMs,
  }
}

function nextMemory(situation: Situation, targets: Targets, pushes: readonly Push[]): Memory {
  const { site, nowMs } = situation.snapshot
  const raised = new Set(
    pushes.filter((push) => push.wave === 1 && push.direction === 'raise').map((p) => p.evseKey),
  )
  const evses: Record<string, EvseMemory> = {}
  const safeA: Record<string, number> = {}
  for (const evse of site.evses) {
    const memory = situation.memories[evse.index]
    safeA[evse.key] = targets.safeA[evse.index] ?? 0
    if (!memory || (memory.transactionId === null && memory.overdrew === undefined)) continue
    if (memory.transactionId === null) {
      evses[evse.key] = memory
      continue
    }
    const steered = targets.unsteered[evse.index] === null
    const running = steered ? (targets.limitA[evse.index] ?? 0) > 0 : null
    evses[evse.key] = {
      ...memory,
      turn: nextTurn(memory.turn, running, nowMs),
      lastRaiseMs: raised.has(evse.key) ? nowMs : memory.lastRaiseMs,
    }
  }
  return { evses, safeA, safeRoomSinceMs: targets.safeRoomSinceMs }
}
