import {
  type Session as Demanding,
  EMPTY_SLOTS,
  type EvseState,
  NO_BELIEF,
  onCleared,
  onLost,
  type ProfileSlot,
  type Site,
  type SiteEvse,
  type SlotBelief,
  type SmartChargingDevice,
  type StationState,
} from '../../profiles/index.ts'
import type { DomainEvent, StationBus } from '../bus/ports.ts'
import type { Store } from '../store/ports.ts'
import type { DemandBook } from './demand-book.ts'
import { deviceOf } from './device.ts'
import { type EvPlan, plannedMax } from './ev-plan.ts'
import { type MeasuredCurrent, measuredCurrent, measuredEvse } from './measured.ts'

interface LiveStation {
  readonly id: string
  link: EvseState['link']
  offlineSinceMs: number
  device: SmartChargingDevice
  stationMax: SlotBelief
  /** What is read again from the store before the next decision: its sessions, or its device model and link as well. */
  dirty: 'no' | 'sessions' | 'all'
  rebooted: boolean
  /** Whether its device model says what shapes its profiles. */
  described: boolean
  trust: Trust
}

/** How far a station's word is taken after it was seen not to hold what it had accepted. */
export interface Trust {
  /** The unit that it did not follow; null while it may be written to in any. */
  readonly avoidUnit: 'A' | 'W' | null
  /** Counts at its worst, whatever it accepts. */
  readonly distrusted: boolean
  /** Its station is capped as a whole. */
  readonly capped?: boolean
}
const FULL_TRUST: Trust = { avoidUnit: null, distrusted: false }

interface LiveEvse {
  readonly evse: SiteEvse
  session: Demanding | null
  measured: MeasuredCurrent | null
  slots: EvseState['slots']
  /** What the car itself plans to take at most, from NotifyEVChargingSchedule. */
  evPlan: EvPlan | null
  /** The lowest share of the nominal voltage of the last minutes. */
  low: { readonly share: number; readonly atMs: number } | null
  /** It was promised a profile that is not under way yet (K15.FR.07). */
  waits: boolean
}

/**
 * What is known of a site's stations now. Events only mark and measure; `refresh` reads what they marked, and the
 * loop takes a snapshot. Beliefs are written to the store before anything is sent.
 */
export class LiveSite {
  readonly site: Site
  readonly #store: Store
  readonly #bus: StationBus
  readonly #demands: DemandBook
  readonly #stations = new Map<string, LiveStation>()
  readonly #evses = new Map<string, LiveEvse>()
  readonly #evsesOf = new Map<string, LiveEvse[]>()

  constructor(options: { site: Site; store: Store; bus: StationBus; demands: DemandBook }) {
    this.site = options.site
    this.#store = options.store
    this.#bus = options.bus
    this.#demands = options.demands
    for (const evse of this.site.evses) {
      const live: LiveEvse = {
        evse,
        session: null,
        measured: null,
        slots: EMPTY_SLOTS,
        evPlan: null,
        low: null,
        waits: false,
      }
      this.#evses.set(evse.key, live)
      this.#evsesOf.set(evse.stationId, [...(this.#evsesOf.get(evse.stationId) ?? []), live])
      this.#stations.set(evse.stationId, {
        id: evse.stationId,
        link: 'never-seen',
        offlineSinceMs: 0,
        device: deviceOf([], this.site.voltageV),
        stationMax: NO_BELIEF,
        dirty: 'all',
        rebooted: false,
        described: false,
        trust: FULL_TRUST,
      })
    }
  }

  has(stationId: string): boolean {
    return this.#stations.has(stationId)
  }

  /** Beliefs of the process before this one. What it had under way when it died may or may not have arrived. */
  async restore(nowMs: number): Promise<void> {
    const slots = await this.#store.energy.list('slots/')
    for (const [key, live] of this.#evses) {
      const stored = slots.get(`slots/${key}`) as EvseState['slots'] | undefined
      if (!stored) continue
      live.slots = {
        lease: onLost(stored.lease, nowMs),
        safe: onLost(stored.safe, nowMs),
        hold: onLost(stored.hold, nowMs),
      }
    }
    const caps = await this.#store.energy.list('station-max/')
    for (const station of this.#stations.values()) {
      const stored = caps.get(`station-max/${station.id}`) as SlotBelief | undefined
      if (stored) station.stationMax = onLost(stored, nowMs)
    }
    for (const [key, trust] of await this.#store.energy.list('trust-in/')) {
      const station = this.#stations.get(key.slice('trust-in/'.length))
      if (station) station.trust = trust as Trust
    }
  }

  /** Records what happened; true where the next decision should not wait for the tick. */
  observe(event: DomainEvent, nowMs: number): boolean {
    if (!('stationId' in event) || event.stationId === null) return false
    const station = this.#stations.get(event.stationId)
    if (!station) return false
    switch (event.kind) {
      case 'session.updated':
        if (station.dirty === 'no') station.dirty = 'sessions'
        // What only changes within a session waits for the tick: a fleet reports such things all the time.
        return event.eventType !== 'Updated'
      case 'station.connected':
        station.dirty = 'all'
        return true
      case 'station.booted':
        station.dirty = 'all'
        station.rebooted = true
        return true
      case 'station.disconnected':
        station.dirty = 'all'
        station.offlineSinceMs = nowMs
        return true
      case 'meter.read':
        return this.#measure(event, nowMs)
      default:
        return false
    }
  }

  #measure(event: DomainEvent & { kind: 'meter.read' }, nowMs: number): boolean {
    const live = this.#evses.get(`${event.stationId}#${event.evseId}`)
    if (!live) return false
    const measured = measuredCurrent(event.values, measuredEvse(live.evse, this.site))
    if (!measured) return false
    const share = measured.lowVoltageShare
    const known = live.low !== null && nowMs - live.low.atMs < LOW_VOLTAGE_MS ? live.low.share : 1
    if (share !== undefined && (share <= known || known === 1)) live.low = { share, atMs: nowMs }
    // The age of a value is counted from its arrival: the station's clock may be wrong.
    live.measured = { ...measured, atMs: nowMs }
    return false
  }

  /** What a session needs has changed. */
  demandChanged(stationId: string): void {
    const station = this.#stations.get(stationId)
    if (station?.dirty === 'no') station.dirty = 'sessions'
  }

  setEvPlan(key: string, plan: EvPlan | null): void {
    this.#live(key).evPlan = plan
  }

  setWaits(key: string, waits: boolean): void {
    this.#live(key).waits = waits
  }

  /** Brings the marked stations up to date, all at once: the store answers many questions together. */
  async refresh(nowMs: number): Promise<void> {
    const marked = [...this.#stations.values()].filter((station) => station.dirty !== 'no')
    await Promise.all(
      marked.map(async (station) => {
        const all = station.dirty === 'all'
        station.dirty = 'no'
        if (all) await this.#refreshStation(station)
        await this.#refreshSessions(station, nowMs)
      }),
    )
  }

  async #refreshStation(station: LiveStation): Promise<void> {
    const { rebooted } = station
    station.rebooted = false
    const record = await this.#store.stations.get(station.id)
    const online = this.#bus.isOnline(station.id)
    station.link = online ? 'connected' : record?.boot ? 'offline' : 'never-seen'
    const variables = await this.#store.stations.variables(station.id, { component: 'SmartChargingCtrlr' })
    station.device = deviceOf(variables, this.site.voltageV)
    station.described = variables.length > 0
    // A station that was started again may have forgotten its profiles: until it accepts them anew, none counts.
    if (!rebooted || record?.boot?.reason === 'Triggered') return
    station.stationMax = NO_BELIEF
    if (station.trust.avoidUnit !== null)
      await this.setTrust(station.id, { ...station.trust, avoidUnit: null })
    for (const live of this.#evsesOf.get(station.id) ?? []) await this.#setSlots(live, EMPTY_SLOTS)
  }

  async #refreshSessions(station: LiveStation, nowMs: number): Promise<void> {
    const sessions = await this.#store.sessions.list({ stationId: station.id, active: true, limit: 100 })
    for (const live of this.#evsesOf.get(station.id) ?? []) {
      const session = sessions.find((one) => one.evseId === live.evse.evseId)
      const before = live.session?.transactionId
      if (before !== undefined && before !== session?.transactionId) {
        const lease = onCleared(live.slots.lease, { nowMs, reactionMs: 0 })
        await this.#setSlots(live, { ...live.slots, lease })
        live.measured = null
        live.evPlan = null
        await this.#demands.forget(station.id, before)
      }
      live.session = session
        ? this.#demands.demanding(session, live.evPlan ? plannedMax(live.evPlan, live.evse, nowMs) : {})
        : null
    }
  }

  states(): { evses: EvseState[]; stations: StationState[] } {
    const evses = [...this.#evses.values()].map((live): EvseState => {
      const station = this.#station(live.evse.stationId)
      return {
        key: live.evse.key,
        link: station.link,
        ...(station.link === 'offline' ? { offlineSinceMs: station.offlineSinceMs } : {}),
        session: waiting(live),
        measured: live.measured,
        slots: live.slots,
        device: this.device(station.id),
        ...(station.trust.distrusted ? { distrusted: true } : {}),
        ...(station.trust.capped ? { capped: true } : {}),
        ...(station.trust.avoidUnit === null ? {} : { avoidsUnit: station.trust.avoidUnit }),
      }
    })
    const stations = [...this.#stations.values()].map(
      (station): StationState => ({
        stationId: station.id,
        link: station.link,
        device: this.device(station.id),
        stationMax: station.stationMax,
      }),
    )
    return { evses, stations }
  }

  slot(target: { stationId: string; evseKey: string | null; slot: ProfileSlot }): SlotBelief {
    if (target.slot === 'station-max') return this.#station(target.stationId).stationMax
    return this.#live(target.evseKey).slots[target.slot]
  }

  /** Changes a belief; resolves when it is on disk. */
  async setSlot(
    target: { stationId: string; evseKey: string | null; slot: ProfileSlot },
    belief: SlotBelief,
  ): Promise<void> {
    if (target.slot === 'station-max') {
      this.#station(target.stationId).stationMax = belief
      return this.#store.energy.put(`station-max/${target.stationId}`, belief)
    }
    const live = this.#live(target.evseKey)
    return this.#setSlots(live, { ...live.slots, [target.slot]: belief })
  }

  evse(key: string): {
    readonly measured: MeasuredCurrent | null
    readonly session: Demanding | null
    readonly slots: EvseState['slots']
  } {
    return this.#live(key)
  }

  /** Stations whose device model says nothing of what shapes their profiles. */
  undescribed(): string[] {
    const stations = [...this.#stations.values()]
    return stations.filter((one) => one.link === 'connected' && !one.described).map(({ id }) => id)
  }

  /** Its device model is read again with the next turn. */
  deviceChanged(stationId: string): void {
    this.#station(stationId).dirty = 'all'
  }

  /** What a station's device model says, without the unit that it was seen not to follow. */
  device(stationId: string): SmartChargingDevice {
    const { device: described, trust } = this.#station(stationId)
    const lows = (this.#evsesOf.get(stationId) ?? []).map(({ low }) => low?.share ?? 1)
    const lowVoltageV = Math.floor(described.lineVoltageV * Math.min(...lows))
    const device = lowVoltageV < described.lineVoltageV ? { ...described, lowVoltageV } : described
    const rateUnits = device.rateUnits.filter((unit) => unit !== trust.avoidUnit)
    return trust.avoidUnit === null || rateUnits.length === 0 ? device : { ...device, rateUnits }
  }

  trust(stationId: string): Trust {
    return this.#station(stationId).trust
  }

  async setTrust(stationId: string, trust: Trust): Promise<void> {
    this.#station(stationId).trust = trust
    await this.#store.energy.put(`trust-in/${stationId}`, trust)
  }

  /** The current of each EVSE on the grid's phases, by EVSE index; 0 where nothing was measured since. */
  measuredPhases(sinceMs: number): (readonly [number, number, number])[] {
    return this.site.evses.map((evse) => {
      const phases: [number, number, number] = [0, 0, 0]
      const measured = this.#evses.get(evse.key)?.measured
      if (!measured || measured.atMs < sinceMs) return phases
      evse.terminals.forEach((terminal, index) => {
        phases[terminal.phase - 1] = (phases[terminal.phase - 1] ?? 0) + (measured.currentA[index] ?? 0)
      })
      return phases
    })
  }

  /** EVSEs, by index, whose car has not been measured yet. */
  unmeasured(): ReadonlySet<number> {
    const waiting = [...this.#evses.values()].filter(({ session, measured }) => session && !measured)
    return new Set(waiting.map(({ evse }) => evse.index))
  }

  isOnline(stationId: string): boolean {
    return this.#station(stationId).link === 'connected'
  }

  #setSlots(live: LiveEvse, slots: EvseState['slots']): Promise<void> {
    live.slots = slots
    return this.#store.energy.put(`slots/${live.evse.key}`, slots)
  }

  #station(id: string): LiveStation {
    const station = this.#stations.get(id)
    if (!station) throw new Error(`The station ${id} is not part of the site ${this.site.id}`)
    return station
  }

  #live(key: string | null): LiveEvse {
    const live = key === null ? undefined : this.#evses.get(key)
    if (!live) throw new Error(`The EVSE ${key ?? ''} is not part of the site ${this.site.id}`)
    return live
  }
}

function waiting({ session, waits }: LiveEvse): Demanding | null {
  if (!waits || !session?.iso15118) return session
  return { ...session, iso15118: { ...session.iso15118, waits } }
}

/** Voltage comes and goes with the load: how long its lowest value is kept. */
const LOW_VOLTAGE_MS = 900_000
