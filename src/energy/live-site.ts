import {
  DEFAULT_DEVICE,
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
import type { Session } from '../store/sessions.ts'
import { deviceOf } from './device.ts'
import { type MeasuredCurrent, measuredCurrent } from './measured.ts'

interface LiveStation {
  readonly id: string
  link: EvseState['link']
  offlineSinceMs: number
  device: SmartChargingDevice
  stationMax: SlotBelief
  /** Session and device are read again from the store before the next decision. */
  dirty: boolean
  rebooted: boolean
}

interface LiveEvse {
  readonly evse: SiteEvse
  session: Demanding | null
  measured: MeasuredCurrent | null
  slots: EvseState['slots']
}

/**
 * What is known of a site's stations now. Events only mark and measure; `refresh` reads what they marked, and the
 * loop takes a snapshot. Beliefs are written to the store before anything is sent.
 */
export class LiveSite {
  readonly site: Site
  readonly #store: Store
  readonly #bus: StationBus
  readonly #stations = new Map<string, LiveStation>()
  readonly #evses = new Map<string, LiveEvse>()

  constructor(options: { site: Site; store: Store; bus: StationBus }) {
    this.site = options.site
    this.#store = options.store
    this.#bus = options.bus
    for (const evse of this.site.evses) {
      this.#evses.set(evse.key, { evse, session: null, measured: null, slots: EMPTY_SLOTS })
      this.#stations.set(evse.stationId, {
        id: evse.stationId,
        link: 'never-seen',
        offlineSinceMs: 0,
        device: DEFAULT_DEVICE,
        stationMax: NO_BELIEF,
        dirty: true,
        rebooted: false,
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
  }

  /** Records what happened; true where the next decision should not wait for the tick. */
  observe(event: DomainEvent, nowMs: number): boolean {
    if (!('stationId' in event) || event.stationId === null) return false
    const station = this.#stations.get(event.stationId)
    if (!station) return false
    switch (event.kind) {
      case 'station.connected':
      case 'session.updated':
      case 'charging-limit.reported':
        station.dirty = true
        return true
      case 'station.booted':
        station.dirty = true
        station.rebooted = true
        return true
      case 'station.disconnected':
        station.dirty = true
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
    const terminals = live.evse.supply.kind === 'ac' ? live.evse.terminals.length : 3
    const measured = measuredCurrent(event.values, { terminals, wattPerA: live.evse.wattPerA })
    if (!measured) return false
    // The age of a value is counted from its arrival: the station's clock may be wrong.
    live.measured = { ...measured, atMs: nowMs }
    return false
  }

  /** Brings the marked stations up to date. */
  async refresh(nowMs: number): Promise<void> {
    for (const station of this.#stations.values()) {
      if (!station.dirty) continue
      station.dirty = false
      await this.#refreshStation(station, nowMs)
    }
  }

  async #refreshStation(station: LiveStation, nowMs: number): Promise<void> {
    const record = await this.#store.stations.get(station.id)
    const online = this.#bus.isOnline(station.id)
    station.link = online ? 'connected' : record?.boot ? 'offline' : 'never-seen'
    station.device = deviceOf(
      await this.#store.stations.variables(station.id, { component: 'SmartChargingCtrlr' }),
    )
    // A station that was started again may have forgotten its profiles: until it accepts them anew, none counts.
    const forgets = station.rebooted && record?.boot?.reason !== 'Triggered'
    station.rebooted = false
    if (forgets) station.stationMax = NO_BELIEF
    const sessions = await this.#store.sessions.list({ stationId: station.id, active: true, limit: 100 })
    for (const live of this.#evses.values()) {
      if (live.evse.stationId !== station.id) continue
      if (forgets) await this.#setSlots(live, EMPTY_SLOTS)
      const session = sessions.find((one) => one.evseId === live.evse.evseId)
      const ended = live.session !== null && live.session.transactionId !== session?.transactionId
      if (ended) {
        const lease = onCleared(live.slots.lease, { nowMs, reactionMs: 0 })
        await this.#setSlots(live, { ...live.slots, lease })
        live.measured = null
      }
      live.session = session ? toDemanding(session) : null
    }
  }

  states(): { evses: EvseState[]; stations: StationState[] } {
    const evses = [...this.#evses.values()].map((live): EvseState => {
      const station = this.#station(live.evse.stationId)
      return {
        key: live.evse.key,
        link: station.link,
        ...(station.link === 'offline' ? { offlineSinceMs: station.offlineSinceMs } : {}),
        session: live.session,
        measured: live.measured,
        slots: live.slots,
        device: station.device,
      }
    })
    const stations = [...this.#stations.values()].map(
      (station): StationState => ({
        stationId: station.id,
        link: station.link,
        device: station.device,
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

  /** The latest measured current of each EVSE on the grid's phases, by EVSE index. */
  measuredPhases(): (readonly [number, number, number])[] {
    return this.site.evses.map((evse) => {
      const phases: [number, number, number] = [0, 0, 0]
      const measured = this.#evses.get(evse.key)?.measured
      evse.terminals.forEach((terminal, index) => {
        phases[terminal.phase - 1] = (phases[terminal.phase - 1] ?? 0) + (measured?.currentA[index] ?? 0)
      })
      return phases
    })
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

const CHARGING_STATES = ['Charging', 'EVConnected', 'SuspendedEV', 'SuspendedEVSE', 'Idle'] as const

function toDemanding(session: Session): Demanding {
  const chargingState = CHARGING_STATES.find((state) => state === session.chargingState)
  return {
    transactionId: session.transactionId,
    startedAtMs: Date.parse(session.startedAt ?? session.updatedAt),
    ...(chargingState === undefined ? {} : { chargingState }),
  }
}
