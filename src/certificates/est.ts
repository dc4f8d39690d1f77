import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import {
  Certificate,
  certificateProfile,
  ecKeyAttribute,
  encodeCertsOnly,
  encodeCsrAttributes,
  inspectCsr,
  PkiError,
} from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { Station } from '../store/stations.ts'
import type { Authorities } from './authorities.ts'
import type { ExternalAuthority } from './external/ports.ts'
import type { Issuance } from './issuance.ts'
import type { CertificateUse, SigningOrders } from './signing-orders.ts'
import { verifyStationCertificate } from './station-identity.ts'

export interface EstOptions {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  readonly issuance: Issuance
  readonly orders: SigningOrders
  readonly organisation: string
  readonly v2gAuthority?: ExternalAuthority | undefined
  /** `busy`: nobody knows now; the caller comes back. */
  verifyPassword(stationId: string, password: string, hash: string): Promise<'match' | 'mismatch' | 'busy'>
}

export interface EstCaller {
  readonly stationId: string
  readonly certificateDer: Uint8Array | undefined
}

export type EstLabel = 'v2g' | 'cso'

export type EstAnswer =
  | { readonly kind: 'issued'; readonly pkcs7: Uint8Array }
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly detail: string }

type EstGeneratedKey =
  | { readonly kind: 'issued'; readonly pkcs7: Uint8Array; readonly pkcs8: Uint8Array }
  | Exclude<EstAnswer, { kind: 'issued' }>

const MAX_CROSSES = 1000
const P256 = '1.2.840.10045.3.1.7'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'

const LINES: Readonly<Record<EstLabel, readonly string[]>> = {
  cso: ['station-root', 'station-ca'],
  v2g: ['v2g-root', 'cpo-sub1', 'cpo-sub2'],
}
const USES: Readonly<Record<EstLabel, CertificateUse>> = {
  cso: 'ChargingStationCertificate',
  v2g: 'V2GCertificate',
}

/** EST (RFC 7030, RFC 8951) without HTTP: the same orders, identity policy and records as SignCertificate over OCPP. */
export class EstService {
  readonly #options: EstOptions

  constructor(options: EstOptions) {
    this.#options = options
  }

  /** The station that our records say this certificate was issued to, if the certificate holds (A00.FR.403-405). */
  async authenticateCertificate(chainDer: readonly Uint8Array[]): Promise<EstCaller | undefined> {
    const [leafDer] = chainDer
    const leaf = leafDer && parse(leafDer)
    const record = leaf && (await this.#options.store.certificates.byFingerprint(leaf.fingerprint))
    if (!record?.stationId) return undefined
    const station = await this.#activeStation(record.stationId)
    if (!station) return undefined
    const verdict = await verifyStationCertificate(this.#options, station, chainDer)
    return verdict.ok ? { stationId: station.id, certificateDer: leafDer } : undefined
  }

  async authenticatePassword(stationId: string, password: string): Promise<EstCaller | 'busy' | undefined> {
    const station = await this.#activeStation(stationId)
    // A station of security profile 3 has a certificate, and a leftover password must not get it another one.
    if (!station?.passwordHash || station.securityProfile === 3) return undefined
    const verdict = await this.#options.verifyPassword(station.id, password, station.passwordHash)
    if (verdict === 'busy') return 'busy'
    return verdict === 'match' ? { stationId: station.id, certificateDer: undefined } : undefined
  }

  async #activeStation(id: string): Promise<Station | undefined> {
    const station = await this.#options.store.stations.get(id)
    return station?.enrolment === 'active' && station.registration !== 'Rejected' ? station : undefined
  }

  /** With the certificates by which old and new generations of a root sign each other (RFC 7030 4.1.3). */
  async caCertificates(label: EstLabel): Promise<Uint8Array> {
    const { authorities, store } = this.#options
    const all = LINES[label].flatMap((line) => authorities.generations(line))
    const ours = new Set(all.map(({ certificate }) => certificate.subjectKey))
    const profile = certificateProfile('cross-certificate').id
    const crosses = (await store.certificates.list({ profile, revoked: false, limit: MAX_CROSSES }))
      .map(({ der }) => Certificate.parse(der))
      .filter((one) => ours.has(one.subjectKey) && ours.has(one.issuerKey))
    return encodeCertsOnly([...all.map(({ certificate }) => certificate), ...crosses])
  }

  /** What a CSR should look like: a P-256 key signed with SHA-256, which every profile of ISO 15118-2 asks for. */
  csrAttributes(_label: EstLabel): Uint8Array {
    return encodeCsrAttributes([ecKeyAttribute(P256), { oid: ECDSA_WITH_SHA256 }])
  }

  async enrol(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstAnswer> {
    const station = await this.#activeStation(caller.stationId)
    if (!station) return { kind: 'refused', detail: 'The station is not registered any more' }
    const enrolment = await this.#options.orders.enrol(station, csrDer, USES[label])
    if (enrolment.kind !== 'issued') return enrolment
    // RFC 7030 4.2.3: the certificate alone; the chain is at /cacerts.
    return { kind: 'issued', pkcs7: encodeCertsOnly([enrolment.certificate]) }
  }

  /** RFC 7030 4.2.2: only for the name of the certificate that the caller presented. */
  async reenrol(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstAnswer> {
    const current = caller.certificateDer && parse(caller.certificateDer)
    if (!current) return { kind: 'refused', detail: 'Present the certificate that is to be renewed' }
    const verdict = inspectCsr(csrDer, {
      ...(current.commonName === undefined ? {} : { commonName: current.commonName }),
      ...(current.organization === undefined ? {} : { organization: current.organization }),
    })
    if (!verdict.ok) return { kind: 'refused', detail: verdict.message }
    return this.enrol(caller, label, csrDer)
  }

  /**
   * RFC 7030 4.4. The key is made, sent and forgotten. The CSR only says the name; its key is what the caller proves
   * to have, and is not certified.
   */
  async generateKey(caller: EstCaller, label: EstLabel, csrDer: Uint8Array): Promise<EstGeneratedKey> {
    const { authorities, issuance, organisation, v2gAuthority, orders } = this.#options
    const station = await this.#activeStation(caller.stationId)
    if (!station) return { kind: 'refused', detail: 'The station is not registered any more' }
    if (label === 'v2g' && v2gAuthority)
      return {
        kind: 'refused',
        detail: `${v2gAuthority.name} signs V2G certificates: make the key on the station`,
      }
    const verdict = await orders.inspect(station, csrDer, USES[label])
    if (!verdict.ok) return { kind: 'refused', detail: verdict.message }
    const { privateKey, publicKey } = await generatePair('ec', { namedCurve: 'P-256' })
    try {
      const certificate = await issuance.issue({
        authority: authorities.signing(label === 'cso' ? 'station-ca' : 'cpo-sub2'),
        profile: certificateProfile(label === 'cso' ? 'station-client' : 'secc-leaf'),
        subject: {
          commonName: verdict.csr.commonNames[0] ?? station.id,
          organization: station.organisation ?? organisation,
        },
        publicKey: publicKey.export({ type: 'spki', format: 'der' }),
        stationId: station.id,
      })
      await this.#audit(station.id, certificate)
      const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
      return { kind: 'issued', pkcs7: encodeCertsOnly([certificate]), pkcs8 }
    } catch (error) {
      if (error instanceof KeyUnavailable) return { kind: 'pending', retryAfterMs: error.retryAfterMs }
      throw error
    }
  }

  #audit(stationId: string, certificate: Certificate): Promise<void> {
    return this.#options.store.audit.append({
      at: new Date(this.#options.clock.now()).toISOString(),
      actor: `station:${stationId}`,
      action: 'certificate.issued',
      subject: stationId,
      detail: { fingerprint: certificate.fingerprint, serial: certificate.serialHex, keyMadeHere: true },
    })
  }
}

const generatePair = promisify(generateKeyPair)

function parse(der: Uint8Array): Certificate | undefined {
  try {
    return Certificate.parse(der)
  } catch (error) {
    if (error instanceof PkiError) return undefined
    throw error
  }
}
