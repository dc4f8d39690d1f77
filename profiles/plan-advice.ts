import { lessBase } from './base-load.ts'
import { bookedMask, type PlanAdvice } from './demand.ts'
import { expectedMaximumA, type LearnedDraw, usableA } from './learned.ts'
import { mergeLimits } from './limits.ts'
import {
  filledLoads,
  type Plan,
  type PlanRequest,
  type PlanSession,
  type PlanSlot,
  planSlots,
} from './plan.ts'
import { objectiveOf, type PlanPolicy } from './plan-policy.ts'
import { WAITS_BELOW } from './planned-split.ts'
import { assess, type Situation } from './situation.ts'
import type { Snapshot } from './snapshot.ts'

export interface PlanOptions {
  readonly policy: PlanPolicy
  /** Length of the first slot. */
  readonly stepS: number
  readonly horizonS: number
  /** Assumed for sessions that did not say: how long they stay, and how much they want. */
  readonly assumedStayS: number
  readonly assumedWh: number
  /** What sessions have got so far, by EVSE key. */
  readonly deliveredWh?: ReadonlyMap<string, number>
  /** Price per kWh from a time on, mean over a duration. */
  readonly priceAt?: (fromMs: number, durationS: number) => number
}

/** With more cars their minimums are left to the allocator: whole-or-nothing choices cost the solver its time. */
const MAX_WHOLE = 60
/** Whoever stays longer than was said or assumed is still there: it is planned for another hour. */
const OVERSTAY_S = 3_600

/** The slots of a plan. Limits that are known for later (schedules, announced cuts) enter theirs. */
export function planSlotsOf(snapshot: Snapshot, options: PlanOptions): PlanSlot[] {
  const { network, base } = assess(snapshot)
  const { site, nowMs, limits: inputs } = snapshot
  const { priceAt } = options
  return planSlots({
    stepS: options.stepS,
    horizonS: options.horizonS,
    limitsAt: (startS, durationS) => {
      const atMs = nowMs + startS * 1000
      const merged = mergeLimits({ site, network, inputs, nowMs: atMs, lookaheadMs: durationS * 1000 })
      return lessBase(site, merged.rowLimits, base)
    },
    ...(priceAt
      ? { priceAt: (startS: number, durationS: number) => priceAt(nowMs + startS * 1000, durationS) }
      : {}),
  })
}

/** The plan that a snapshot asks for, in the slots of `planSlotsOf`. */
export function planRequestOf(
  snapshot: Snapshot,
  options: PlanOptions,
  slots: readonly PlanSlot[] = planSlotsOf(snapshot, options),
): PlanRequest {
  const situation = assess(snapshot)
  const { policy } = options
  const prices = slots.map((slot) => slot.pricePerKwh ?? 0)
  return {
    network: situation.network,
    slots: slots.map((slot) =>
      slot.startS === 0 ? slot : { ...slot, limits: slot.limits.map((limit) => limit * policy.laterShare) },
    ),
    sessions: sessionsOf(situation, options),
    objective: objectiveOf(policy, prices),
  }
}

function sessionsOf(situation: Situation, options: PlanOptions): PlanSession[] {
  const { snapshot, merged } = situation
  const known = situation.memories.flatMap((memory) =>
    memory.learned?.drawA == null ? [] : [memory.learned.drawA],
  )
  const count = situation.states.filter((state) => state.session).length
  return snapshot.site.evses.flatMap((evse) => {
    const session = situation.states[evse.index]?.session
    if (!session) return []
    const learned = situation.memories[evse.index]?.learned ?? null
    const hardA = Math.min(evse.maxA, merged.evseCapA[evse.index] ?? evse.maxA, session.maxA ?? evse.maxA)
    const deliveredWh = options.deliveredWh?.get(evse.key) ?? 0
    const remainingWh = session.remainingWh ?? Math.max(LEAST_WH, options.assumedWh - deliveredWh)
    const leaveMs = session.departureMs ?? session.startedAtMs + options.assumedStayS * 1000
    const staysS = options.policy.stayShare * ((leaveMs - snapshot.nowMs) / 1000)
    return [
      {
        load: evse.index,
        mask: bookedMask(evse, learned),
        ...(count <= MAX_WHOLE ? { minA: evse.minA } : {}),
        capA: capOf(learned, hardA, known),
        wattPerA: evse.wattPerA,
        remainingWh,
        requestedWh: Math.max(remainingWh, session.requestedWh ?? remainingWh + deliveredWh),
        leavesInS: leaveMs <= snapshot.nowMs ? OVERSTAY_S : Math.max(options.stepS, staysS),
      },
    ]
  })
}

/** A car that has had all that was assumed of it may want more. */
const LEAST_WH = 1_000

function capOf(learned: LearnedDraw | null, hardA: number, known: readonly number[]): number {
  if (learned?.drawA != null) return usableA(learned, hardA)
  return Math.min(hardA, Math.max(learned?.confirmedA ?? 0, expectedMaximumA(known, hardA)))
}

/**
 * A plan as advice for `Snapshot.plan`. With `keepForLater` a car that the plan fills gets no more than planned even
 * where more is free (waiting for cheaper hours); one that it cannot fill takes what it can get. Otherwise the plan only says who may let others go first: cars that told when they
 * leave and what they want, and that surely get it later. All others share evenly: a plan for a car of which nobody
 * knows anything is a guess, and among equals it prefers one for no reason.
 */
export function adviceOf(
  request: PlanRequest,
  plan: Plan,
  snapshot: Snapshot,
  options: { readonly untilMs: number; readonly keepForLater: boolean },
): NonNullable<Snapshot['plan']> {
  const advice: Record<string, PlanAdvice> = {}
  const told = toldKeys(snapshot)
  const filled = filledLoads(request, plan)
  const shared = options.keepForLater ? plan.firstA : evenFirstA(request, plan)
  for (const session of request.sessions) {
    const evse = snapshot.site.evses[session.load]
    if (!evse) continue
    const plannedA = shared[session.load] ?? 0
    // Next to nothing means to wait; anything else at least the minimum, since there is nothing below it.
    const firstA = plannedA < WAITS_BELOW * evse.minA ? 0 : Math.max(evse.minA, plannedA)
    if (options.keepForLater)
      advice[evse.key] = filled.has(session.load) ? { firstA, capA: firstA } : { firstA }
    else if (told.has(evse.key) && filled.has(session.load))
      // It keeps its minimum while it lets others go first: a pause would be a start more.
      advice[evse.key] = { firstA: Math.max(evse.minA, firstA) }
  }
  return { untilMs: options.untilMs, advice }
}

/** What a plan has now, the same for cars that want the same in the same time: among those its choice is for no reason. */
function evenFirstA(request: PlanRequest, plan: Plan): Float64Array {
  const equals = new Map<string, number[]>()
  for (const { load, capA, wattPerA, remainingWh, leavesInS } of request.sessions) {
    const key = [capA, wattPerA, remainingWh / 1000, leavesInS / 900].map(Math.round).join(' ')
    equals.set(key, [...(equals.get(key) ?? []), load])
  }
  const even = new Float64Array(plan.firstA.length)
  for (const loads of equals.values()) {
    const meanA = loads.reduce((sum, load) => sum + (plan.firstA[load] ?? 0), 0) / loads.length
    for (const load of loads) even[load] = meanA
  }
  return even
}

/** EVSEs whose car, driver or operator said when it leaves and how much it wants. */
export function toldKeys(snapshot: Snapshot): ReadonlySet<string> {
  return new Set(
    snapshot.evses
      .filter(({ session }) => session?.departureMs !== undefined && session.remainingWh !== undefined)
      .map(({ key }) => key),
  )
}
