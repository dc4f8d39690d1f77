/** A campaign as it can be read before it runs: who takes part, when, and who does not and why. Pure. */

import { createHash } from 'node:crypto'
import type { CampaignKind, CampaignStation } from '../../store/fleet.ts'

export interface CampaignLimits {
  /** The first waves in stations or percent of all; what is left is the last one. */
  readonly waves: readonly ({ readonly stations: number } | { readonly percent: number })[]
  readonly perSite: number
  readonly perHour: number
  /** Stations worked on at the same time. */
  readonly atOnce: number
  /** Part of a wave that may fail before everything halts. */
  readonly maxFailures: number
  readonly soakS: number
  /** A station that is offline for this long holds its wave up no longer; it is taken when it comes back. */
  readonly offlineGraceS: number
}

export const DEFAULT_LIMITS: CampaignLimits = {
  waves: [{ stations: 3 }, { percent: 10 }, { percent: 50 }],
  perSite: 10,
  perHour: 1000,
  atOnce: 50,
  maxFailures: 0.05,
  soakS: 300,
  offlineGraceS: 600,
}

/** What the preflight knows of one station; read in bulk, decided here. */
export interface Candidate {
  readonly stationId: string
  readonly siteId: string
  readonly isActive: boolean
  readonly isRejected: boolean
  readonly isOnline: boolean
  readonly securityProfile: 1 | 2 | 3
  readonly isInventoryKnown: boolean
  /** Entries in its store, and how many it can hold, where it says so. */
  readonly entries: number
  readonly capacity: number | undefined
  /** It holds one of what the campaign would remove, so that there will be room. */
  readonly canMakeRoom: boolean
  readonly holdsAll: boolean
  readonly refusedBefore: boolean
  readonly checksRoots: boolean
  readonly isVouchedFor: boolean
  readonly hasCsmsRoot: boolean
  readonly hasStationLeaf: boolean
  readonly seccs: number
  /** Its clock against ours, by its last status; undefined where it never sent one. */
  readonly clockSkewMs: number | undefined
}

export interface PreflightVerdict {
  readonly takesPart: boolean
  /** Stable words: why not, or what to know. */
  readonly reasons: readonly string[]
  readonly warnings: readonly string[]
}

const MAX_SKEW_MS = 3_600_000

export function preflight(
  kind: CampaignKind,
  one: Candidate,
  want: { readonly toProfile?: number; readonly allowProfile1?: boolean } = {},
): PreflightVerdict {
  const reasons: string[] = []
  const warnings: string[] = []
  if (!one.isActive) reasons.push('not-active')
  if (one.isRejected) reasons.push('registration-rejected')
  if (!one.isOnline) warnings.push('offline')
  if (one.clockSkewMs !== undefined && Math.abs(one.clockSkewMs) > MAX_SKEW_MS) warnings.push('clock-skew')
  if (kind === 'roots' || kind === 'csms-root-rollover')
    reasons.push(...rootReasons(kind, one, want.allowProfile1 === true))
  if ((kind === 'roots' || kind === 'csms-root-rollover') && !one.isInventoryKnown)
    warnings.push('inventory-unknown')
  if (kind === 'security-profile' && !one.isInventoryKnown) warnings.push('inventory-unknown')
  if (kind === 'server-chain' && one.securityProfile === 1) reasons.push('no-tls')
  if (kind === 'station-leaf' && one.securityProfile !== 3) reasons.push('no-client-certificate')
  if (kind === 'secc-leaf' && one.seccs === 0) reasons.push('no-iso15118')
  if (kind === 'basic-auth-password' && one.securityProfile === 3) reasons.push('uses-certificate')
  if (kind === 'security-profile') reasons.push(...profileReasons(one, want.toProfile ?? 3))
  return { takesPart: reasons.length === 0, reasons, warnings }
}

function rootReasons(kind: CampaignKind, one: Candidate, allowProfile1: boolean): string[] {
  const reasons: string[] = []
  if (kind === 'csms-root-rollover' && one.securityProfile === 1) reasons.push('no-tls')
  // Stations in the field install only where the connection is secure.
  else if (one.securityProfile === 1 && !allowProfile1) reasons.push('profile-too-low')
  if (kind === 'roots' && one.isInventoryKnown && one.holdsAll) reasons.push('nothing-to-do')
  if (one.refusedBefore) reasons.push('refused-before')
  const isFull = one.capacity !== undefined && one.isInventoryKnown && one.entries >= one.capacity
  if (isFull && !one.holdsAll && !one.canMakeRoom) reasons.push('store-full')
  if (kind === 'csms-root-rollover' && one.checksRoots && !one.isVouchedFor) reasons.push('not-vouched-for')
  return reasons
}

function profileReasons(one: Candidate, to: number): string[] {
  if (one.securityProfile >= to) return ['nothing-to-do']
  const reasons: string[] = []
  // A05.FR.02 and FR.03: the station refuses otherwise; a downgrade is never offered.
  if (one.isInventoryKnown && !one.hasCsmsRoot) reasons.push('no-csms-root')
  if (to === 3 && !one.hasStationLeaf) reasons.push('no-station-certificate')
  return reasons
}

/**
 * Stations in an order that has nothing to do with their names, so that a canary is not one site or one model; the
 * same campaign always gives the same order.
 */
export function inWaves(
  campaignId: string,
  stationIds: readonly string[],
  waves: CampaignLimits['waves'],
): ReadonlyMap<string, number> {
  const order = [...stationIds]
    .map((id) => ({ id, key: createHash('sha256').update(`${campaignId}\0${id}`).digest('hex') }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const result = new Map<string, number>()
  let taken = 0
  let wave = 0
  for (const size of waves) {
    const upTo = 'stations' in size ? taken + size.stations : Math.ceil((order.length * size.percent) / 100)
    const end = Math.min(order.length, Math.max(upTo, taken))
    if (end === taken) continue
    for (const { id } of order.slice(taken, end)) result.set(id, wave)
    taken = end
    wave++
  }
  for (const { id } of order.slice(taken)) result.set(id, wave)
  return result
}

export interface PlannedStation {
  readonly stationId: string
  readonly siteId: string
  readonly verdict: PreflightVerdict
}

export function planRows(
  campaignId: string,
  planned: readonly PlannedStation[],
  limits: CampaignLimits,
  at: string,
): CampaignStation[] {
  const taking = planned.filter(({ verdict }) => verdict.takesPart)
  const waves = inWaves(
    campaignId,
    taking.map(({ stationId }) => stationId),
    limits.waves,
  )
  return planned.map(({ stationId, siteId, verdict }) => ({
    campaignId,
    stationId,
    siteId,
    wave: waves.get(stationId) ?? 0,
    state: verdict.takesPart ? 'pending' : 'excluded',
    step: verdict.takesPart ? 'planned' : 'preflight',
    attempts: 0,
    reason: verdict.takesPart ? verdict.warnings.join(', ') || null : verdict.reasons.join(', '),
    notBefore: null,
    evidence: {},
    startedAt: null,
    updatedAt: at,
  }))
}
