/** Port: sites (trees of circuits), operator limits, and the charging profiles that stations confirmed. */

import type { ChargingProfileType } from '../ocpp/v201/messages.generated.ts'

export interface SiteRecord {
  readonly id: string
  /** The configuration as the operator sent it, checked by profiles/site.ts before it is stored. */
  readonly config: object
  readonly updatedAt: string
}

export interface LimitRecord {
  readonly id: string
  readonly siteId: string
  /** Node of the site's tree that the limit applies to. */
  readonly nodeId: string
  readonly source: string
  readonly value: number
  /** A is per phase, W over all phases. */
  readonly unit: 'A' | 'W'
  readonly validFrom: string | null
  readonly validTo: string | null
  readonly setBy: string
  readonly updatedAt: string
}

/** What we believe an EVSE holds: written after the station accepted it. */
export interface HeldProfile {
  readonly stationId: string
  readonly evseId: number
  readonly profileId: number
  readonly profile: ChargingProfileType
  readonly acceptedAt: string
}

export interface SiteStore {
  putSite(site: SiteRecord): Promise<void>
  getSite(id: string): Promise<SiteRecord | undefined>
  listSites(): Promise<readonly SiteRecord[]>
  removeSite(id: string): Promise<boolean>
  putLimit(limit: LimitRecord): Promise<void>
  removeLimit(siteId: string, id: string): Promise<boolean>
  limits(siteId: string): Promise<readonly LimitRecord[]>
  recordHeldProfile(held: HeldProfile): Promise<void>
  removeHeldProfiles(
    stationId: string,
    filter?: { evseId?: number; profileIds?: readonly number[] },
  ): Promise<void>
  heldProfiles(stationIds: readonly string[]): Promise<readonly HeldProfile[]>
}
