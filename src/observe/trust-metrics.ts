/** Certificates: what expires, what failed, and whether revocation answers are fresh. */

import type { Registry } from 'prom-client'
import { addGauge, addSamples, type Guard, type Sample } from './metric-kinds.ts'

type Read = () => Promise<readonly Sample[]>

export interface TrustSources {
  /** Certificates issued here that are in force, by days until they expire: `7`, `30`, `90`. */
  readonly certificatesExpiring?: Read
  /** End of each authority in use, in seconds since 1970, by `authority`. */
  readonly authorityEnds?: Read
  /** When the newest CRL has to be replaced, in seconds since 1970, by `authority` and `kind`. */
  readonly crlNextUpdates?: Read
  /** End of each OCSP responder certificate, in seconds since 1970, by `authority`. */
  readonly ocspResponderEnds?: Read
  /** Requests of stations that failed or were rejected within a day. */
  readonly signingOrdersFailed?: () => Promise<number>
  /** Campaigns by `state`. */
  readonly campaigns?: Read
  /** Stations of campaigns that are not over, by `state`. */
  readonly campaignStations?: Read
}

export function addTrust(registry: Registry, sources: TrustSources, guard: Guard): void {
  const samples = (name: string, help: string, labels: readonly string[], read: Read | undefined) =>
    addSamples({ registry, name, help, labels }, guard, read)
  samples(
    'gridkeep_certificates_expiring',
    'Certificates in force that expire within so many days.',
    ['days'],
    sources.certificatesExpiring,
  )
  samples(
    'gridkeep_authority_expiry_timestamp_seconds',
    'When an authority in use expires.',
    ['authority'],
    sources.authorityEnds,
  )
  samples(
    'gridkeep_crl_next_update_timestamp_seconds',
    'When the newest CRL of an authority must have been replaced.',
    ['authority', 'kind'],
    sources.crlNextUpdates,
  )
  samples(
    'gridkeep_ocsp_responder_expiry_timestamp_seconds',
    'When the OCSP responder of an authority expires.',
    ['authority'],
    sources.ocspResponderEnds,
  )
  samples('gridkeep_campaigns', 'Campaigns.', ['state'], sources.campaigns)
  samples(
    'gridkeep_campaign_stations',
    'Stations of campaigns that are not over.',
    ['state'],
    sources.campaignStations,
  )
  if (sources.signingOrdersFailed)
    addGauge(
      {
        registry,
        name: 'gridkeep_signing_orders_failed',
        help: 'Certificate requests of stations that failed or were rejected within a day.',
      },
      guard,
      sources.signingOrdersFailed,
    )
}
