/** Reads what the preflight needs of a whole fleet in few queries. */

import type { Certificate, RootUse } from '../../../pki/index.ts'
import type { CampaignKind, InstalledCertificate, StationTrust } from '../../store/fleet.ts'
import type { Store } from '../../store/ports.ts'
import type { Station, VariableAttribute } from '../../store/stations.ts'
import { namesRoot } from './anchors.ts'
import type { FleetContext } from './context.ts'
import type { Vouched } from './drift.ts'
import { type Candidate, type PlannedStation, preflight } from './plan.ts'
import { STATION_LEAF } from './profiles.ts'

const PAGE = 1000

export interface Targets {
  readonly all?: boolean
  readonly sites?: readonly string[]
  readonly groups?: readonly string[]
  readonly stations?: readonly string[]
}

export interface PreflightWants {
  readonly kind: CampaignKind
  readonly targets: Targets
  readonly install: readonly { readonly use: RootUse; readonly certificate: Certificate }[]
  readonly remove: readonly { readonly use: RootUse; readonly certificate: Certificate }[]
  readonly toProfile?: number
  readonly allowProfile1?: boolean
}

export async function preflightFleet(
  context: FleetContext,
  wants: PreflightWants,
  vouched: readonly Vouched[],
): Promise<PlannedStation[]> {
  const { store } = context
  const siteOf = await sitesOfStations(store)
  const planned: PlannedStation[] = []
  let after: string | undefined
  for (;;) {
    const page = await store.stations.list({ ...(after === undefined ? {} : { after }), limit: PAGE })
    const last = page.at(-1)
    if (last === undefined) return planned
    const chosen = page.filter((station) => isTarget(station, siteOf.get(station.id) ?? '', wants.targets))
    planned.push(...(await preflightPage(context, wants, vouched, chosen, siteOf)))
    if (page.length < PAGE) return planned
    after = last.id
  }
}

async function preflightPage(
  context: FleetContext,
  wants: PreflightWants,
  vouched: readonly Vouched[],
  stations: readonly Station[],
  siteOf: ReadonlyMap<string, string>,
): Promise<PlannedStation[]> {
  const { store } = context
  const ids = stations.map(({ id }) => id)
  const trust = new Map((await store.fleet.trustOf(ids)).map((one) => [one.stationId, one]))
  const installed = groupBy(await store.fleet.installedOf(ids), ({ stationId }) => stationId)
  const matcher = createMatcher(vouched)
  const planned: PlannedStation[] = []
  for (const station of stations) {
    const siteId = siteOf.get(station.id) ?? ''
    const facts = {
      station,
      siteId,
      trust: trust.get(station.id),
      rows: installed.get(station.id) ?? [],
      variables: await securityVariables(store, station.id),
      seccs:
        wants.kind === 'secc-leaf'
          ? (await store.stations.variables(station.id, { variable: 'SeccId' })).length
          : 0,
      clockSkewMs: await skewOf(store, station.id),
      hasStationLeaf: wants.kind === 'security-profile' && (await hasLeaf(context, station.id)),
    }
    const candidate = candidateOf(context, wants, vouched, matcher, facts)
    planned.push({ stationId: station.id, siteId, verdict: preflight(wants.kind, candidate, wants) })
  }
  return planned
}

interface Facts {
  readonly station: Station
  readonly siteId: string
  readonly trust: StationTrust | undefined
  readonly rows: readonly InstalledCertificate[]
  readonly variables: readonly VariableAttribute[]
  readonly seccs: number
  readonly clockSkewMs: number | undefined
  readonly hasStationLeaf: boolean
}

type Matcher = (row: InstalledCertificate, root: Certificate) => boolean

/** Thousands of stations hold the same few roots: each pair of hash data and root is compared once. */
function createMatcher(vouched: readonly Vouched[]): Matcher {
  const known = new Map<string, boolean>()
  return (row, root) => {
    const key = `${row.hashAlgorithm}:${row.issuerKeyHash}:${row.issuerNameHash}:${row.serialNumber}:${root.fingerprint}`
    const before = known.get(key)
    if (before !== undefined) return before
    const is = namesRoot(row, root, vouched)
    if (known.size < 100_000) known.set(key, is)
    return is
  }
}

function candidateOf(
  context: FleetContext,
  wants: PreflightWants,
  vouched: readonly Vouched[],
  matches: Matcher,
  { station, siteId, trust, rows, variables, seccs, clockSkewMs, hasStationLeaf }: Facts,
): Candidate {
  const roots = rows.filter((row) => row.use !== 'V2GCertificateChain')
  const holds = ({ use, certificate }: PreflightWants['install'][number]): boolean =>
    roots.some((row) => row.use === use && matches(row, certificate))
  const value = (name: string) => variables.find(({ variable }) => variable === name)
  const limit: unknown = Reflect.get(value('CertificateEntries')?.characteristics ?? {}, 'maxLimit')
  return {
    stationId: station.id,
    siteId,
    isActive: station.enrolment === 'active',
    isRejected: station.registration === 'Rejected',
    isOnline: context.bus.isOnline(station.id),
    securityProfile: station.securityProfile,
    isInventoryKnown: trust?.inventoryAt != null,
    entries: rows.length + (station.securityProfile === 3 ? 1 : 0),
    capacity: typeof limit === 'number' && limit > 0 ? limit : undefined,
    canMakeRoom: wants.remove.some(holds),
    holdsAll: wants.install.every(holds) && !wants.remove.some(holds),
    refusedBefore: wants.install.some(({ certificate }) => trust?.refused.includes(certificate.fingerprint)),
    checksRoots: value('AdditionalRootCertificateCheck')?.value?.toLowerCase() === 'true',
    isVouchedFor: wants.install.every(({ certificate }) =>
      vouched.some(
        ({ cross, issuer }) =>
          cross.subjectKey === certificate.subjectKey && issuer.subjectKey !== certificate.subjectKey,
      ),
    ),
    hasCsmsRoot: roots.some(({ use }) => use === 'CSMSRootCertificate'),
    hasStationLeaf,
    seccs,
    clockSkewMs,
  }
}

const securityVariables = (store: Store, stationId: string) =>
  store.stations.variables(stationId, { component: 'SecurityCtrlr' })

async function skewOf(store: Store, stationId: string): Promise<number | undefined> {
  const connectors = await store.stations.connectors(stationId)
  const latest = [...connectors].sort((a, b) => (a.receivedAt < b.receivedAt ? 1 : -1))[0]
  return latest && Date.parse(latest.reportedAt) - Date.parse(latest.receivedAt)
}

async function hasLeaf({ store, clock }: FleetContext, stationId: string): Promise<boolean> {
  const leaves = await store.certificates.list({
    stationId,
    profile: STATION_LEAF,
    revoked: false,
    limit: 10,
  })
  return leaves.some(({ notAfter }) => Date.parse(notAfter) > clock.now())
}

function isTarget(station: Station, siteId: string, { all, sites, groups, stations }: Targets): boolean {
  if (all === true) return true
  return (
    (sites?.includes(siteId) ?? false) ||
    (station.group !== null && (groups?.includes(station.group) ?? false)) ||
    (stations?.includes(station.id) ?? false)
  )
}

/** Station -> site, from the trees of the sites. */
export async function sitesOfStations(store: Store): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const site of await store.sites.listSites()) {
    const pending: unknown[] = [Reflect.get(site.config, 'root')]
    while (pending.length > 0) {
      const node = pending.pop()
      if (typeof node !== 'object' || node === null) continue
      const id: unknown = Reflect.get(node, 'id')
      if (Reflect.get(node, 'kind') === 'station' && typeof id === 'string') found.set(id, site.id)
      const children: unknown = Reflect.get(node, 'children')
      if (Array.isArray(children)) pending.push(...children)
    }
  }
  return found
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
