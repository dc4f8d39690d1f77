/** Wanted trust by policy: inventories on boot and after changes, repairs one step at a time, drift in words. */

import type { RootUse } from '../../../pki/index.ts'
import type { Station } from '../../store/stations.ts'
import { type FleetContext, isoAt } from './context.ts'
import { type Drift, driftOf } from './drift.ts'
import type { Inventory } from './inventory.ts'
import type { StepOutcome } from './outcome.ts'
import { sitesOfStations } from './preflight.ts'
import type { ServerChains } from './server-chain.ts'
import type { TrustSteps } from './trust-steps.ts'
import { wantedOf } from './wanted.ts'

const MAX_IN_FLIGHT = 32
const STEPS_IN_A_ROW = 20
const LONGEST_RETRY_MS = 3_600_000
/** After that many failures in a row nothing is tried until the station boots again or somebody asks. */
const MAX_ATTEMPTS = 8
const PAGE = 1000

export class Reconciler {
  readonly #context: FleetContext
  readonly #inventory: Inventory
  readonly #steps: TrustSteps
  readonly #chains: ServerChains
  readonly #busy: Set<string>
  /** Stations to be looked at; a restart looks at all that connect. */
  readonly #queue = new Set<string>()
  readonly #working = new Set<Promise<void>>()

  constructor(
    context: FleetContext,
    parts: { inventory: Inventory; steps: TrustSteps; chains: ServerChains; busy: Set<string> },
  ) {
    this.#context = context
    this.#inventory = parts.inventory
    this.#steps = parts.steps
    this.#chains = parts.chains
    this.#busy = parts.busy
  }

  /** A boot may have changed anything: what a policy wants is asked anew. */
  async booted(stationId: string): Promise<void> {
    await this.#context.store.fleet.updateTrust(stationId, {
      inventoryAt: null,
      attempts: 0,
      notBefore: null,
    })
    this.look(stationId)
  }

  look(stationId: string): void {
    this.#queue.add(stationId)
  }

  /** After a policy has changed. */
  lookAtAll(): void {
    for (const stationId of this.#context.bus.onlineStations()) this.#queue.add(stationId)
  }

  /** Starts what there is room for and does not wait for it: one silent station holds up nobody else. */
  async advance(): Promise<void> {
    if (this.#queue.size === 0 || this.#working.size >= MAX_IN_FLIGHT) return
    const siteOf = await sitesOfStations(this.#context.store)
    for (const stationId of [...this.#queue]) {
      if (this.#working.size >= MAX_IN_FLIGHT) return
      if (this.#busy.has(stationId)) continue
      this.#queue.delete(stationId)
      if (!this.#context.bus.isOnline(stationId)) continue
      const work = this.#workOn(stationId, siteOf.get(stationId) ?? '')
      this.#working.add(work)
      void work.finally(() => this.#working.delete(work))
    }
  }

  /** When everything that was started has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#working)
  }

  async #workOn(stationId: string, siteId: string): Promise<void> {
    const { store, clock, log } = this.#context
    this.#busy.add(stationId)
    try {
      const station = await store.stations.get(stationId)
      if (station === undefined || station.enrolment !== 'active') return
      const trust = await store.fleet.trust(stationId)
      if ((trust?.notBefore ?? '') > isoAt(clock.now()) || (trust?.attempts ?? 0) >= MAX_ATTEMPTS) return
      for (let count = 0; count < STEPS_IN_A_ROW; count++) {
        const outcome = await this.#step(station, siteId)
        await this.#record(stationId, outcome)
        if (outcome.kind !== 'next') return
      }
    } catch (error) {
      log.error({ err: error, stationId }, 'The trust store of a station could not be looked after')
    } finally {
      this.#busy.delete(stationId)
    }
  }

  async #step(station: Station, siteId: string): Promise<StepOutcome> {
    const { store, clock } = this.#context
    const trust = await store.fleet.trust(station.id)
    const place = { stationId: station.id, group: station.group, siteId }
    const wanted = wantedOf(place, await store.fleet.policies(), await store.fleet.anchors(), clock.now())
    if (trust?.inventoryAt == null) {
      // Without a policy a station is not called unasked: that disturbs commissioning and test benches.
      if (wanted.uses.length === 0) return { kind: 'done' }
      const trouble = await this.#inventory.refresh(station.id)
      if (trouble !== undefined) return trouble
    }
    // Stations in the field install only where the connection is secure.
    const uses = station.securityProfile === 1 ? [] : wanted.install
    return this.#steps.step(station, {
      wanted: wanted.roots.filter(({ use }) => uses.includes(use)),
      isSurplus: ({ use }) => station.securityProfile > 1 && wanted.exact.includes(use as RootUse),
      protectedRoots: await this.#chains.roots(),
      actor: 'policy',
    })
  }

  async #record(stationId: string, outcome: StepOutcome): Promise<void> {
    const { store, clock, timing } = this.#context
    // Looking again is no progress: what failed before the look goes on counting.
    if (outcome.kind === 'next' && outcome.step === 'inventory') return
    if (outcome.kind === 'next' || outcome.kind === 'done') {
      await store.fleet.updateTrust(stationId, { attempts: 0, notBefore: null, detail: null })
      return
    }
    const attempts = ((await store.fleet.trust(stationId))?.attempts ?? 0) + (outcome.kind === 'wait' ? 0 : 1)
    const waitMs =
      outcome.kind === 'wait' ? outcome.forMs : Math.min(LONGEST_RETRY_MS, timing.retryMs * 2 ** attempts)
    await store.fleet.updateTrust(stationId, {
      attempts: outcome.kind === 'fail' ? MAX_ATTEMPTS : attempts,
      notBefore: isoAt(clock.now() + waitMs),
      detail: `${outcome.step}: ${outcome.why}`,
    })
    if (outcome.kind === 'retry') this.#later(stationId, waitMs)
  }

  #later(stationId: string, waitMs: number): void {
    setTimeout(() => this.#queue.add(stationId), waitMs).unref()
  }

  /** Drift of a part of the fleet, in pages by station. */
  async drift(
    filter: { readonly stationId?: string; readonly after?: string; readonly limit?: number } = {},
  ): Promise<Drift[]> {
    const { store, clock } = this.#context
    const siteOf = await sitesOfStations(store)
    const [policies, anchors] = [await store.fleet.policies(), await store.fleet.anchors()]
    const found: Drift[] = []
    let after = filter.after
    for (;;) {
      const page =
        filter.stationId === undefined
          ? await store.stations.list({ ...(after === undefined ? {} : { after }), limit: PAGE })
          : [await store.stations.get(filter.stationId)].filter((one) => one !== undefined)
      const ids = page.map(({ id }) => id)
      const trust = new Map((await store.fleet.trustOf(ids)).map((one) => [one.stationId, one]))
      const rows = await store.fleet.installedOf(ids)
      const byStation = new Map<string, (typeof rows)[number][]>()
      for (const row of rows) byStation.set(row.stationId, [...(byStation.get(row.stationId) ?? []), row])
      for (const station of page) {
        const place = { stationId: station.id, group: station.group, siteId: siteOf.get(station.id) ?? '' }
        found.push(
          ...driftOf({
            stationId: station.id,
            wanted: wantedOf(place, policies, anchors, clock.now()),
            installed: byStation.get(station.id) ?? [],
            anchors,
            vouched: this.#chains.vouched(),
            isReported: trust.get(station.id)?.inventoryAt != null,
            atMs: clock.now(),
          }),
        )
      }
      after = ids.at(-1)
      if (page.length < PAGE || found.length >= (filter.limit ?? 1000))
        return found.slice(0, filter.limit ?? 1000)
    }
  }
}
