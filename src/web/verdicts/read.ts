/** What the verdicts are made from. */

import { read, readAll, type Schemas } from '../api.ts'
import type { LiveEvent } from '../live.ts'
import type { SiteStatus } from '../site-facts.ts'

export interface Facts {
  readonly stations: readonly Schemas['Station'][]
  readonly certificates: readonly Schemas['Certificate'][]
  readonly authorities: readonly Schemas['Authority'][]
  readonly orders: readonly Schemas['SigningOrder'][]
  readonly campaigns: readonly Schemas['Campaign'][]
  /** Until when what strangers are told about revocation is good. */
  readonly freshness: readonly { readonly what: string; readonly until: string }[]
  readonly statuses: ReadonlyMap<string, SiteStatus>
}

/** `site.updated` comes every second and brings its whole state: nothing has to be read for it. */
const KINDS: ReadonlySet<string> = new Set([
  'station.connected',
  'station.disconnected',
  'station.booted',
  'certificate.requested',
  'certificate.issued',
])

export const concernsOverview = (event: LiveEvent): boolean => KINDS.has(event.kind)

export async function readFacts(): Promise<Facts> {
  const [stations, certificates, authorities, orders, sites, campaigns, crls, responders] = await Promise.all(
    [
      readAll((query) => read('/stations', { query })),
      readAll((query) => read('/certificates', { query })),
      read('/authorities'),
      read('/signing-orders', { query: { limit: 1000 } }),
      read('/sites'),
      read('/campaigns'),
      read('/crls'),
      read('/ocsp-responders'),
    ],
  )
  const statuses = await Promise.all(
    sites.items.map(
      async ({ id }) => [id, await read('/sites/{siteId}/status', { path: { siteId: id } })] as const,
    ),
  )
  return {
    stations: stations.items,
    certificates: certificates.items,
    authorities: authorities.items,
    orders: orders.items,
    campaigns: campaigns.items,
    freshness: [
      ...crls.items.map((one) => ({ what: `The CRL of ${one.authorityId}`, until: one.nextUpdate })),
      ...responders.items.flatMap(({ authorityId, notAfter }) =>
        notAfter === null ? [] : [{ what: `The OCSP responder of ${authorityId}`, until: notAfter }],
      ),
    ],
    statuses: new Map(statuses),
  }
}
