/** Where the numbers of the metrics come from; what costs more than a few reads is remembered between scrapes. */

import { X509Certificate } from 'node:crypto'
import type { EnergyService } from './energy/service.ts'
import type { Clock } from './observe/clock.ts'
import { ExcursionClock } from './observe/excursions.ts'
import type { Sample } from './observe/metric-kinds.ts'
import type { MetricSources } from './observe/metrics.ts'
import type { Store } from './store/ports.ts'

const DAY_MS = 86_400_000
const REMEMBERED_MS = 30_000
/** Limits are watched more often than anybody scrapes. */
const LOOK_MS = 1_000
const PAGE = 1_000
/** More than this many of a kind are not counted one by one. */
const MOST = 100_000
const MOST_CERTIFICATES = 20_000
/** Campaigns that are neither planned nor over. */
const OPEN_CAMPAIGNS = ['running', 'paused', 'halted', 'rolling-back'] as const

export interface MetricParts {
  readonly store: Store
  readonly clock: Clock
  readonly energy: Pick<EnergyService, 'limits' | 'loads' | 'loops' | 'status'>
  readonly onlineStations: () => readonly string[]
  readonly ocsp: () => readonly {
    readonly authorityId: string
    readonly delegate: { readonly notAfterMs: number } | undefined
  }[]
}

export interface WatchedSources {
  readonly sources: Omit<MetricSources, 'ocpp'>
  stop(): void
}

export function watchService(parts: MetricParts): WatchedSources {
  const { store, clock, energy, onlineStations } = parts
  const excursions = new ExcursionClock()
  const timer = setInterval(() => excursions.look(energy.loads(), clock.now()), LOOK_MS)
  timer.unref()
  const remember = <T>(read: () => Promise<T>) => remembered(read, clock)
  const enrolments = remember(() => stationsByEnrolment(store))
  return {
    stop: () => clearInterval(timer),
    sources: {
      stationsOnline: () => onlineStations().length,
      stations: async () =>
        [...(await enrolments())].map(([enrolment, ids]) => sample({ enrolment }, ids.length)),
      stationsOffline: async () => {
        const online = new Set(onlineStations())
        return ((await enrolments()).get('active') ?? []).filter((id) => !online.has(id)).length
      },
      sessionsActive: remember(async () => (await store.sessions.list({ active: true, limit: MOST })).length),
      siteLoads: () => energy.loads(),
      siteExcursions: () => excursions.samples(),
      siteAlarms: () => siteAlarms(energy),
      limitSources: () => siteIds(energy).flatMap((siteId) => silentSources(energy, siteId)),
      renegotiations: () =>
        energy
          .loops()
          .flatMap(({ live: { site }, cars }) => [
            sample({ site: site.id, by: 'csms' }, cars.totals.byUs),
            sample({ site: site.id, by: 'car' }, cars.totals.byCar),
            sample({ site: site.id, by: 'refused-plan' }, cars.totals.refusedPlans),
          ]),
      certificatesExpiring: remember(() => expiring(store, clock)),
      authorityEnds: remember(() => authorityEnds(store)),
      crlNextUpdates: () => crlNextUpdates(store),
      ocspResponderEnds: async () =>
        parts
          .ocsp()
          .flatMap(({ authorityId, delegate }) =>
            delegate ? [sample({ authority: authorityId }, delegate.notAfterMs / 1000)] : [],
          ),
      signingOrdersFailed: remember(() => ordersFailed(store, clock)),
      campaigns: async () =>
        counted((await store.fleet.campaigns({ limit: PAGE })).map(({ state }) => ({ state, count: 1 }))),
      campaignStations: remember(() => campaignStations(store)),
    },
  }
}

const sample = (labels: Sample['labels'], value: number): Sample => ({ labels, value })
const seconds = (iso: string): number => Date.parse(iso) / 1000

function counted(rows: readonly { readonly state: string; readonly count: number }[]): Sample[] {
  const counts = new Map<string, number>()
  for (const { state, count } of rows) counts.set(state, (counts.get(state) ?? 0) + count)
  return [...counts].map(([state, count]) => sample({ state }, count))
}

/** What was read is good for a while; who asks meanwhile waits for the same read. */
function remembered<T>(read: () => Promise<T>, clock: Clock): () => Promise<T> {
  let latest: { readonly value: Promise<T>; readonly atMs: number } | undefined
  return () => {
    if (latest && clock.now() - latest.atMs < REMEMBERED_MS) return latest.value
    const value = read()
    latest = { value, atMs: clock.now() }
    value.catch(() => {
      latest = undefined
    })
    return value
  }
}

async function stationsByEnrolment(store: Store): Promise<ReadonlyMap<string, readonly string[]>> {
  const ids = new Map<string, string[]>([['active', []]])
  let after: string | undefined
  for (let read = 0; read < MOST; read += PAGE) {
    const page = await store.stations.list({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    for (const { id, enrolment } of page) ids.set(enrolment, [...(ids.get(enrolment) ?? []), id])
    after = page.at(-1)?.id
    if (page.length < PAGE) break
  }
  return ids
}

async function expiring(store: Store, clock: Clock): Promise<Sample[]> {
  const nowMs = clock.now()
  const expiresBefore = new Date(nowMs + 90 * DAY_MS).toISOString()
  const found = (await store.certificates.list({ expiresBefore, revoked: false, limit: MOST_CERTIFICATES }))
    .map(({ notAfter }) => Date.parse(notAfter))
    .filter((notAfterMs) => notAfterMs > nowMs)
  return [7, 30, 90].map((days) =>
    sample({ days: String(days) }, found.filter((endMs) => endMs < nowMs + days * DAY_MS).length),
  )
}

async function activeAuthorities(store: Store) {
  return (await store.certificates.authorities()).filter(({ state }) => state === 'active')
}

async function authorityEnds(store: Store): Promise<Sample[]> {
  return (await activeAuthorities(store)).map(({ id, certificateDer }) =>
    sample({ authority: id }, seconds(new X509Certificate(certificateDer).validTo)),
  )
}

async function crlNextUpdates(store: Store): Promise<Sample[]> {
  const [crls, authorities] = [await store.certificates.crls(), await activeAuthorities(store)]
  return crls
    .filter(({ kind, authorityId }) => kind !== 'base' && authorities.some(({ id }) => id === authorityId))
    .map(({ authorityId, kind, nextUpdate }) => sample({ authority: authorityId, kind }, seconds(nextUpdate)))
}

async function ordersFailed(store: Store, clock: Clock): Promise<number> {
  const since = new Date(clock.now() - DAY_MS).toISOString()
  const orders = await store.certificates.orders({ states: ['failed', 'rejected'], limit: PAGE })
  return orders.filter(({ updatedAt }) => updatedAt >= since).length
}

async function campaignStations(store: Store): Promise<Sample[]> {
  const open = await store.fleet.campaigns({ states: OPEN_CAMPAIGNS, limit: 100 })
  const counts = await Promise.all(open.map(({ id }) => store.fleet.campaignCounts(id)))
  return counted(counts.flat())
}

function siteIds(energy: MetricParts['energy']): string[] {
  return [...new Set(energy.loads().map(({ siteId }) => siteId))]
}

async function siteAlarms(energy: MetricParts['energy']): Promise<Sample[]> {
  const statuses = await Promise.all(siteIds(energy).map((siteId) => energy.status(siteId)))
  return statuses.flatMap((status) => {
    const codes = (status?.alarms ?? []).map(({ code }) => ({ state: code, count: 1 }))
    return counted(codes).map(({ labels, value }) =>
      sample({ site: status?.siteId ?? '', code: labels.state ?? '' }, value),
    )
  })
}

function silentSources(energy: MetricParts['energy'], siteId: string): Sample[] {
  return (energy.limits.inForce(siteId) ?? [])
    .filter(({ kind }) => kind === 'grid')
    .map(({ sourceId, state }) => sample({ site: siteId, source: sourceId }, state === 'failsafe' ? 1 : 0))
}
