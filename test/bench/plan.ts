import {
  PLAN_POLICIES,
  type PlanPolicyName,
  type PlanRequest,
  type PlanSession,
  plan,
  planSlots,
} from '../../profiles/index.ts'
import { highsSolver, startHighs } from '../../src/conformance/highs.ts'
import { type Instance, instanceOf } from './alloc-instance.ts'
import { phasesOf } from './alloc-lp.ts'

const VOLTAGE_V = 230
const STEP_S = 900
const HORIZON_S = 96 * STEP_S
const TIME_LIMIT_S = 60
const TARGET_MS = 10_000
const SEED = 1

/** A day on a generated tree: stays of one to twelve hours, needs of 5 to 45 kWh. */
function requestOf(instance: Instance, policy: PlanPolicyName, maxColumns: number): PlanRequest {
  const { network, request } = instance
  const sessions = [...request.maxA].map((capA, load): PlanSession => {
    const remainingWh = 5_000 + 1_000 * ((load * 17) % 41)
    return {
      load,
      mask: request.mask[load] ?? 0,
      capA,
      wattPerA: VOLTAGE_V * phasesOf(instance, load),
      remainingWh,
      requestedWh: remainingWh,
      leavesInS: 3_600 + STEP_S * ((load * 29) % 45),
    }
  })
  return {
    network,
    sessions,
    slots: planSlots({ stepS: STEP_S, horizonS: HORIZON_S, limitsAt: () => request.limits }),
    objective: PLAN_POLICIES[policy].objective,
    maxColumns,
  }
}

/** What a plan has for the cars, no car more than it wants. */
function plannedKwh(request: PlanRequest, slotsA: readonly Float64Array[]): number {
  return request.sessions.reduce((sum, { load, wattPerA, remainingWh }) => {
    const wh = request.slots.reduce(
      (total, slot, index) => total + ((slotsA[index]?.[load] ?? 0) * wattPerA * slot.durationS) / 3600,
      0,
    )
    return sum + Math.min(wh, remainingWh) / 1000
  }, 0)
}

const round = (value: number) => Number(value.toFixed(2))

/**
 * The plan of a day: cars of the same place and departure planned as groups, as the service does for many, against
 * every car by itself where that is small enough. True when a thousand cars are planned in seconds.
 */
export async function run(print: (line: string) => void): Promise<boolean> {
  const solve = highsSolver(await startHighs(), TIME_LIMIT_S)
  const timed = async (evses: number, policy: PlanPolicyName, maxColumns: number) => {
    const request = requestOf(instanceOf(evses, SEED), policy, maxColumns)
    const startMs = performance.now()
    const made = await plan(request, solve)
    return { ms: performance.now() - startMs, kwh: made ? plannedKwh(request, made.slotsA) : 0 }
  }
  let met = true
  for (const policy of ['energy', 'fair'] as const) {
    const single = await timed(100, policy, Number.POSITIVE_INFINITY)
    const grouped = await timed(100, policy, 0)
    const many = await timed(1_000, policy, 0)
    const ok = many.kwh > 0 && many.ms <= TARGET_MS
    met &&= ok
    print(
      JSON.stringify({
        bench: 'plan',
        policy,
        evses100Ms: round(single.ms),
        evses100GroupedMs: round(grouped.ms),
        groupedKwhPctOfSingle: round((100 * grouped.kwh) / single.kwh),
        evses1000GroupedMs: round(many.ms),
        targetMs: TARGET_MS,
        ok,
      }),
    )
  }
  return met
}
