import {
  type LimitBelief,
  NO_BELIEF,
  profileIds,
  type Site,
  type SiteEvse,
  STATION_MAX_PROFILE_ID,
} from '../../profiles/index.ts'
import type { StationBus } from '../bus/ports.ts'
import type { ChargingProfileType, ReportChargingProfilesRequest } from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
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
  readonly findings: readonly string[]
}

interface Report {
  readonly complete: boolean
  readonly profiles: readonly { readonly evseId: number; readonly profile: ChargingProfileType }[]
}

/**
 * Asks a station what it really holds. Profiles that are not ours are cleared; beliefs that it does not share are
 * dropped, so that the EVSE counts at its worst until it has accepted again. The caller sees to it that nothing is
 * under way to the station meanwhile.
 */
export async function readBack(options: ReadBackOptions, stationId: string): Promise<ReadBack> {
  const report = await ask(options, stationId)
  if (!report?.complete) return { result: 'unanswered', findings: [] }
  const findings = [...(await clearForeign(options, stationId, report))]
  for (const evse of options.site.evses) {
    if (evse.stationId === stationId) findings.push(...(await compareEvse(options, evse, report)))
  }
  return { result: findings.length > 0 ? 'differs' : 'kept', findings }
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

const SLOTS = ['lease', 'safe', 'hold'] as const

async function compareEvse(options: ReadBackOptions, evse: SiteEvse, report: Report): Promise<string[]> {
  const { live } = options
  const ids = profileIds(evse.evseId)
  const findings: string[] = []
  for (const slot of SLOTS) {
    const target = { stationId: evse.stationId, evseKey: evse.key, slot }
    const belief = live.slot(target).acked
    const found = report.profiles.find(({ profile }) => profile.id === ids[slot])?.profile
    const problem = belief && disagreement(options.nowMs, belief, found)
    if (!problem) continue
    await live.setSlot(target, NO_BELIEF)
    findings.push(`${evse.key}: the ${slot} profile ${problem}`)
  }
  return findings
}

/** Watts and DC are written by other rules; of those only the presence is compared. */
function disagreement(
  nowMs: number,
  belief: LimitBelief,
  found: ChargingProfileType | undefined,
): string | undefined {
  // One that has run out may be gone from the station.
  if (!found) return belief.expiresAtMs === null || belief.expiresAtMs > nowMs ? 'is missing' : undefined
  const schedules = found.chargingSchedule.filter((schedule) => schedule.chargingRateUnit === 'A')
  if (schedules.length === 0 || belief.unit !== 'A') return undefined
  const limit = Math.max(
    ...schedules.flatMap((schedule) => schedule.chargingSchedulePeriod.map((period) => period.limit)),
  )
  return limit > belief.limitA + 0.15 ? `says ${limit} A instead of ${belief.limitA} A` : undefined
}
