import type { Session as Demanding, Site, SiteEvse } from '../../profiles/index.ts'
import type { ChargingNeedsType } from '../ocpp/v201/messages.generated.ts'
import type { Store } from '../store/ports.ts'
import type { Session } from '../store/sessions.ts'

/** What one session needs, as far as somebody said so. What is null is not known. */
export interface SessionDemand {
  readonly departure: string | null
  /** Energy wanted from the moment it was said. */
  readonly energyWh: number | null
  /** What the session had been given then. */
  readonly saidAtWh: number
  /** Lower is served first under the priority policy; 1 unless said otherwise. */
  readonly priorityClass: number | null
  /** Amperes per phase that the session gets before any other gets more than its least. */
  readonly guaranteeA: number | null
  /** The car waits while a kilowatt-hour costs more. Absent in what earlier versions kept. */
  readonly maxPricePerKwh?: number | null
  /** What car and cable take at most and at least, per phase. */
  readonly maxA: number | null
  readonly minA: number | null
  readonly setBy: string
  readonly updatedAt: string
}

export interface DemandEntry {
  /** From the operator or the API: stands above what the car said. */
  readonly told: SessionDemand | null
  /** From NotifyEVChargingNeeds. */
  readonly needs: SessionDemand | null
  /** Periods per schedule that the car takes; null where it did not say, absent where it told no needs. */
  readonly maxScheduleTuples?: number | null
}

/** Demands of sessions that ended are forgotten; this many are kept at most, whatever happens. */
const MAX_ENTRIES = 20_000

/** Who wants what by when: from the API and from the cars themselves. Kept over restarts. */
export class DemandBook {
  readonly #store: Store
  readonly #entries = new Map<string, DemandEntry>()

  constructor(store: Store) {
    this.#store = store
  }

  async restore(): Promise<void> {
    for (const [key, entry] of await this.#store.energy.list('demand/'))
      this.#entries.set(key.slice('demand/'.length), entry as DemandEntry)
  }

  get(stationId: string, transactionId: string): Pick<DemandEntry, 'told' | 'needs'> | undefined {
    const entry = this.#entries.get(keyOf(stationId, transactionId))
    return entry && { told: entry.told, needs: entry.needs }
  }

  /** False where too many sessions have demands already: something does not end its sessions. */
  async tell(session: Session, demand: SessionDemand): Promise<boolean> {
    return this.#put(session, { needs: null, ...this.#of(session), told: demand })
  }

  async needs(
    session: Session,
    demand: SessionDemand,
    maxScheduleTuples: number | null = null,
  ): Promise<boolean> {
    return this.#put(session, { told: this.#of(session)?.told ?? null, needs: demand, maxScheduleTuples })
  }

  async forget(stationId: string, transactionId: string): Promise<void> {
    const key = keyOf(stationId, transactionId)
    if (this.#entries.delete(key)) await this.#store.energy.remove(`demand/${key}`)
  }

  /** The session as decisions want it. */
  demanding(session: Session, extra: { maxA?: number }): Demanding {
    const entry = this.#of(session)
    const pick = <K extends keyof SessionDemand>(name: K): SessionDemand[K] | null =>
      entry?.told?.[name] ?? entry?.needs?.[name] ?? null
    const source = entry?.told?.energyWh != null ? entry.told : entry?.needs
    const remainingWh =
      source?.energyWh == null
        ? undefined
        : Math.max(0, source.energyWh - (deliveredWh(session) - source.saidAtWh))
    const departure = pick('departure')
    const maxA = Math.min(pick('maxA') ?? Number.POSITIVE_INFINITY, extra.maxA ?? Number.POSITIVE_INFINITY)
    const minA = pick('minA')
    const priorityClass = pick('priorityClass')
    const guaranteeA = pick('guaranteeA')
    const maxPricePerKwh = pick('maxPricePerKwh') ?? null
    const chargingState = CHARGING_STATES.find((state) => state === session.chargingState)
    return {
      transactionId: session.transactionId,
      startedAtMs: Date.parse(session.startedAt ?? session.updatedAt),
      ...(chargingState === undefined ? {} : { chargingState }),
      ...(departure === null ? {} : { departureMs: Date.parse(departure) }),
      ...(remainingWh === undefined ? {} : { remainingWh }),
      ...(Number.isFinite(maxA) ? { maxA } : {}),
      ...(minA === null ? {} : { minA }),
      ...(priorityClass === null ? {} : { priorityClass }),
      ...(guaranteeA === null ? {} : { guaranteeA }),
      ...(maxPricePerKwh === null ? {} : { maxPricePerKwh }),
      ...(entry?.maxScheduleTuples === undefined
        ? {}
        : { iso15118: { maxScheduleTuples: entry.maxScheduleTuples, waits: false } }),
    }
  }

  #of(session: Session): DemandEntry | undefined {
    return this.#entries.get(keyOf(session.stationId, session.transactionId))
  }

  async #put(session: Session, entry: DemandEntry): Promise<boolean> {
    const key = keyOf(session.stationId, session.transactionId)
    if (!this.#entries.has(key) && this.#entries.size >= MAX_ENTRIES) return false
    this.#entries.set(key, entry)
    await this.#store.energy.put(`demand/${key}`, entry)
    return true
  }
}

const CHARGING_STATES = ['Charging', 'EVConnected', 'SuspendedEV', 'SuspendedEVSE', 'Idle'] as const

export function deliveredWh(session: Session): number {
  return Math.max(0, (session.meterLastWh ?? 0) - (session.meterStartWh ?? 0))
}

/** What a car said over ISO 15118, on the grid's side of its EVSE. */
export function needsOf(
  needs: ChargingNeedsType,
  session: Session,
  options: { readonly site: Site; readonly evse: SiteEvse; readonly at: string },
): SessionDemand {
  const { evse, site, at } = options
  const ac = needs.acChargingParameters
  const dc = needs.dcChargingParameters
  const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
  const maxW = dc && (dc.evMaxPower ?? dc.evMaxCurrent * dc.evMaxVoltage)
  const toGridA = (outletW: number) => outletW / efficiency / evse.wattPerA
  const lineV = ac && ac.evMaxVoltage > 0 ? ac.evMaxVoltage : site.voltageV
  return {
    departure: needs.departureTime ?? null,
    energyWh: ac?.energyAmount ?? energyToFull(dc),
    saidAtWh: deliveredWh(session),
    priorityClass: null,
    guaranteeA: null,
    // A maximum of 0 is a car that does not know, not one that wants nothing.
    maxA: ac ? positive(ac.evMaxCurrent) : maxW === undefined ? null : positive(toGridA(maxW)),
    minA: ac && lineV > 0 ? positive(ac.evMinCurrent) : null,
    setBy: 'car',
    updatedAt: at,
  }
}

function energyToFull(dc: ChargingNeedsType['dcChargingParameters']): number | null {
  if (!dc) return null
  if (dc.energyAmount !== undefined) return dc.energyAmount
  if (dc.evEnergyCapacity === undefined || dc.stateOfCharge === undefined) return null
  return Math.max(0, (dc.evEnergyCapacity * ((dc.fullSoC ?? 100) - dc.stateOfCharge)) / 100)
}

function positive(value: number): number | null {
  return value > 0 ? value : null
}

function keyOf(stationId: string, transactionId: string): string {
  return `${stationId}/${transactionId}`
}
