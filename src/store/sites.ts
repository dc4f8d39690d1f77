/** Port: sites (trees of circuits) and the limits that operators set. */

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
  /** Limits of one group on the same node and unit stand in for each other: the highest priority counts. */
  readonly group?: string | null
  readonly priority?: number
  readonly setBy: string
  readonly updatedAt: string
}

export interface SiteStore {
  putSite(site: SiteRecord): Promise<void>
  getSite(id: string): Promise<SiteRecord | undefined>
  listSites(): Promise<readonly SiteRecord[]>
  removeSite(id: string): Promise<boolean>
  putLimit(limit: LimitRecord): Promise<void>
  removeLimit(siteId: string, id: string): Promise<boolean>
  limits(siteId: string): Promise<readonly LimitRecord[]>
}
