/** Wanted against installed, in words for an operator. Pure. */

import type { Certificate, RootUse } from '../../../pki/index.ts'
import type { CertificateUse, InstalledCertificate, TrustAnchor } from '../../store/fleet.ts'
import { namesRoot } from './anchors.ts'
import { certificateOf, type WantedTrust } from './wanted.ts'

export type DriftKind =
  /** Wanted and not there. */
  | 'missing'
  /** There, and nothing that this service knows. */
  | 'unknown'
  /** Known, and its time is over. */
  | 'expired'
  /** Known, of a use that is managed, and not wanted: most often an older or a newer generation. */
  | 'wrong-generation'
  /** The station never said what it holds, or something was changed since. */
  | 'not-reported'

export interface Drift {
  readonly stationId: string
  readonly kind: DriftKind
  readonly use: CertificateUse | null
  /** Fingerprint where it is known, otherwise the serial number that the station reported. */
  readonly certificate: string | null
  readonly subject: string | null
}

export interface Vouched {
  readonly cross: Certificate
  readonly issuer: Certificate
}

export function driftOf(view: {
  readonly stationId: string
  readonly wanted: WantedTrust
  readonly installed: readonly InstalledCertificate[]
  readonly anchors: readonly TrustAnchor[]
  readonly vouched: readonly Vouched[]
  readonly isReported: boolean
  readonly atMs: number
}): Drift[] {
  const { stationId, wanted, anchors, vouched, atMs } = view
  if (!view.isReported)
    return wanted.uses.length === 0
      ? []
      : [{ stationId, kind: 'not-reported', use: null, certificate: null, subject: null }]
  const roots = view.installed.filter(({ use }) => use !== 'V2GCertificateChain')
  const missing = wanted.roots
    .filter(
      ({ use, certificate }) => !roots.some((row) => row.use === use && namesRoot(row, certificate, vouched)),
    )
    .map(
      ({ use, certificate }): Drift => ({
        stationId,
        kind: 'missing',
        use,
        certificate: certificate.fingerprint,
        subject: certificate.subjectText,
      }),
    )
  const surplus = roots.flatMap((row): Drift[] => {
    const anchor = anchors.find((one) => one.use === row.use && namesRoot(row, certificateOf(one), vouched))
    const isManaged = wanted.uses.includes(row.use as RootUse)
    if (anchor === undefined)
      return isManaged
        ? [{ stationId, kind: 'unknown', use: row.use, certificate: row.serialNumber, subject: null }]
        : []
    const found = { stationId, use: row.use, certificate: anchor.fingerprint, subject: anchor.subject }
    if (Date.parse(anchor.notAfter) <= atMs) return [{ ...found, kind: 'expired' }]
    const isWanted = wanted.roots.some(
      ({ use, certificate }) => use === row.use && certificate.fingerprint === anchor.fingerprint,
    )
    return isWanted || !isManaged ? [] : [{ ...found, kind: 'wrong-generation' }]
  })
  return [...missing, ...surplus]
}
