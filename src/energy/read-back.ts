import {
  CLOCK_SKEW_MS,
  NO_BELIEF,
  type ProfileSlot,
  profileIds,
  type Site,
  type SiteEvse,
  STATION_MAX_PROFILE_ID,
} from '../../profiles/index.ts'
import type { StationBus } from '../bus/ports.ts'
import type { ChargingProfileType, ReportChargingProfilesRequest } from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import { type BelievedProfile, believedComposite, believedProfiles, onGridA } from './believed.ts'
import type { LiveSite } from './live-site.ts'

export interface ReadBackOptions {
  readonly site: Site
  readonly live: LiveSite
  readonly bus: StationBus
  readonly store: Store
  readonly deadlineMs: number
  readonly nowMs: number
  /** Resolves when the station has reported profiles, or after the deadline. */
  readonly reported: (stationId: string) => Promise<void>
}

export interface ReadBack {
  /** `unanswered`: nothing was learned. `kept`: the station holds what we believe, or less. */
  readonly result: 'kept' | 'differs' | 'unanswered'
  /** Whether it holds or computes other than what it had accepted from us. */
  readonly disobeys: boolean
  readonly findings: readonly string[]
  readonly profiles: readonly HeldProfile[]
  readonly computed: readonly Computed[]
}

export interface HeldProfile {
  readonly evseId: number
  readonly profile: ChargingProfileType
}

/** What a station computes for an EVSE from its profiles, and what we think it should. */
export interface Computed {
  readonly evseKey: string
  readonly unit: 'A' | 'W'
  readonly limit: number
  readonly believed: number
  readonly exceeds: boolean
}

interface Report {
  readonly complete: boolean
  readonly profiles: readonly HeldProfile[]
}

const NOTHING_LEARNED: ReadBack = {
  result: 'unanswered',
  disobeys: false,
  findings: [],
  profiles: [],
  computed: [],
}

/**
 * Asks a station what it really holds and what it computes from that. Profiles that are not ours are cleared; of what
 * it holds less of the belief is dropped, and what it allows beyond our beliefs counts from now on, until it has accepted
 * again. The caller sees to it that nothing is
 * under way to the station meanwhile.
 */
export async function readBack(options: ReadBackOptions, stationId: string): Promise<ReadBack> {
  const report = await ask(options, stationId)
  if (!report?.complete) return NOTHING_LEARNED
  const findings = [...(await clearForeign(options, stationId, report))]
  const wrong = await compareProfiles(options, stationId, report)
  const computed = await compareComposites(options, stationId)
  for (const { evseKey, unit, limit, believed, exceeds } of computed)
    if (exceeds)
      wrong.push(`${evseKey}: the station computes ${limit} ${unit} where ${rounded(believed)} ${unit} hold`)
  findings.push(...wrong)
  const result = findings.length > 0 ? 'differs' : 'kept'
  return { result, disobeys: wrong.length > 0, findings, profiles: report.profiles, computed }
}

async function ask({ bus, store, deadlineMs, reported }: ReadBackOptions, stationId: string) {
  const requestId = Math.floor(Math.random() * 1_000_000_000)
  const after = await lastEventId(store, stationId)
  const waiting = reported(stationId)
  const outcome = await bus.call(
    stationId,
    'GetChargingProfiles',
    { requestId, chargingProfile: { chargingLimitSource: ['CSO'] } },
    { deadlineMs },
  )
  if (outcome.kind !== 'answered') return undefined
  if (outcome.payload.status === 'NoProfiles') return { complete: true, profiles: [] } satisfies Report
  let report: Report = await collect(store, stationId, requestId, after)
  if (report.complete) return report
  await waiting
  // The parts of a report come one after the other; the last may be behind the first by a round trip each.
  for (let look = 0; look < MAX_LOOKS && !report.complete; look++) {
    report = await collect(store, stationId, requestId, after)
    if (!report.complete) await reported(stationId)
  }
  return report
}

const MAX_LOOKS = 20

async function lastEventId(store: Store, stationId: string): Promise<number> {
  let after = 0
  for (;;) {
    const page = await store.events.list({ stationId, kind: 'ReportChargingProfiles', after, limit: 500 })
    after = page.at(-1)?.id ?? after
    if (page.length < 500) return after
  }
}

async function collect(store: Store, stationId: string, requestId: number, after: number): Promise<Report> {
  const events = await store.events.list({ stationId, kind: 'ReportChargingProfiles', after, limit: 500 })
  // The message was checked against its schema before it was stored.
  const parts = events
    .map((event) => event.detail as ReportChargingProfilesRequest)
    .filter((part) => part.requestId === requestId)
  return {
    complete: parts.some((part) => part.tbc !== true),
    profiles: parts.flatMap((part) =>
      part.chargingProfile.map((profile) => ({ evseId: part.evseId, profile })),
    ),
  }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

async function clearForeign(options: ReadBackOptions, stationId: string, report: Report): Promise<string[]> {
  const { site, bus, deadlineMs } = options
  const ours = new Set<number>([STATION_MAX_PROFILE_ID])
  for (const evse of site.evses) {
    if (evse.stationId !== stationId) continue
    for (const id of Object.values(profileIds(evse.evseId))) ours.add(id)
  }
  const foreign = report.profiles.filter(({ profile }) => !ours.has(profile.id))
  const findings: string[] = []
  for (const { profile } of foreign) {
    const cleared = await bus.call(
      stationId,
      'ClearChargingProfile',
      { chargingProfileId: profile.id },
      { deadlineMs },
    )
    const done = cleared.kind === 'answered' && cleared.payload.status === 'Accepted'
    findings.push(`profile ${profile.id} is not ours and was ${done ? 'cleared' : 'not cleared'}`)
  }
  return findings
}

/** Of the profiles that were reported: those that are missing or allow more than was written. */
async function compareProfiles(
  options: ReadBackOptions,
  stationId: string,
  report: Report,
): Promise<string[]> {
  const { live, nowMs } = options
  const findings: string[] = []
  for (const believed of believedProfiles(live, stationId)) {
    const { slot, evseKey, belief } = believed
    const target = { stationId, evseKey, slot }
    const name = `${evseKey ?? stationId}: the ${slot} profile`
    const found = report.profiles.find(({ profile }) => profile.id === belief.profileId)?.profile
    if (!found) {
      // One that has run out may be gone from the station.
      if (belief.expiresAtMs !== null && belief.expiresAtMs <= nowMs) continue
      await live.setSlot(target, NO_BELIEF)
      findings.push(`${name} is missing`)
      continue
    }
    const told = excessOf(believed, found)
    if (!told) continue
    await believeMore(options, target, told.limitA(evseOf(live, evseKey)))
    findings.push(`${name} ${told.text}`)
  }
  return findings
}

/** What a found profile allows above the one that was written; undefined where it allows no more. */
function excessOf(believed: BelievedProfile, found: ChargingProfileType) {
  const [own] = believed.profile.chargingSchedule
  for (const schedule of found.chargingSchedule) {
    const unit = schedule.chargingRateUnit
    const inA = (limit: number) => (evse: SiteEvse | undefined) =>
      evse ? onGridA(evse, limit, unit) : Number.POSITIVE_INFINITY
    const highest = Math.max(...schedule.chargingSchedulePeriod.map((period) => period.limit))
    if (unit !== own?.chargingRateUnit)
      return { limitA: inA(highest), text: `is in ${unit} instead of ${own?.chargingRateUnit ?? 'none'}` }
    for (const atS of [...own.chargingSchedulePeriod, ...schedule.chargingSchedulePeriod].map(startOf)) {
      const [limit, wanted] = [
        limitAt(schedule.chargingSchedulePeriod, atS),
        limitAt(own.chargingSchedulePeriod, atS),
      ]
      if (limit > wanted * RELATIVE + ABSOLUTE[unit])
        return { limitA: inA(highest), text: `says ${limit} ${unit} instead of ${wanted} ${unit}` }
    }
  }
  return undefined
}

const startOf = (period: { readonly startPeriod: number }): number => period.startPeriod

function limitAt(
  periods: readonly { readonly startPeriod: number; readonly limit?: number }[],
  atS: number,
): number {
  return periods.filter((period) => period.startPeriod <= atS).at(-1)?.limit ?? 0
}

/** What the station says counts from now on: the next decision lowers it again, and others make room until then. */
async function believeMore(
  { live }: ReadBackOptions,
  target: { stationId: string; evseKey: string | null; slot: ProfileSlot },
  limitA: number,
): Promise<void> {
  const slot = live.slot(target)
  if (!slot.acked || !Number.isFinite(limitA)) return live.setSlot(target, NO_BELIEF)
  return live.setSlot(target, { ...slot, acked: { ...slot.acked, limitA } })
}

/**
 * What the station itself comes to (GetCompositeSchedule) for its EVSEs with a session. More than the composite of what
 * we believe it holds means that it does not follow what it accepted. Less is its own affair: it may have limits that
 * we do not know.
 */
async function compareComposites(options: ReadBackOptions, stationId: string): Promise<Computed[]> {
  const { live, bus, deadlineMs } = options
  const computed: Computed[] = []
  for (const evse of live.site.evses) {
    if (evse.stationId !== stationId) continue
    const { session, slots } = live.evse(evse.key)
    const unit = slots.lease.acked?.unit ?? slots.safe.acked?.unit
    // Amperes at a DC outlet say nothing of its power.
    if (!session || slots.lease.inFlight || unit === undefined) continue
    // By its own clock it may have run out already, or not yet.
    const endsMs = slots.lease.acked?.expiresAtMs ?? Number.POSITIVE_INFINITY
    if (Math.abs(endsMs - options.nowMs) < CLOCK_SKEW_MS) continue
    if (evse.supply.kind === 'dc' && unit === 'A') continue
    const request = { evseId: evse.evseId, duration: COMPOSITE_S, chargingRateUnit: unit }
    const outcome = await bus.call(stationId, 'GetCompositeSchedule', request, { deadlineMs })
    const schedule = outcome.kind === 'answered' ? outcome.payload.schedule : undefined
    const period = schedule?.chargingSchedulePeriod[0]
    if (!period || schedule?.chargingRateUnit !== unit) continue
    const believed = believedComposite(live, evse, { unit, atMs: options.nowMs })
    const exceeds = period.limit > believed.limit * RELATIVE + ABSOLUTE[unit]
    computed.push({ evseKey: evse.key, unit, limit: period.limit, believed: believed.limit, exceeds })
    if (exceeds) await believeComposite(options, evse, onGridA(evse, period.limit, unit))
  }
  return computed
}

async function believeComposite(options: ReadBackOptions, evse: SiteEvse, limitA: number): Promise<void> {
  const { live, nowMs } = options
  const { stationId, key: evseKey } = evse
  const { lease } = live.evse(evseKey).slots
  if (lease.acked && (lease.acked.expiresAtMs ?? Number.POSITIVE_INFINITY) > nowMs)
    return believeMore(options, { stationId, evseKey, slot: 'lease' }, limitA)
  await live.setSlot({ stationId, evseKey, slot: 'hold' }, NO_BELIEF)
  return believeMore(options, { stationId, evseKey, slot: 'safe' }, limitA)
}

function evseOf(live: LiveSite, key: string | null): SiteEvse | undefined {
  return key === null ? undefined : live.site.evseByKey.get(key)
}

/** Stations round, and turn watts into amperes by voltages of their own. */
const RELATIVE = 1.01
const ABSOLUTE = { A: 0.15, W: 35 } as const
const COMPOSITE_S = 60
