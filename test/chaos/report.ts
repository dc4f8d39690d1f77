import { type Excursion, RECOVERY_MS, type Verdict } from './judge.ts'
import type { WorldName } from './sites.ts'

/** What a run came to. */
export interface Report {
  readonly world: WorldName
  readonly seed: number
  readonly minutes: number
  readonly kept: boolean
  /** How often each trouble was had. */
  readonly troubles: Readonly<Record<string, number>>
  readonly nodes: readonly Verdict[]
  readonly energy: {
    readonly deliveredKwh: number
    /** What a service would have delivered that knows everything and is obeyed at once. */
    readonly idealKwh: number
    readonly share: number
    readonly floor: number
  }
  readonly excursions: readonly Excursion[]
}

/**
 * A service that gives nobody anything keeps every limit. Without troubles the cars must get nearly all there is. Under
 * lasting trouble a third of the stations at a time is deaf, silent, gone or starting anew, and room is kept for what
 * each could draw at worst: runs of ten minutes reach 48 to 75 %. A short run is mostly the minute in which cars are
 * still being learned.
 */
export const ENERGY_FLOOR = { calm: 0.85, troubled: 0.4, short: 0.15 } as const
/** Troubles that take minutes, and the full floor, are for runs at least as long as this. */
export const LONG_RUN_MS = 180_000

function floorOf({ troubles, minutes }: Pick<Report, 'troubles' | 'minutes'>): number {
  if (Object.keys(troubles).length === 0) return ENERGY_FLOOR.calm
  return minutes * 60_000 < LONG_RUN_MS ? ENERGY_FLOOR.short : ENERGY_FLOOR.troubled
}

export function judgeRun(
  run: Omit<Report, 'kept' | 'energy'> & { deliveredWh: number; idealWh: number },
): Report {
  const { deliveredWh, idealWh, ...rest } = run
  const floor = floorOf(run)
  const share = idealWh > 0 ? deliveredWh / idealWh : 0
  const within = run.nodes.every((node) => node.normal.ms === 0 && node.longestExcursionMs <= RECOVERY_MS)
  const kwh = (wattHours: number) => Math.round(wattHours) / 1000
  return {
    ...rest,
    kept: within && share >= floor,
    energy: {
      deliveredKwh: kwh(deliveredWh),
      idealKwh: kwh(idealWh),
      share: Math.round(share * 1000) / 1000,
      floor,
    },
  }
}

export function reportLines(report: Report): string[] {
  const { energy, nodes } = report
  const nodeLines = nodes.map(({ nodeId, normal, disturbed, longestExcursionMs }) => {
    const said = (above: Verdict['normal']) =>
      above.ms === 0
        ? 'never above'
        : `${seconds(above.ms)} s above, ${seconds(above.longestMs)} s at a time, at most ${above.highestA} A, ${above.ampereSeconds} As`
    return `${nodeId}: in normal operation ${said(normal)}; after a disturbance ${said(disturbed)}; longest excursion ${seconds(longestExcursionMs)} s`
  })
  const had = Object.entries(report.troubles).sort(([a], [b]) => a.localeCompare(b))
  return [
    ...report.excursions
      .filter(({ explained }) => !explained)
      .map((one) => `unexplained ${JSON.stringify(one)}`),
    ...nodeLines,
    `troubles: ${had.map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
    `energy: ${energy.deliveredKwh} kWh of ${energy.idealKwh} kWh at best (${Math.round(energy.share * 100)} %, at least ${Math.round(energy.floor * 100)} % wanted)`,
    `${report.kept ? 'kept' : 'BROKEN'}: world ${report.world}, seed ${report.seed}, ${report.minutes.toFixed(1)} minutes`,
  ]
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
