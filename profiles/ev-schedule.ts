import type { SmartChargingDevice } from './device.ts'
import { CLOCK_SKEW_MS, compressPeriods, writeLimit } from './encode.ts'
import type { ChargingSchedule, ChargingSchedulePeriod, SetChargingProfileRequest } from './profile.ts'
import { parseTime } from './profile-clock.ts'
import { type PriceStep, salesTariffOf } from './sales-tariff.ts'
import type { SiteEvse } from './site.ts'

/** What a car wants until it leaves, to choose schedules for it by. */
export interface CarWish {
  readonly remainingWh: number
  readonly departureMs: number
  /** What one ampere is on as many phases as the car uses. */
  readonly wattPerA: number
}

export interface Choices {
  readonly evse: SiteEvse
  readonly device: SmartChargingDevice
  readonly nowMs: number
  /** From NotifyEVChargingNeeds; periods per schedule. `null`: as many as the station takes. */
  readonly maxScheduleTuples: number | null
  /** `null` where the car did not say what it needs by when: it gets one schedule. */
  readonly wish: CarWish | null
  readonly prices: readonly PriceStep[]
}

/** Less than this share below the first schedule is no choice. */
const WORTH = 0.1
/** Prices are told this far ahead where the departure is not known. */
const TARIFF_MS = 24 * 3_600_000

/**
 * A profile with one schedule, as up to three that a car may choose from (K15.FR.07): the most that it is promised;
 * only as much as it needs on average, for its battery's sake; and only in the cheapest hours that suffice. None is ever
 * above the first, so that what is booked for that stays right whatever the car picks, told or not (K15.FR.18).
 * Hours are chosen by what is promised, not by what is hoped for: a car that waits for them can count on them.
 */
export function withChoices(request: SetChargingProfileRequest, choices: Choices): SetChargingProfileRequest {
  const [most] = request.chargingProfile.chargingSchedule
  if (most?.startSchedule === undefined) return request
  const { prices, nowMs, wish } = choices
  const maxPeriods = maxPeriodsOf(choices)
  const untilMs = wish?.departureMs ?? nowMs + TARIFF_MS
  const salesTariff = salesTariffOf(prices, { nowMs, untilMs, maxEntries: maxPeriods })
  // Amperes at a DC outlet say nothing of its power.
  const known =
    wish && wish.remainingWh > 0 && !(choices.evse.supply.kind === 'dc' && most.chargingRateUnit === 'A')
  const more = known ? [flat(most, wish, choices), cheapest(most, wish, choices)] : []
  const periods = [most.chargingSchedulePeriod, ...more.filter((made) => made !== null)]
  const chargingSchedule = periods.map((chargingSchedulePeriod, index) => ({
    ...most,
    id: index + 1,
    chargingSchedulePeriod,
    ...(salesTariff ? { salesTariff } : {}),
  }))
  return { ...request, chargingProfile: { ...request.chargingProfile, chargingSchedule } }
}

function maxPeriodsOf({ device, maxScheduleTuples }: Choices): number {
  return Math.max(1, Math.min(device.periodsPerSchedule, maxScheduleTuples ?? Number.POSITIVE_INFINITY))
}

/** Watts that the car takes per unit of a limit. */
function wattPerLimit(schedule: ChargingSchedule, { evse }: Choices, wish: CarWish): number {
  if (schedule.chargingRateUnit === 'A') return wish.wattPerA
  return evse.supply.kind === 'dc' ? 1 : wish.wattPerA / evse.wattPerA
}

function flat(most: ChargingSchedule, wish: CarWish, choices: Choices): ChargingSchedulePeriod[] | null {
  const { evse, device, nowMs } = choices
  const hours = (wish.departureMs - nowMs) / 3_600_000
  if (!(hours > 0)) return null
  const needed = wish.remainingWh / hours / wattPerLimit(most, choices, wish)
  const least = writeLimit({ evse, device, unit: most.chargingRateUnit, limitA: evse.minA }).limit
  const level = Math.max(least, Math.ceil(needed * 10) / 10)
  const first = limitAt(most, (nowMs - startOf(most, nowMs)) / 1000) ?? 0
  if (level > first * (1 - WORTH)) return null
  return joined(most.chargingSchedulePeriod.map((period) => atMost(period, level)))
}

interface Hour {
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
  readonly pricePerKwh: number
}

function cheapest(most: ChargingSchedule, wish: CarWish, choices: Choices): ChargingSchedulePeriod[] | null {
  const hours = hoursOf(most, wish, choices)
  const [first] = hours
  if (!first || hours.every((hour) => hour.pricePerKwh === first.pricePerKwh)) return null
  const perLimit = wattPerLimit(most, choices, wish)
  const used = new Set<Hour>()
  let missingWh = wish.remainingWh
  for (const hour of [...hours].sort((a, b) => a.pricePerKwh - b.pricePerKwh || a.fromMs - b.fromMs)) {
    if (missingWh <= 0) break
    if (hour.limit === 0) continue
    used.add(hour)
    missingWh -= energyWh(hour, perLimit)
  }
  if (missingWh > 0 || hours.every((hour) => used.has(hour) || hour.limit === 0)) return null
  const startMs = startOf(most, choices.nowMs)
  const chosen = hours.map((hour, index) => {
    const startPeriod = index === 0 ? 0 : Math.ceil((hour.fromMs - startMs) / 1000)
    return {
      ...periodAt(most, (hour.fromMs - startMs) / 1000),
      startPeriod,
      ...(used.has(hour) ? {} : { limit: 0 }),
    }
  })
  const leavesS = Math.ceil((wish.departureMs - startMs) / 1000)
  const after = [
    { ...periodAt(most, leavesS), startPeriod: leavesS },
    ...most.chargingSchedulePeriod.filter((period) => period.startPeriod > leavesS),
  ]
  const endsS = most.duration ?? Number.POSITIVE_INFINITY
  const all = joined([...chosen, ...after].filter((one) => one.startPeriod < endsS))
  const durationS = Math.min(endsS, Math.max(leavesS, all.at(-1)?.startPeriod ?? 0) + 3600)
  const periods = compressPeriods(all, { maxPeriods: maxPeriodsOf(choices), durationS })
  // What was lost to fit the car's memory may be what it needs.
  const given = hours.reduce((sum, hour) => {
    const limit = limitAt({ ...most, chargingSchedulePeriod: periods }, (hour.fromMs - startMs) / 1000) ?? 0
    return sum + energyWh({ ...hour, limit: Math.min(limit, hour.limit) }, perLimit)
  }, 0)
  return given + 1 < wish.remainingWh ? null : periods
}

/** The stay in stretches of one price and one limit; empty where a price is not known. */
function hoursOf(most: ChargingSchedule, wish: CarWish, { prices, nowMs }: Choices): Hour[] {
  const { departureMs } = wish
  const startMs = startOf(most, nowMs)
  const edges = new Set([nowMs])
  for (const { fromMs, toMs } of prices) for (const edge of [fromMs, toMs]) edges.add(edge)
  for (const { startPeriod } of most.chargingSchedulePeriod) edges.add(startMs + startPeriod * 1000)
  if (most.duration !== undefined) edges.add(startMs + most.duration * 1000)
  const inside = [...edges].filter((edge) => edge >= nowMs && edge < departureMs).sort((a, b) => a - b)
  const hours: Hour[] = []
  for (const [index, fromMs] of inside.entries()) {
    const price = prices.find((one) => one.fromMs <= fromMs && fromMs < one.toMs)
    if (!price) return []
    const limit = limitAt(most, (fromMs - startMs) / 1000) ?? 0
    hours.push({ fromMs, toMs: inside[index + 1] ?? departureMs, limit, pricePerKwh: price.pricePerKwh })
  }
  return hours
}

function energyWh(hour: Hour, perLimit: number): number {
  return (hour.limit * perLimit * (hour.toMs - hour.fromMs)) / 3_600_000
}

function atMost(period: ChargingSchedulePeriod, limit: number): ChargingSchedulePeriod {
  return { ...period, limit: Math.min(period.limit ?? limit, limit) }
}

function joined(periods: readonly ChargingSchedulePeriod[]): ChargingSchedulePeriod[] {
  // Of two that begin in the same second the later one is the schedule.
  return periods
    .filter((period, index) => period.startPeriod !== periods[index + 1]?.startPeriod)
    .filter((period, index, all) => index === 0 || period.limit !== all[index - 1]?.limit)
}

function startOf(schedule: ChargingSchedule, otherwiseMs: number): number {
  return schedule.startSchedule === undefined ? otherwiseMs : parseTime(schedule.startSchedule)
}

function periodAt(schedule: ChargingSchedule, atS: number): ChargingSchedulePeriod {
  const [first, ...more] = schedule.chargingSchedulePeriod
  return more.filter((period) => period.startPeriod <= atS).at(-1) ?? first ?? { startPeriod: 0, limit: 0 }
}

/** `undefined` before the schedule starts and after it has ended. */
function limitAt(schedule: ChargingSchedule, atS: number): number | undefined {
  if (atS < 0 || atS >= (schedule.duration ?? Number.POSITIVE_INFINITY)) return undefined
  return periodAt(schedule, atS).limit
}

/** Rounding, and what a car's own regulation is allowed above a schedule before it counts as exceeding it. */
const TOLERANCE = 1.01
const TOLERANCE_A = 0.15

/** A limit of a schedule in amperes per phase on the grid side. */
export function gridAmperes(evse: SiteEvse, limit: number, unit: 'A' | 'W'): number {
  if (unit === 'A' && evse.supply.kind !== 'dc') return limit
  const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
  return limit / efficiency / evse.wattPerA
}

/**
 * Where a car's plan is above the schedule it was given, from now on: milliseconds since the epoch, or `null` when
 * nowhere (K15.FR.11-13, K16.FR.06-08). After the end of a schedule nothing was given, and nothing is judged.
 */
export function planExceeds(options: {
  readonly evse: SiteEvse
  readonly offered: ChargingSchedule
  readonly planned: ChargingSchedule
  /** Start of the car's plan where it names none. */
  readonly timeBaseMs: number
  readonly nowMs: number
}): number | null {
  const { evse, offered, planned, nowMs } = options
  const plannedMs = startOf(planned, options.timeBaseMs)
  const offeredMs = startOf(offered, options.timeBaseMs)
  const edges = new Set([nowMs, plannedMs])
  for (const period of planned.chargingSchedulePeriod) edges.add(plannedMs + period.startPeriod * 1000)
  for (const period of offered.chargingSchedulePeriod)
    for (const lateMs of [0, CLOCK_SKEW_MS]) edges.add(offeredMs + period.startPeriod * 1000 + lateMs)
  for (const edge of [...edges].sort((a, b) => a - b)) {
    if (edge < nowMs) continue
    const wanted = limitAt(planned, (edge - plannedMs) / 1000)
    const atS = (edge - offeredMs) / 1000
    const now = limitAt(offered, atS)
    if (wanted === undefined || now === undefined) continue
    // A plan is told in whole periods from a time of the station's own clock.
    const allowed = Math.max(now, limitAt(offered, atS - CLOCK_SKEW_MS / 1000) ?? 0)
    const wantedA = gridAmperes(evse, wanted, planned.chargingRateUnit)
    const allowedA = gridAmperes(evse, allowed, offered.chargingRateUnit)
    if (wantedA > allowedA * TOLERANCE + TOLERANCE_A) return edge
  }
  return null
}
