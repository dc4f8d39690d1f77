/** What each kind of campaign does with one station: one step, from facts, safe to repeat after any crash. */

import type { Certificate, RootUse, WantedRoot } from '../../../pki/index.ts'
import type { Campaign, CampaignStation, InstalledCertificate } from '../../store/fleet.ts'
import type { Station } from '../../store/stations.ts'
import { namesRoot } from './anchors.ts'
import type { FleetContext } from './context.ts'
import type { Leaves, Memory } from './leaves.ts'
import type { NetworkProfiles } from './network-profiles.ts'
import type { StepOutcome } from './outcome.ts'
import type { Passwords } from './passwords.ts'
import type { ServerChains } from './server-chain.ts'
import type { TrustSteps } from './trust-steps.ts'

export interface CampaignParameters {
  /** Fingerprints of anchors, with their use. */
  readonly install?: readonly { readonly use: RootUse; readonly fingerprint: string }[]
  readonly remove?: readonly { readonly use: RootUse; readonly fingerprint: string }[]
  readonly allowProfile1?: boolean
  readonly toProfile?: 2 | 3
  /** Where stations reach the higher profile. */
  readonly url?: string
  readonly slot?: number
  /** A rollover stops before the new chain is shown and waits for an operator. */
  readonly holdBeforeCutover?: boolean
  /** A rollover in which stations do not come back shows the old chain again by itself. */
  readonly revertOnHalt?: boolean
  /** Old roots stay where they are. */
  readonly keepOldRoot?: boolean
  /** A rollover first gives each station an address of the former chain to fall back to. */
  readonly fallback?: { readonly url: string; readonly slot: number }
  /** Leaves come from a new generation of their sub-CA, which is made at the start. */
  readonly newGeneration?: boolean
  /** What the service adds: the authority to be shown, the one shown before, when it changed; the sub-CA before. */
  readonly authorityId?: string
  readonly previous?: string
  readonly cutoverAt?: string
  readonly generationBefore?: string
}

export interface RolloverFacts {
  readonly newRoot: Certificate
  readonly oldRoots: readonly Certificate[]
  readonly cutoverAt: string | null
}

export interface KindServices {
  readonly context: FleetContext
  readonly trustSteps: TrustSteps
  readonly chains: ServerChains
  readonly leaves: Leaves
  readonly passwords: Passwords
  readonly networkProfiles: NetworkProfiles
  anchor(use: RootUse, fingerprint: string): Promise<Certificate | undefined>
  /** Takes in generations that were made a moment ago. */
  refresh(): Promise<void>
}

export interface Work {
  readonly campaign: Campaign
  readonly parameters: CampaignParameters
  readonly row: CampaignStation
  readonly station: Station
  readonly memory: Memory
}

const WAIT_MS = 1_000
const COMING_BACK = {
  kind: 'wait',
  step: 'reconnect',
  why: 'waiting for the station to come back',
  forMs: WAIT_MS,
} as const
const NOT_BACK = {
  kind: 'fail',
  step: 'reconnect',
  why: 'the station did not come back after the new chain was shown',
} as const

export async function campaignStep(services: KindServices, work: Work): Promise<StepOutcome> {
  const { campaign, station, memory, parameters } = work
  switch (campaign.kind) {
    case 'roots':
      return rootsStep(services, work)
    case 'csms-root-rollover':
      return rolloverStep(services, work)
    case 'server-chain':
      return (await cameBack(services, work, parameters.cutoverAt ?? null)) ?? { kind: 'done' }
    case 'station-leaf':
      return services.leaves.renew(station, 'ChargingStationCertificate', memory)
    case 'secc-leaf':
      return services.leaves.renew(station, 'V2GCertificate', memory, await seccEvses(services, station.id))
    case 'basic-auth-password':
      return services.passwords.step(station, memory)
    case 'security-profile':
      return services.networkProfiles.upgrade(station, memory, {
        to: parameters.toProfile ?? 3,
        url: parameters.url ?? '',
        slot: parameters.slot ?? 2,
      })
  }
}

async function rootsStep(
  services: KindServices,
  { campaign, parameters, station }: Work,
): Promise<StepOutcome> {
  const install = await anchorsOf(services, parameters.install ?? [])
  const remove = await anchorsOf(services, parameters.remove ?? [])
  return services.trustSteps.step(station, {
    wanted: install,
    isSurplus: isOneOf(services, remove),
    protectedRoots: await services.chains.roots(),
    actor: `campaign:${campaign.id}`,
  })
}

/**
 * The procedure of a rollover, per station: the new root is in and confirmed, then (campaign-wide) the new chain is
 * shown, then the station has come back under it, and only then the old root goes.
 */
async function rolloverStep(services: KindServices, work: Work): Promise<StepOutcome> {
  const { campaign, parameters, station, memory } = work
  const facts = await rolloverFacts(services, campaign)
  if (facts === undefined) return { kind: 'fail', step: 'install', why: 'the new root is not known any more' }
  if (parameters.fallback !== undefined && campaign.phase === 'install') {
    const fallback = await services.networkProfiles.fallback(station, memory, parameters.fallback)
    if (fallback.kind !== 'done') return fallback
  }
  const wanted: WantedRoot[] = [{ use: 'CSMSRootCertificate', certificate: facts.newRoot }]
  const goal = {
    wanted,
    isSurplus: () => false,
    protectedRoots: [...(await services.chains.roots()), ...facts.oldRoots],
    actor: `campaign:${campaign.id}`,
  }
  const installed = await services.trustSteps.step(station, goal)
  if (installed.kind !== 'done' || campaign.phase === 'install') return installed
  const back = await cameBack(services, work, facts.cutoverAt)
  if (back !== undefined || campaign.phase === 'verify') return back ?? { kind: 'done' }
  // M05.FR.13: a station that checks roots removes the old one itself.
  if (parameters.keepOldRoot === true || (await services.trustSteps.checksRoots(station.id)))
    return { kind: 'done' }
  const old = facts.oldRoots.map((certificate) => ({ use: 'CSMSRootCertificate' as const, certificate }))
  return services.trustSteps.step(station, {
    ...goal,
    isSurplus: isOneOf(services, old),
    protectedRoots: await services.chains.roots(),
  })
}

/**
 * Undefined once the station has made a TLS handshake since the cutover at which it was shown the new chain. One
 * that came back by the former endpoint is reachable, and has proven nothing.
 */
async function cameBack(
  { context, chains }: KindServices,
  { station, memory, row }: Pick<Work, 'station' | 'memory' | 'row'>,
  cutoverAt: string | null,
): Promise<StepOutcome | undefined> {
  const { store, bus, clock, timing, upSinceMs } = context
  const isLate = (sinceMs: number): boolean =>
    clock.now() - Math.max(sinceMs, upSinceMs) >= timing.reconnectMs
  const trust = await store.fleet.trust(station.id)
  if (
    cutoverAt !== null &&
    trust?.connectedAt != null &&
    trust.connectedAt > cutoverAt &&
    bus.isOnline(station.id)
  ) {
    if (await chains.isShown(trust.shown)) return undefined
    return { kind: 'fail', step: 'reconnect', why: 'the station came back by the former chain only' }
  }
  const nudgedMs = Date.parse(memory.evidence.nudgedAt ?? '')
  if (Number.isNaN(nudgedMs)) {
    if (!bus.isOnline(station.id)) {
      // Away since the new chain was shown, for as long as a station may take: it does not find its way back.
      const isAway = isLate(Date.parse(cutoverAt ?? ''))
      return isAway && row.step === 'reconnect'
        ? NOT_BACK
        : { ...COMING_BACK, why: 'away since the new chain was shown' }
    }
    await memory.remember({ nudgedAt: new Date(clock.now()).toISOString() })
    bus.disconnect(station.id, 'reconnect: the certificate of the CSMS has changed')
    return COMING_BACK
  }
  return isLate(nudgedMs) ? NOT_BACK : COMING_BACK
}

export async function rolloverFacts(
  services: KindServices,
  campaign: Campaign,
): Promise<RolloverFacts | undefined> {
  const parameters: CampaignParameters = campaign.parameters
  const [wanted] = parameters.install ?? []
  const newRoot = wanted && (await services.anchor('CSMSRootCertificate', wanted.fingerprint))
  if (newRoot === undefined) return undefined
  const old = await anchorsOf(services, parameters.remove ?? [])
  return {
    newRoot,
    oldRoots: old.map(({ certificate }) => certificate),
    cutoverAt: parameters.cutoverAt ?? null,
  }
}

/** The way back of one station: what the campaign brought goes, what it took comes back, in the other order. */
export async function rollbackStep(
  services: KindServices,
  { campaign, parameters, station }: Work,
): Promise<StepOutcome> {
  if (campaign.kind !== 'roots' && campaign.kind !== 'csms-root-rollover') return { kind: 'done' }
  const brought = await anchorsOf(services, parameters.install ?? [])
  const taken = await anchorsOf(services, parameters.remove ?? [])
  return services.trustSteps.step(station, {
    wanted: taken,
    isSurplus: isOneOf(services, brought),
    protectedRoots: await services.chains.roots(),
    actor: `campaign:${campaign.id}`,
    offerAgain: true,
  })
}

function isOneOf(
  services: KindServices,
  roots: readonly WantedRoot[],
): (row: InstalledCertificate) => boolean {
  return (row) =>
    roots.some(
      ({ use, certificate }) => use === row.use && namesRoot(row, certificate, services.chains.vouched()),
    )
}

async function anchorsOf(
  services: KindServices,
  named: readonly { readonly use: RootUse; readonly fingerprint: string }[],
): Promise<WantedRoot[]> {
  const found: WantedRoot[] = []
  for (const { use, fingerprint } of named) {
    const certificate = await services.anchor(use, fingerprint)
    if (certificate !== undefined) found.push({ use, certificate })
  }
  return found
}

/** One EVSE for each SECC (EVSEs that share one report the same SeccId); empty: one for the whole station. */
async function seccEvses({ context }: KindServices, stationId: string): Promise<readonly number[]> {
  const variables = await context.store.stations.variables(stationId, { variable: 'SeccId' })
  const bySecc = new Map<string, number>()
  for (const { evseId, value } of variables)
    if (evseId !== null && value !== null && !bySecc.has(value)) bySecc.set(value, evseId)
  return [...bySecc.values()]
}
