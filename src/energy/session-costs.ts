import type { Logger } from 'pino'
import type { Memory, Site, SiteEvse } from '../../profiles/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { SessionCost } from '../store/energy.ts'
import type { Store } from '../store/ports.ts'
import { energyReadingsWh } from '../store/session-fold.ts'
import type { Session, StoredTransactionEvent } from '../store/sessions.ts'
import type { DemandBook } from './demand-book.ts'
import { type PriceSlot, pastPrices, Tariff } from './prices.ts'

export interface Reading {
  readonly atMs: number
  readonly wh: number
}

export interface Settlement {
  readonly startedMs: number
  readonly endedMs: number
  /** Of the energy register on the grid's side, oldest first; the first at the start, the last at the end. */
  readonly readings: readonly Reading[]
  /** What the car takes at most; null where it has neither said nor shown it. */
  readonly maxW: number | null
  readonly prices: readonly PriceSlot[]
}

type Settled = Pick<SessionCost, 'energyWh' | 'cost' | 'uncontrolledCost' | 'unknown'>

/** Energy between two readings further apart than a metering interval may have been taken at any price between them. */
const LONGEST_SPREAD_MS = 16 * 60_000

/**
 * What a session has cost with the prices of its span, and what the same energy would have cost had the car charged
 * at its maximum from the start on. What is not known is null, with the reason: nothing is guessed.
 */
export function settle({ startedMs, endedMs, readings, maxW, prices }: Settlement): Settled {
  const [first] = readings
  const last = readings.at(-1)
  const falls = readings.some((reading, index) => reading.wh < (readings[index - 1]?.wh ?? reading.wh))
  if (!first || !last || readings.length < 2 || falls)
    return { energyWh: null, cost: null, uncontrolledCost: null, unknown: 'energy' }
  const energyWh = last.wh - first.wh
  const none = energyWh === 0
  if (none) return { energyWh, cost: 0, uncontrolledCost: 0, unknown: null }
  const tariff = new Tariff(prices, {
    fromMs: Math.min(startedMs, first.atMs),
    toMs: Math.max(endedMs, last.atMs),
  })
  const cost = costOf(readings, tariff)
  if (maxW === null || maxW <= 0) return { energyWh, cost, uncontrolledCost: null, unknown: 'maximum' }
  const mean = tariff.over(startedMs, startedMs + (energyWh / maxW) * 3_600_000)?.meanPerKwh
  if (cost === null || mean === undefined)
    return { energyWh, cost, uncontrolledCost: null, unknown: 'prices' }
  return { energyWh, cost, uncontrolledCost: (energyWh / 1000) * mean, unknown: null }
}

function costOf(readings: readonly Reading[], tariff: Tariff): number | null {
  let cost = 0
  for (const [index, reading] of readings.entries()) {
    const before = readings[index - 1]
    const kwh = before ? (reading.wh - before.wh) / 1000 : 0
    if (!before || kwh === 0) continue
    const price = tariff.over(before.atMs, reading.atMs)
    const known = price && (price.constant || reading.atMs - before.atMs <= LONGEST_SPREAD_MS)
    if (!known) return null
    cost += kwh * price.meanPerKwh
  }
  return cost
}

/** What a car has said and shown of its maximum. */
interface Shown {
  readonly transactionId: string
  readonly saidA: number | null
  /** Taken while more was allowed; null while it took all that it was given. */
  readonly freeA: number | null
  readonly highestA: number
  /** How many terminals carry current; null until measured. */
  readonly terminals: number | null
}

/** A car that takes this much less than it may is limited by itself, as in `profiles/learned.ts`. */
const SAME_A = 0.7
const KEEP_MS = 400 * 86_400_000
/** A station ends no more sessions than this in the moment in which a process dies. */
const CATCH_UP_SESSIONS = 10

export interface SessionCostsOptions {
  readonly site: Site
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly demands: DemandBook
}

/** Settles the sessions of a site when they end. */
export class SessionCosts {
  readonly #options: SessionCostsOptions
  readonly #shown = new Map<string, Shown>()
  readonly #settling = new Set<Promise<void>>()
  #past: readonly PriceSlot[] = []

  constructor(options: SessionCostsOptions) {
    this.#options = options
  }

  async restore(): Promise<void> {
    const key = this.#pricesKey
    const kept = (await this.#options.store.energy.list(key)).get(key) as { slots: PriceSlot[] } | undefined
    this.#past = kept?.slots ?? []
  }

  /** The prices that held until now make room for others. */
  async pricesChange(leaving: readonly PriceSlot[]): Promise<void> {
    const { store, clock } = this.#options
    this.#past = pastPrices(this.#past, leaving, clock.now())
    await store.energy.put(this.#pricesKey, { slots: this.#past })
  }

  /**
   * Settles sessions that ended without it, because the process died in between: those that ended since this site's
   * costs are kept, as far as the newest sessions of each station reach.
   */
  async catchUp(memory: Memory | undefined, prices: readonly PriceSlot[]): Promise<void> {
    const { store, site, clock } = this.#options
    if (memory) this.observe(memory)
    const kept = (await store.energy.list(this.#sinceKey)).get(this.#sinceKey) as { ms: number } | undefined
    if (!kept) await store.energy.put(this.#sinceKey, { ms: clock.now() })
    const sinceMs = kept?.ms ?? clock.now()
    const stationIds = [...new Set(site.evses.map((evse) => evse.stationId))]
    const lists = await Promise.all(
      stationIds.map((stationId) =>
        store.sessions.list({ stationId, active: false, limit: CATCH_UP_SESSIONS }),
      ),
    )
    for (const session of lists.flat()) {
      if (endedMsOf(session) < sinceMs || (await this.#isSettled(session))) continue
      this.ended(session.stationId, session.transactionId, prices)
    }
  }

  async #isSettled(session: Session): Promise<boolean> {
    const { store, site } = this.#options
    const endedMs = endedMsOf(session)
    const costs = await store.energy.costs({
      siteId: site.id,
      fromMs: endedMs,
      toMs: endedMs + 1,
      limit: site.evses.length,
    })
    const { stationId, transactionId } = session
    return costs.some((cost) => cost.stationId === stationId && cost.transactionId === transactionId)
  }

  /** Keeps what each car has shown until now. */
  observe({ evses }: Memory): void {
    const { site, demands } = this.#options
    for (const { key, stationId } of site.evses) {
      const memory = evses[key]
      const learned = memory?.learned
      if (!learned || memory.transactionId === null) continue
      const before = this.#shown.get(key)
      const known = before?.transactionId === memory.transactionId ? before : undefined
      const { drawA, confirmedA, terminals } = learned
      // Below what it took before, it shows a battery that fills up, not its maximum.
      const free = drawA !== null && confirmedA - drawA <= SAME_A
      this.#shown.set(key, {
        transactionId: memory.transactionId,
        saidA: demands.get(stationId, memory.transactionId)?.needs?.maxA ?? known?.saidA ?? null,
        freeA: free ? Math.max(drawA, confirmedA) : (known?.freeA ?? null),
        highestA: confirmedA,
        terminals: terminals === null ? (known?.terminals ?? null) : bits(terminals),
      })
    }
  }

  /** Settles a session that has ended, beside the loop. */
  ended(stationId: string, transactionId: string, prices: readonly PriceSlot[]): void {
    const evses = this.#options.site.evses.filter((evse) => evse.stationId === stationId)
    const shown = evses
      .map((evse) => this.#shown.get(evse.key))
      .find((one) => one?.transactionId === transactionId)
    const work = this.#settle({ stationId, transactionId, shown, prices: [...this.#past, ...prices] })
      .catch((error: unknown) =>
        this.#options.log.error({ err: error, stationId, transactionId }, 'A session could not be settled'),
      )
      .finally(() => this.#settling.delete(work))
    this.#settling.add(work)
  }

  async idle(): Promise<void> {
    await Promise.all(this.#settling)
  }

  async #settle(options: {
    stationId: string
    transactionId: string
    shown: Shown | undefined
    prices: readonly PriceSlot[]
  }): Promise<void> {
    const { store, site, clock } = this.#options
    const { stationId, transactionId, shown, prices } = options
    const session = await store.sessions.get(stationId, transactionId)
    const evse = site.evseByKey.get(`${stationId}#${session?.evseId}`)
    if (!session?.startedAt || !session.endedAt || !evse) return
    const startedMs = Date.parse(session.startedAt)
    const endedMs = Date.parse(session.endedAt)
    const maxW = shown ? maximumW(evse, shown, site.voltageV) : null
    const lossFactor = evse.supply.kind === 'dc' ? 1 / evse.supply.efficiency : 1
    const readings = readingsOf(await store.sessions.events(stationId, transactionId)).map(
      ({ atMs, wh }) => ({
        atMs,
        wh: wh * lossFactor,
      }),
    )
    const settled = settle({ startedMs, endedMs, readings, maxW, prices })
    const cost = { siteId: site.id, stationId, evseId: evse.evseId, transactionId, startedMs, endedMs, maxW }
    await store.energy.keepCost({ ...cost, ...settled }, clock.now() - KEEP_MS)
  }

  get #sinceKey(): string {
    return `costs-since/${this.#options.site.id}`
  }

  get #pricesKey(): string {
    return `prices-before/${this.#options.site.id}`
  }
}

function endedMsOf({ endedAt }: Session): number {
  return endedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(endedAt)
}

function readingsOf(events: readonly StoredTransactionEvent[]): Reading[] {
  return events
    .flatMap(({ event }) => event.meterValue ?? [])
    .flatMap((value) => energyReadingsWh([value]).map((wh) => ({ atMs: Date.parse(value.timestamp), wh })))
    .filter(({ atMs }) => Number.isFinite(atMs))
    .sort((a, b) => a.atMs - b.atMs)
}

function maximumW(evse: SiteEvse, shown: Shown, voltageV: number): number | null {
  const { freeA, saidA, highestA, terminals } = shown
  const surpassed = freeA !== null && highestA > freeA + SAME_A
  const ownA = surpassed || freeA === null ? saidA : freeA
  const maxA = highestA >= evse.maxA - SAME_A ? evse.maxA : ownA === null ? null : Math.max(ownA, highestA)
  if (maxA === null) return null
  const cappedA = Math.min(maxA, evse.maxA)
  if (evse.supply.kind !== 'ac') return cappedA * evse.wattPerA
  return terminals === null ? null : cappedA * terminals * voltageV
}

function bits(mask: number): number {
  return (mask & 1) + ((mask >> 1) & 1) + ((mask >> 2) & 1)
}
