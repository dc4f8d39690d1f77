import {
  bookedMask,
  networkOf,
  PHASES,
  type PolicyName,
  phaseRow,
  rowLoads,
  type Site,
} from '../../profiles/index.ts'
import type { Outlook, PlannerInput } from './planner.ts'
import { meanPrice } from './prices.ts'

type PerPhase<T> = [T, T, T]

/** What the API shows of the hours ahead (openapi.yaml, SiteOutlook). */
export interface SiteOutlook {
  readonly siteId: string
  readonly at: string
  readonly policy: PolicyName
  readonly plannedAt: string | null
  readonly slots: {
    from: string
    to: string
    availableA: PerPhase<number | null>
    pricePerKwh: number | null
    plannedA: PerPhase<number> | null
    plannedW: number | null
  }[]
  readonly evses: {
    stationId: string
    evseId: number
    transactionId: string
    departure: string | null
    remainingWh: number | null
    plannedA: number[] | null
  }[]
}

const iso = (ms: number): string => new Date(ms).toISOString()
const round = (value: number): number => Math.round(value * 10) / 10

/** The outlook in words of the API: the grid connection per slot, and each session's share of it. */
export function siteOutlook(site: Site, input: PlannerInput, outlook: Outlook): SiteOutlook {
  const { fromMs, slotsA } = outlook
  const { snapshot } = input
  const network = networkOf(site)
  const mask = Uint8Array.from(site.evses, (evse) =>
    bookedMask(evse, snapshot.memory?.evses[evse.key]?.learned ?? null),
  )
  const slots = outlook.slots.map((slot, index) => {
    const startMs = fromMs + slot.startS * 1000
    const endMs = startMs + slot.durationS * 1000
    const planned = slotsA?.[index]
    const loads = planned && rowLoads(network, planned, mask)
    const [one, two, three] = PHASES.map((phase) => phaseRow(0, phase))
    const perRow = <T>(pick: (row: number) => T): PerPhase<T> => [
      pick(one ?? 0),
      pick(two ?? 0),
      pick(three ?? 0),
    ]
    return {
      from: iso(startMs),
      to: iso(endMs),
      availableA: perRow((row) => finite(slot.limits[row])),
      pricePerKwh: meanPrice(input.prices, startMs, endMs) ?? null,
      plannedA: loads ? perRow((row) => round(loads[row] ?? 0)) : null,
      plannedW: planned ? Math.round(powerW(site, planned)) : null,
    }
  })
  const evses = snapshot.evses.flatMap(({ key, session }) => {
    const evse = site.evseByKey.get(key)
    if (!evse || !session) return []
    return [
      {
        stationId: evse.stationId,
        evseId: evse.evseId,
        transactionId: session.transactionId,
        departure: session.departureMs === undefined ? null : iso(session.departureMs),
        remainingWh: session.remainingWh === undefined ? null : Math.round(session.remainingWh),
        plannedA: slotsA?.map((planned) => round(planned[evse.index] ?? 0)) ?? null,
      },
    ]
  })
  const plannedAt = slotsA === null ? null : iso(fromMs)
  return { siteId: site.id, at: iso(snapshot.nowMs), policy: snapshot.policy, plannedAt, slots, evses }
}

function powerW(site: Site, planned: Float64Array): number {
  return site.evses.reduce((sum, evse) => sum + (planned[evse.index] ?? 0) * evse.wattPerA, 0)
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : round(value)
}
