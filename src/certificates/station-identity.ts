import {
  Certificate,
  type PathReason,
  PkiError,
  type RevocationVerdict,
  validatePath,
} from '../../pki/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { Station } from '../store/stations.ts'
import type { Authorities } from './authorities.ts'

/** Lines of authorities under which a station's certificate may end: its own chain, and V2G for a combined certificate. */
const ANCHORS = ['station-root', 'v2g-root']
const MAX_CHAIN = 5

export type IdentityRefusal =
  | PathReason
  | 'notPresented'
  | 'notOurs'
  | 'organisationMismatch'
  | 'commonNameMismatch'
  | 'wrongStation'
  | 'wrongUse'

export type IdentityVerdict =
  | { readonly ok: true; readonly fingerprint: string }
  | { readonly ok: false; readonly reasonCode: IdentityRefusal; readonly detail: string }

export interface StationIdentityOptions {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  readonly organisation: string
}

/**
 * Security profile 3: whether the certificate of a TLS peer is the station's (A00.FR.403-405, A00.FR.407). The chain
 * is validated here and not by the TLS library, so that a resumed session is judged like a new one and every
 * refusal has a reason. Sub-CAs that the station left out are taken from our own hierarchy.
 */
export async function verifyStationCertificate(
  options: StationIdentityOptions,
  station: Station,
  chainDer: readonly Uint8Array[],
  atMs: number = options.clock.now(),
): Promise<IdentityVerdict> {
  const refuse = (reasonCode: IdentityRefusal, detail: string): IdentityVerdict => ({
    ok: false,
    reasonCode,
    detail,
  })
  const [leafDer, ...rest] = chainDer
  if (!leafDer) return refuse('notPresented', 'The station presented no certificate')
  if (chainDer.length > MAX_CHAIN)
    return refuse('chainLength', `The station presented ${chainDer.length} certificates`)
  const leaf = parse(leafDer)
  const presented = rest.map(parse)
  if (!leaf || presented.includes(undefined))
    return refuse('malformed', 'A certificate of the station cannot be read')

  const own = [...options.authorities.values()].map((authority) => authority.certificate)
  const intermediates = [...presented.filter((one) => one !== undefined), ...own]
  const verdicts = await recordedVerdicts(options.store, [leaf, ...intermediates])
  const path = validatePath({
    leaf,
    intermediates,
    anchors: options.authorities.anchors(ANCHORS, atMs),
    atMs,
    revocation: ({ fingerprint }) => verdicts.get(fingerprint) ?? { kind: 'unknown' },
    // A sub-CA without a record came by import or ceremony: trusted as long as the operator has it here.
    revocationPolicy: 'soft',
  })
  if (!path.ok) return refuse(path.reason, path.message)
  if (leaf.isCa) return refuse('wrongUse', 'The certificate is one of a CA')
  if (leaf.keyUsage?.has('digitalSignature') === false)
    return refuse('wrongUse', 'The certificate may not be used for TLS')

  const expectedName = station.serialNumber ?? station.id
  if (leaf.commonName !== expectedName) {
    return refuse(
      'commonNameMismatch',
      `The certificate is for "${leaf.commonName ?? ''}", the station is "${expectedName}"`,
    )
  }
  const expectedOrganisation = station.organisation ?? options.organisation
  if (leaf.organization !== expectedOrganisation) {
    return refuse(
      'organisationMismatch',
      `The certificate's organisation is "${leaf.organization ?? ''}", not "${expectedOrganisation}"`,
    )
  }
  const record = await options.store.certificates.byFingerprint(leaf.fingerprint)
  // Our authorities record what they sign: a certificate they do not know was not issued by this service.
  if (!record) return refuse('notOurs', 'The certificate is not in the records of its authority')
  if (record.stationId !== station.id)
    return refuse('wrongStation', 'The certificate was issued to another station')
  return { ok: true, fingerprint: leaf.fingerprint }
}

/** What our records say about certificates, sub-CAs included; those they do not know are left out. */
async function recordedVerdicts(
  store: Store,
  certificates: readonly Certificate[],
): Promise<ReadonlyMap<string, RevocationVerdict>> {
  const verdicts = new Map<string, RevocationVerdict>()
  for (const { fingerprint } of certificates) {
    const record = await store.certificates.byFingerprint(fingerprint)
    if (!record) continue
    const { revokedAt } = record
    verdicts.set(
      fingerprint,
      revokedAt === null ? { kind: 'good' } : { kind: 'revoked', atMs: Date.parse(revokedAt) },
    )
  }
  return verdicts
}

function parse(der: Uint8Array): Certificate | undefined {
  try {
    return Certificate.parse(der)
  } catch (error) {
    if (error instanceof PkiError) return undefined
    throw error
  }
}
