import { lessBase } from './base-load.ts'
import { bookedMask, type PlanAdvice } from './demand.ts'
import { expectedMaximumA, type LearnedDraw, usableA } from './learned.ts'
import { mergeLimits } from './limits.ts'
import { type Plan, type PlanObjective, type PlanRequest, type PlanSession, planSlots } from './plan.ts'
import { assess, type Situation } from './situation.ts'
import type { Snapshot } from './snapshot.ts'

export interface PlanOptions {
  readonly objective: PlanObjective
  /** Length of the first slot. */
  readonly stepS: number
  readonly horizonS: number
  /** Assumed for sessions that did not say: how long they stay, and how much they want. */
  readonly assumedStayS: number
  readonly assumedWh: number
  /** Share of later limits to plan with; the rest is for cars that have not come yet. */
  readonly laterShare: number
  /** Price per kWh from a time on, mean over a duration. */
  readonly priceAt?: (fromMs: number, durationS: number) => number
}

/** The plan that a snapshot asks for. Limits that are known for later (schedules, announced cuts) enter their slots. */
export function planRequestOf(snapshot: Snapshot, options: PlanOptions): PlanRequest {
  const situation = assess(snapshot)
  const { site, nowMs, limits } = snapshot
  const { priceAt } = options
  const slots = planSlots({
    stepS: options.stepS,
    horizonS: options.horizonS,
    limitsAt: (startS, durationS) => {
      const atMs = nowMs + startS * 1000
      const lookaheadMs = durationS * 1000
      const merged = mergeLimits({
        site,
        network: situation.network,
        inputs: limits,
        nowMs: atMs,
        lookaheadMs,
      })
      const available = lessBase(site, merged.rowLimits, situation.base)
      return startS === 0 ? available : available.map((limit) => limit * options.laterShare)
    },
    ...(priceAt
      ? { priceAt: (startS: number, durationS: number) => priceAt(nowMs + startS * 1000, durationS) }
      : {}),
  })
  return {
    network: situation.network,
    slots,
    sessions: sessionsOf(situation, options),
    objective: options.objective,
  }
}

function sessionsOf(situation: Situation, options: PlanOptions): PlanSession[] {
  const { snapshot, merged } = situation
  const known = situation.memories.flatMap((memory) =>
    memory.learned?.drawA == null ? [] : [memory.learned.drawA],
  )
  return snapshot.site.evses.flatMap((evse) => {
    const session = situation.states[evse.index]?.session
    if (!session) return []
    const learned = situation.memories[evse.index]?.learned ?? null
    const hardA = Math.min(evse.maxA, merged.evseCapA[evse.index] ?? evse.maxA, session.maxA ?? evse.maxA)
    const remainingWh = session.remainingWh ?? options.assumedWh
    const leaveMs = session.departureMs ?? session.startedAtMs + options.assumedStayS * 1000
    return [
      {
        load: evse.index,
        mask: bookedMask(evse, learned),
        capA: capOf(learned, hardA, known),
        wattPerA: evse.wattPerA,
        remainingWh,
        requestedWh: Math.max(remainingWh, session.requestedWh ?? remainingWh),
        // A car that stays beyond what was assumed is planned as leaving within the first slots.
        leavesInS: Math.max(options.stepS, (leaveMs - snapshot.nowMs) / 1000),
      },
    ]
  })
}

function capOf(learned: LearnedDraw | null, hardA: number, known: readonly number[]): number {
  if (learned?.drawA != null) return usableA(learned, hardA)
  return Math.min(hardA, Math.max(learned?.confirmedA ?? 0, expectedMaximumA(known, hardA)))
}

/**
 * A plan as advice for `Snapshot.plan`. With `keepForLater` a car gets no more than planned even where more is free
 * (waiting for cheaper hours); otherwise the plan only says who is served first.
 */
export function adviceOf(
  request: PlanRequest,
  plan: Plan,
  snapshot: Snapshot,
  options: { readonly untilMs: number; readonly keepForLater: boolean },
): NonNullable<Snapshot['plan']> {
  const advice: Record<string, PlanAdvice> = {}
  for (const session of request.sessions) {
    const evse = snapshot.site.evses[session.load]
    if (!evse) continue
    const plannedA = plan.firstA[session.load] ?? 0
    // Next to nothing means to wait; anything else at least the minimum, since there is nothing below it.
    const firstA = plannedA < 0.1 * evse.minA ? 0 : Math.max(evse.minA, plannedA)
    advice[evse.key] = options.keepForLater ? { firstA, capA: firstA } : { firstA }
  }
  return { untilMs: options.untilMs, advice }
}
