import { createHash } from 'node:crypto'
import {
  type Certificate,
  type Csr,
  certificateProfile,
  lintCertificate,
  orderChain,
  parseCsr,
  sameBytes,
  validatePath,
} from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { SigningOrder } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { Station } from '../store/stations.ts'
import type { Authorities } from './authorities.ts'
import type { ExternalAnswer, ExternalAuthority } from './external/ports.ts'
import type { Issuance } from './issuance.ts'
import { toIssuedRecord } from './issued.ts'
import { namesOf } from './station-names.ts'

/** Attempts at an external authority; with the waits below these are about two days. */
const MAX_ATTEMPTS = 60
const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 3_600_000

export interface Issued {
  readonly certificate: Certificate
  /** Leaf first, then its sub-CAs, without the root. */
  readonly chainPem: string
}

interface Asked {
  readonly csr: Csr
  /** The common name that the certificate must carry. */
  readonly name: string
}

export interface OrderIssuingOptions {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: Authorities
  readonly issuance: Issuance
  /** O of the stations that have no organisation of their own. */
  readonly organisation: string
  /** Signs V2G certificates in place of our own authority. */
  readonly v2gAuthority?: ExternalAuthority | undefined
}

/** Turns a requested order into a certificate: from our own authority, or from the configured external one. */
export class OrderIssuing {
  readonly #options: OrderIssuingOptions

  constructor(options: OrderIssuingOptions) {
    this.#options = options
  }

  /**
   * Undefined where the order has to wait or has failed; the order says so then. `delivered`: whoever asked waits for
   * the answer, so that there is nothing left to deliver.
   */
  async issue(order: SigningOrder, delivered = false): Promise<Issued | undefined> {
    const { store, v2gAuthority } = this.#options
    const station = await store.stations.get(order.stationId)
    if (!station) {
      await this.#update(order, {
        state: 'failed',
        detail: 'The station was removed before its certificate was issued',
      })
      return undefined
    }
    const csr = parseCsr(order.csrPem)
    // The name was checked against the station's when the order was opened; a request for V2G may leave it to us.
    const [registered = station.id] = await namesOf(store.stations, station, order.certificateType)
    const asked = { csr, name: csr.commonNames[0] ?? registered }
    return v2gAuthority && order.certificateType !== 'ChargingStationCertificate'
      ? this.#external(v2gAuthority, order, asked, delivered)
      : this.#local(order, asked, station, delivered)
  }

  async #local(
    order: SigningOrder,
    { csr, name }: Asked,
    station: Station,
    delivered: boolean,
  ): Promise<Issued | undefined> {
    const { authorities, issuance, organisation, clock } = this.#options
    const { profile, line } = issuanceOf(order.certificateType)
    try {
      const authority = authorities.signing(line)
      const certificate = await issuance.issue({
        authority,
        profile,
        // The profile decides all the rest.
        subject: {
          commonName: name,
          organization: station.organisation ?? organisation,
        },
        publicKey: csr.publicKey,
        stationId: order.stationId,
        orderId: order.id,
        alongside: (issued) => this.#written(order, issued, delivered),
      })
      return { certificate, chainPem: authorities.chainPem(certificate, authority.record.id) }
    } catch (error) {
      if (!(error instanceof KeyUnavailable)) throw error
      const notBefore = new Date(clock.now() + error.retryAfterMs).toISOString()
      await this.#update(order, { notBefore, detail: error.message })
      return undefined
    }
  }

  async #external(
    authority: ExternalAuthority,
    order: SigningOrder,
    asked: Asked,
    delivered: boolean,
  ): Promise<Issued | undefined> {
    const attempts = order.attempts + 1
    // Counted before asking: an attempt that ends with the process counts too.
    await this.#update(order, { attempts })
    const answer = await authority.enroll(asked.csr.der)
    if (answer.kind === 'issued') return this.#accept(authority, order, asked, answer, delivered)
    const { detail } = answer.kind === 'pending' ? { detail: `${authority.name} is still deciding` } : answer
    if (answer.kind === 'refused' || attempts >= MAX_ATTEMPTS) {
      await this.#update(order, { state: 'failed', detail })
      return undefined
    }
    const waitMs = Math.min(LONGEST_WAIT_MS, answer.retryAfterMs ?? backoffMs(order.id, attempts))
    await this.#update(order, {
      detail,
      notBefore: new Date(this.#options.clock.now() + waitMs).toISOString(),
    })
    return undefined
  }

  async #accept(
    authority: ExternalAuthority,
    order: SigningOrder,
    asked: Asked,
    { certificate, others }: Extract<ExternalAnswer, { kind: 'issued' }>,
    delivered: boolean,
  ): Promise<Issued | undefined> {
    const { store, clock } = this.#options
    const problem = refuse(certificate, others, asked, clock.now())
    if (problem !== undefined) {
      await this.#update(order, { state: 'failed', detail: `${authority.name}: ${problem}` })
      return undefined
    }
    const findings = lintCertificate(certificate, { profile: certificateProfile('secc-leaf') })
    const chain = orderChain(certificate, others)
    const chainPem = chain.map((one) => one.toPem()).join('')
    const record = toIssuedRecord(certificate, {
      authorityId: null,
      profile: { id: `external/${authority.name}`.slice(0, 64) },
      stationId: order.stationId,
    })
    const at = this.#now()
    await Promise.all([
      store.certificates.recordIssued(record, { id: order.id, at, chainPem }),
      ...this.#written(order, certificate, delivered),
    ])
    if (findings.length > 0)
      await store.audit.append({
        at,
        actor: 'system',
        action: 'certificate.lint',
        subject: certificate.fingerprint,
        detail: { findings: findings.map(({ rule, severity, message }) => ({ rule, severity, message })) },
      })
    return { certificate, chainPem }
  }

  /** Begun in the same turn as the certificate's record, so that all of it is one commit. */
  #written(order: SigningOrder, certificate: Certificate, delivered: boolean): Promise<void>[] {
    const { fingerprint, serialHex } = certificate
    const audit = this.#options.store.audit.append({
      at: this.#now(),
      actor: 'system',
      action: 'certificate.issued',
      subject: order.stationId,
      detail: { fingerprint, serial: serialHex, order: order.id },
    })
    return delivered ? [audit, this.#update(order, { state: 'delivered' })] : [audit]
  }

  #update(order: SigningOrder, change: Parameters<Store['certificates']['updateOrder']>[1]): Promise<void> {
    return this.#options.store.certificates.updateOrder(order.id, change, this.#now())
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }
}

/** Which authority signs what: a combined or V2G certificate needs the V2G chain, a station certificate has its own. */
function issuanceOf(certificateType: SigningOrder['certificateType']) {
  return certificateType === 'ChargingStationCertificate'
    ? { profile: certificateProfile('station-client'), line: 'station-ca' }
    : { profile: certificateProfile('secc-leaf'), line: 'cpo-sub2' }
}

/** Why what an external authority sent is not the certificate of this request. */
function refuse(
  certificate: Certificate,
  others: readonly Certificate[],
  { csr, name }: Asked,
  nowMs: number,
): string | undefined {
  if (!sameBytes(certificate.spki, csr.publicKey.spki)) return 'the certificate is for another key'
  if (certificate.commonName !== name)
    return `the certificate is for "${certificate.commonName ?? ''}", asked for was "${name}"`
  const path = validatePath({
    leaf: certificate,
    intermediates: others,
    anchors: others.filter((one) => one.isSelfSigned),
    atMs: nowMs,
  })
  return path.ok ? undefined : `the certificate does not lead to a root that came with it (${path.message})`
}

/** Doubling, with up to a quarter more by the order's own number, so that a fleet does not come back at once. */
function backoffMs(orderId: string, attempts: number): number {
  const share = (createHash('sha256').update(orderId).digest()[0] ?? 0) / 255 / 4
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempts - 1, 20)) * (1 + share)
}
