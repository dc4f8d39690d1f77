import { allocate } from '../../profiles/index.ts'
import { startHighs } from '../../src/conformance/highs.ts'
import { type Instance, instanceOf } from './alloc-instance.ts'
import { distanceToOracle, maxPower, powerOf } from './alloc-lp.ts'

const SIZES = [
  { evses: 100, targetMs: 1 },
  { evses: 1_000, targetMs: 5 },
  { evses: 10_000, targetMs: 50 },
] as const
const SEEDS = [1, 2, 3, 4, 5]
const VOLTAGE_V = 230
const WARM_UP = 30
const RUNS = 50

function timed(instance: Instance): { p50Ms: number; p99Ms: number; grantA: Float64Array } {
  for (let k = 0; k < WARM_UP; k++) allocate(instance.network, instance.request)
  const times: number[] = []
  let grantA: Float64Array = new Float64Array(0)
  for (let k = 0; k < RUNS; k++) {
    const startMs = performance.now()
    const made = allocate(instance.network, instance.request)
    times.push(performance.now() - startMs)
    grantA = made.grantA
  }
  times.sort((a, b) => a - b)
  return { p50Ms: times[Math.floor(RUNS / 2)] ?? 0, p99Ms: times[RUNS - 1] ?? 0, grantA }
}

function exceeds(instance: Instance, grantA: Float64Array): boolean {
  const { network, request } = instance
  const sums = new Float64Array(network.rowCount)
  for (let load = 0; load < network.loadCount; load++) {
    for (let entry = network.loadStart[load] ?? 0; entry < (network.loadStart[load + 1] ?? 0); entry++) {
      if (((network.entryMask[entry] ?? 0) & (request.mask[load] ?? 0)) === 0) continue
      const row = network.entryRow[entry] ?? 0
      sums[row] = (sums[row] ?? 0) + (grantA[load] ?? 0) * (network.entryRe[entry] ?? 0)
    }
  }
  return sums.some((sum, row) => sum > (request.limits[row] ?? 0) + 1e-6)
}

const round = (value: number, digits: number) => Number(value.toFixed(digits))

/**
 * One allocation on generated trees, against the max-kW linear program in the same run. Prints one JSON line per
 * size and seed, and a last one with the worst of each size. True when every target is met.
 */
export async function run(print: (line: string) => void): Promise<boolean> {
  const highs = await startHighs()
  let met = true
  for (const { evses, targetMs } of SIZES) {
    const lines = SEEDS.map((seed) => {
      const instance = instanceOf(evses, seed)
      const { p50Ms, p99Ms, grantA } = timed(instance)
      const lp = maxPower(highs, instance, VOLTAGE_V)
      const kwPct = (100 * powerOf(instance, grantA, VOLTAGE_V)) / lp.kw
      const oracleA = evses <= 100 ? distanceToOracle(highs, instance) : null
      return {
        seed,
        p50Ms,
        p99Ms,
        lpMs: lp.ms,
        ratio: lp.ms / p50Ms,
        kwPct,
        oracleA,
        exceeds: exceeds(instance, grantA),
      }
    })
    for (const line of lines) {
      print(
        JSON.stringify({
          bench: 'alloc',
          evses,
          seed: line.seed,
          p50Ms: round(line.p50Ms, 3),
          p99Ms: round(line.p99Ms, 3),
          lpMs: round(line.lpMs, 1),
          timesFasterThanLp: round(line.ratio, 0),
          kwPctOfLp: round(line.kwPct, 2),
          ...(line.oracleA === null ? {} : { distanceToMaxMinA: round(line.oracleA, 4) }),
          exceedsALimit: line.exceeds,
        }),
      )
    }
    const slowest = Math.max(...lines.map((line) => line.p50Ms))
    const least = Math.min(...lines.map((line) => line.kwPct))
    const farthest = Math.max(...lines.map((line) => line.oracleA ?? 0))
    const ok = slowest <= targetMs && farthest <= 0.1 && !lines.some((line) => line.exceeds)
    // Reported apart: the max-min split of given cars is unique, and where it is reached exactly its power is given.
    const powerful = least >= 97
    met &&= ok
    print(
      JSON.stringify({
        bench: 'alloc',
        evses,
        worstP50Ms: round(slowest, 3),
        targetMs,
        leastKwPct: round(least, 2),
        atLeast97PctOfLp: powerful,
        ok,
      }),
    )
  }
  return met
}
