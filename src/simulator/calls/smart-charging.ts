import type {
  ChargingLimitSourceEnumType,
  ChargingProfileType,
  ChargingRateUnitEnumType,
  ChargingSchedulePeriodType,
  CompositeScheduleType,
  GetCompositeScheduleRequest,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { EvseLimit } from '../power-path.ts'
import {
  type EvseView,
  evseLimit,
  type InstantLimit,
  nextChangeMs,
  type Supply,
  stationCap,
} from '../smart-charging/limit.ts'
import { ProfileStore, type StoredProfile } from '../smart-charging/profile-store.ts'
import { type ProfileRules, refusesProfile } from '../smart-charging/validate.ts'
import { notifyChargingSchedule } from './charging-needs.ts'

export interface ExternalLimit {
  /** 0 for the whole station. */
  readonly evseId?: number
  readonly limit: number
  readonly unit: ChargingRateUnitEnumType
  readonly source?: ChargingLimitSourceEnumType
  readonly gridCritical?: boolean
}

const EXTERNAL_PROFILE_ID = 900_000
const MAX_PROFILES_PER_REPORT = 4
const MAX_COMPOSITE_PERIODS = 1024

/** Section K from the station's side: takes, refuses, reports and obeys charging profiles. */
export class SmartCharging {
  readonly #context: StationContext
  readonly #evses: () => readonly Evse[]
  readonly store: ProfileStore

  constructor(context: StationContext, evses: () => readonly Evse[]) {
    this.#context = context
    this.#evses = evses
    this.store = new ProfileStore((entries) => context.events.emit('profilesChanged', { entries }))
  }

  /** What an EVSE may offer now: its own limit, and its equal part of what the whole station may draw. */
  limit(evseId: number): EvseLimit {
    const evse = this.#evses().find((each) => each.id === evseId)
    if (evse === undefined) return { currentA: 0, powerW: 0, phases: 0 }
    const nowMs = this.#context.clock.now()
    const wanted = evseLimit(this.store.all, this.#view(evse), nowMs)
    const switches = this.#context.device.flag('SmartChargingCtrlr.Phases3to1')
    // A station without a phase switch offers the current on all the phases that it is wired to.
    const own = { ...wanted, phases: switches ? wanted.phases : evse.supply.phases }
    const cap = stationCap(this.store.all, supplyOf(evse), nowMs)
    if (cap === undefined) return own
    const active = this.#evses().filter((each) => each.vehicle !== undefined && each.authorized).length
    const share = Math.max(1, active)
    return {
      currentA: Math.min(own.currentA, cap.currentA / share),
      powerW: Math.min(own.powerW, cap.powerW / share),
      phases: own.phases,
    }
  }

  refuses(evseId: number, profile: ChargingProfileType, atStart = false): string | undefined {
    return refusesProfile(evseId, profile, this.#rules(atStart))
  }

  install(evseId: number, profile: ChargingProfileType): void {
    this.store.put({ evseId, profile, source: 'CSO' })
  }

  transactionEnded(transactionId: string): void {
    this.store.transactionEnded(transactionId)
  }

  /** K11-K13: something on site (an EMS, the grid operator) limits the station without the CSMS. */
  setExternalLimit(external: ExternalLimit): void {
    const { evseId = 0, limit, unit, source = 'EMS', gridCritical } = external
    const profile: ChargingProfileType = {
      id: EXTERNAL_PROFILE_ID + evseId,
      stackLevel: 0,
      chargingProfilePurpose: 'ChargingStationExternalConstraints',
      chargingProfileKind: 'Absolute',
      chargingSchedule: [
        {
          id: EXTERNAL_PROFILE_ID + evseId,
          startSchedule: this.#context.clock.iso(),
          chargingRateUnit: unit,
          chargingSchedulePeriod: [{ startPeriod: 0, limit }],
        },
      ],
    }
    this.store.put({ evseId, profile, source })
    const withSchedule = this.#context.device.flag('SmartChargingCtrlr.NotifyChargingLimitWithSchedules')
    this.#context.send('NotifyChargingLimit', {
      evseId,
      chargingLimit: {
        chargingLimitSource: source,
        ...(gridCritical === undefined ? {} : { isGridCritical: gridCritical }),
      },
      ...(withSchedule ? { chargingSchedule: profile.chargingSchedule } : {}),
    })
  }

  clearExternalLimit(evseId = 0, source: ChargingLimitSourceEnumType = 'EMS'): void {
    if (!this.store.clearExternal(evseId)) return
    this.#context.send('ClearedChargingLimit', { chargingLimitSource: source, evseId })
  }

  readonly handlers: Handlers = {
    SetChargingProfile: ({ evseId, chargingProfile }) => {
      const enabled = this.#context.device.flag('SmartChargingCtrlr.Enabled')
      const reasonCode = enabled ? this.refuses(evseId, chargingProfile) : 'NotEnabled'
      const { counters } = this.#context
      if (reasonCode !== undefined) {
        counters.profilesRejected++
        return { answer: { status: 'Rejected', statusInfo: { reasonCode } } }
      }
      counters.profilesAccepted++
      this.install(evseId, chargingProfile)
      const evse = this.#evses().find((each) => each.id === evseId)
      const planned = chargingProfile.chargingProfilePurpose === 'TxProfile' && evse?.vehicle?.iso15118
      if (evse === undefined || !planned) return { answer: { status: 'Accepted' } }
      const after = () => notifyChargingSchedule(this.#context, evse, chargingProfile)
      return { answer: { status: 'Accepted' }, after }
    },
    ClearChargingProfile: (request) => ({
      answer: { status: this.store.clear(request) ? 'Accepted' : 'Unknown' },
    }),
    GetChargingProfiles: (request) => {
      const found = this.store.find(request)
      if (found.length === 0) return { answer: { status: 'NoProfiles' } }
      return { answer: { status: 'Accepted' }, after: () => this.#report(request.requestId, found) }
    },
    GetCompositeSchedule: (request) => {
      const { chargingRateUnit: unit = 'A' } = request
      const units = this.#context.device.list('SmartChargingCtrlr.RateUnit')
      const known = request.evseId === 0 || this.#evses().some((evse) => evse.id === request.evseId)
      if (!known) return { answer: { status: 'Rejected', statusInfo: { reasonCode: 'UnknownEvse' } } }
      if (!units.includes(unit)) {
        return { answer: { status: 'Rejected', statusInfo: { reasonCode: 'UnsupportedRateUnit' } } }
      }
      return { answer: { status: 'Accepted', schedule: this.composite(request) } }
    },
  }

  /** K08: the limits from now on, for `duration` seconds. */
  composite(request: GetCompositeScheduleRequest): CompositeScheduleType {
    const unit = request.chargingRateUnit ?? 'A'
    const startMs = Math.floor(this.#context.clock.now() / 1000) * 1000
    const endMs = startMs + request.duration * 1000
    const periods: ChargingSchedulePeriodType[] = []
    let atMs = startMs
    // At least the present moment is answered, and no more than a schedule can hold.
    do {
      const limit = this.#limitAt(request.evseId, atMs, startMs)
      const value = Math.round((unit === 'A' ? limit.currentA : limit.powerW) * 10) / 10
      const previous = periods.at(-1)
      if (previous?.limit !== value || previous.numberPhases !== limit.phases) {
        const startPeriod = Math.round((atMs - startMs) / 1000)
        periods.push({ startPeriod, limit: value, numberPhases: limit.phases })
      }
      atMs = this.#nextChangeMs(request.evseId, atMs, startMs)
    } while (atMs < endMs && periods.length < MAX_COMPOSITE_PERIODS)
    const coveredMs = Math.min(endMs, atMs) - startMs
    return {
      evseId: request.evseId,
      duration: Math.floor(coveredMs / 1000),
      scheduleStart: new Date(startMs).toISOString(),
      chargingRateUnit: unit,
      chargingSchedulePeriod: periods,
    }
  }

  #nextChangeMs(evseId: number, atMs: number, queryMs: number): number {
    const evses = this.#evses().filter((evse) => evseId === 0 || evse.id === evseId)
    const starts = evses.map((evse) => this.#view(evse, queryMs).transactionStartMs)
    const changes = [queryMs, ...starts].map((start) => nextChangeMs(this.store.all, start, atMs))
    return Math.min(...changes)
  }

  #limitAt(evseId: number, atMs: number, queryMs: number): InstantLimit {
    const evses = this.#evses().filter((evse) => evseId === 0 || evse.id === evseId)
    const limits = evses.map((evse) => evseLimit(this.store.all, this.#view(evse, queryMs), atMs))
    const sum: InstantLimit = {
      currentA: limits.reduce((total, limit) => total + limit.currentA, 0),
      powerW: limits.reduce((total, limit) => total + limit.powerW, 0),
      phases: Math.max(1, ...limits.map((limit) => limit.phases)),
    }
    const [first] = evses
    const cap = first === undefined ? undefined : stationCap(this.store.all, supplyOf(first), atMs)
    if (cap === undefined) return sum
    return {
      currentA: Math.min(sum.currentA, cap.currentA),
      powerW: Math.min(sum.powerW, cap.powerW),
      phases: Math.min(sum.phases, cap.phases),
    }
  }

  /** Without a transaction a Relative profile counts from `idleStartMs`: as if one began there. */
  #view(evse: Evse, idleStartMs?: number): EvseView {
    const { clock, scheduler } = this.#context
    const started = evse.transaction?.startedMs
    return {
      evseId: evse.id,
      supply: supplyOf(evse),
      transactionId: evse.transaction?.id,
      transactionStartMs: started === undefined ? idleStartMs : clock.now() - (scheduler.now() - started),
    }
  }

  #rules(atStart: boolean): ProfileRules {
    const { device } = this.#context
    const evse = (evseId: number) => this.#evses().find((each) => each.id === evseId)
    return {
      evseIds: this.#evses().map((each) => each.id),
      maxStackLevel: device.number('SmartChargingCtrlr.ProfileStackLevel'),
      maxPeriods: device.number('SmartChargingCtrlr.PeriodsPerSchedule'),
      maxEntries: device.limit('SmartChargingCtrlr.Entries[ChargingProfiles]'),
      rateUnits: device.list('SmartChargingCtrlr.RateUnit'),
      phaseSwitching: device.flag('SmartChargingCtrlr.ACPhaseSwitchingSupported'),
      isDc: (evseId) => evse(evseId)?.supply.kind === 'DC',
      transactionOn: (evseId) => evse(evseId)?.transaction?.id,
      iso15118On: (evseId) => evse(evseId)?.vehicle?.iso15118 ?? false,
      held: this.store.all,
      atStart,
    }
  }

  /** K09.FR: one report per EVSE and source, in portions. */
  #report(requestId: number, found: readonly StoredProfile[]): void {
    const portions = new Map<string, StoredProfile[]>()
    for (const stored of found) {
      const key = `${stored.evseId}/${stored.source}`
      portions.set(key, [...(portions.get(key) ?? []), stored])
    }
    const parts = [...portions.values()].flatMap((group) =>
      Array.from({ length: Math.ceil(group.length / MAX_PROFILES_PER_REPORT) }, (_, index) =>
        group.slice(index * MAX_PROFILES_PER_REPORT, (index + 1) * MAX_PROFILES_PER_REPORT),
      ),
    )
    for (const [index, part] of parts.entries()) {
      const [first] = part
      if (first === undefined) continue
      this.#context.send(
        'ReportChargingProfiles',
        {
          requestId,
          evseId: first.evseId,
          chargingLimitSource: first.source,
          chargingProfile: part.map((stored) => stored.profile),
          tbc: index < parts.length - 1,
        },
        { solicited: true },
      )
    }
  }
}

function supplyOf(evse: Evse): Supply {
  return {
    kind: evse.supply.kind,
    voltageV: evse.supply.voltageV,
    phases: evse.supply.kind === 'DC' ? 3 : evse.supply.phases,
    maxCurrentA:
      evse.supply.kind === 'DC' ? evse.maxPowerW / (3 * evse.supply.voltageV) : evse.supply.maxCurrentA,
    maxPowerW: evse.maxPowerW,
  }
}
