import type { PlanPolicyName } from '../../profiles/index.ts'

/** The scorer's figures that are judged; everything else is passed through. */
export interface Score {
  readonly scenario: string
  readonly energy_kwh: number
  readonly energy_pct: number
  readonly min_fulfil: number
  readonly grant_violations: number
  readonly draw_violations: number
  readonly starts: number
  readonly pct_of_offline?: number
  readonly cost_eur?: number
  readonly eur_per_kwh?: number
}

interface Anchor {
  readonly energy_kwh?: number
  readonly energy_pct?: number
  readonly min_fulfil?: number
  readonly cost_eur?: number
  readonly starts?: number
  readonly violations?: number
}

/** What other algorithms reach; the published ones with their energy only, as a share of what was asked for. */
export interface Anchors {
  readonly OFFLINE?: Anchor
  readonly OFFLINE_COST?: Anchor
  readonly OFFLINE_MAXMIN?: Anchor
  readonly PUBLISHED_ENERGY_PCT?: Readonly<Record<string, number>>
  readonly [algorithm: string]: Anchor | Readonly<Record<string, number>> | undefined
}

export interface Target {
  readonly name: string
  readonly value: number
  readonly wanted: number
  readonly met: boolean
}

const atLeast = (name: string, value: number, wanted: number): Target => ({
  name,
  value,
  wanted,
  met: value >= wanted,
})
const atMost = (name: string, value: number, wanted: number): Target => ({
  name,
  value,
  wanted,
  met: value <= wanted,
})
const rounded = (value: number) => Number(value.toFixed(4))

/** Bounds with perfect foresight, no schedule at all, or over the limits: nothing that a schedule can be held to. */
function schedulers(anchors: Anchors): [string, Anchor][] {
  return Object.entries(anchors).flatMap(([name, anchor]): [string, Anchor][] => {
    if (!anchor || /^(UNCTRL|OFFLINE|PUBLISHED)/.test(name)) return []
    const listed: Anchor = anchor
    return (listed.violations ?? 0) > 0 ? [] : [[name, listed]]
  })
}

function best(found: readonly (readonly [string, number | undefined])[]): readonly [string, number] | null {
  const known = found.flatMap(([name, value]): [string, number][] =>
    value === undefined ? [] : [[name, value]],
  )
  return known.sort((a, b) => b[1] - a[1])[0] ?? null
}

/** What a policy must reach on a scenario, from the scenario's own anchors. */
export function targetsOf(anchors: Anchors, policy: PlanPolicyName, made: Score): Target[] {
  const found: Target[] = [
    atMost('grant violations', made.grant_violations, 0),
    atMost('draw violations', made.draw_violations, 0),
  ]
  const energyPct = made.pct_of_offline
  const share = { energy: 97, fair: 93, cost: 98 }[policy]
  if (energyPct !== undefined) found.push(atLeast('energy, % of OFFLINE', energyPct, share))
  const others = schedulers(anchors)
  if (policy === 'energy') {
    const published = Object.entries(anchors.PUBLISHED_ENERGY_PCT ?? {}).filter(
      ([name]) => !name.startsWith('OFFLINE'),
    )
    const most = best([
      ...others.map(([name, anchor]) => [name, anchor.energy_pct] as const),
      ...published.map(([name, pct]) => [`published ${name}`, pct] as const),
    ])
    if (most)
      found.push(
        atLeast(`energy, % of the demand, of the best listed (${most[0]})`, made.energy_pct, most[1]),
      )
  }
  if (policy === 'fair') {
    const fair = anchors.OFFLINE_MAXMIN?.min_fulfil
    if (fair !== undefined)
      found.push(atLeast('min fulfilment, share of OFFLINE_MAXMIN', rounded(made.min_fulfil / fair), 0.7))
    const most = best(others.map(([name, anchor]) => [name, anchor.min_fulfil]))
    if (most) found.push(atLeast(`min fulfilment of the best listed (${most[0]})`, made.min_fulfil, most[1]))
  }
  if (policy === 'cost') {
    const cheap = anchors.OFFLINE_COST?.cost_eur
    if (cheap !== undefined)
      found.push(atMost('cost, share of OFFLINE_COST', rounded((made.cost_eur ?? 0) / cheap), 1.05))
    const least = best(
      others.map(([name, { cost_eur, energy_kwh }]) => [
        name,
        cost_eur === undefined || !energy_kwh ? undefined : -cost_eur / energy_kwh,
      ]),
    )
    if (least && made.eur_per_kwh !== undefined)
      found.push(atMost(`price per kWh of the cheapest listed (${least[0]})`, made.eur_per_kwh, -least[1]))
  }
  return found
}

/** What is told but not asked for, and why something could not be judged. */
export function remarksOf(anchors: Anchors, made: Score): string[] {
  const remarks: string[] = []
  if (made.pct_of_offline === undefined)
    remarks.push('the file has no OFFLINE: energy is not judged against the optimum')
  const starts = schedulers(anchors).find(([name]) => name === 'RR')?.[1].starts
  if (starts !== undefined && made.starts > starts)
    remarks.push(`${made.starts} starts, round robin has ${starts}`)
  return remarks
}
