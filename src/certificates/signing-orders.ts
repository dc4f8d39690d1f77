import {
  Certificate,
  type CsrRefusal,
  certificateProfile,
  inspectCsr,
  issueCertificate,
  parseCsr,
} from '../../pki/index.ts'
import type { CallOutcome, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { SignCertificateRequest } from '../ocpp/v201/messages.generated.ts'
import type { SigningOrder } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { Station } from '../store/stations.ts'
import { type Authority, chainOf } from './hierarchy.ts'
import { toIssuedRecord } from './issued.ts'

/** Deliveries of one certificate that may stay without an answer before an operator has to look. */
const MAX_DELIVERIES = 5
/** Orders worked on at the same time: one slow station must not hold up the others. */
const MAX_IN_FLIGHT = 64
/** OCPP 2.0.1 CertificateSignedRequest.certificateChain. */
const MAX_CHAIN_CHARACTERS = 10_000

export interface SigningOrderOptions {
  readonly store: Store
  readonly bus: StationBus
  readonly hub: EventHub
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly newId: () => string
  readonly authorities: ReadonlyMap<string, Authority>
  /** O of the stations that have no organisation of their own. */
  readonly organisation: string
}

export type SigningVerdict =
  | { readonly status: 'Accepted' }
  | { readonly status: 'Rejected'; readonly reasonCode: CsrRefusal; readonly detail: string }

/**
 * SignCertificate to CertificateSigned (OCPP 2.0.1 A02, A03): the request opens an order, `advance` issues and
 * delivers. Each state is committed before the next step, so that a restart goes on where the last process died.
 */
export class SigningOrders {
  readonly #options: SigningOrderOptions
  readonly #inFlight = new Set<string>()

  constructor(options: SigningOrderOptions) {
    this.#options = options
  }

  /** The synchronous pre-check of a CSR; an accepted one has an order when the promise resolves. */
  async request(station: Station, request: SignCertificateRequest): Promise<SigningVerdict> {
    const { store, hub, newId } = this.#options
    const at = this.#now()
    const verdict = inspectCsr(request.csr, {
      organization: station.organisation ?? this.#options.organisation,
      commonName: await this.#expectedNames(station, request),
    })
    if (!verdict.ok) {
      await this.#recordSecurity(station.id, 'CsrRejected', {
        reason: verdict.reason,
        message: verdict.message,
      })
      return { status: 'Rejected', reasonCode: verdict.reason, detail: verdict.message }
    }
    const certificateType = request.certificateType ?? null
    const { order, existed } = await store.certificates.openOrder(
      {
        id: newId(),
        stationId: station.id,
        certificateType,
        keyHash: verdict.csr.keyHash,
        csrPem: request.csr,
      },
      at,
    )
    if (existed) await this.#reopen(order)
    hub.publish({ kind: 'certificate.requested', stationId: station.id, orderId: order.id, at })
    return { status: 'Accepted' }
  }

  /** Issues what is requested and delivers what is issued to the stations that are online. Safe to call at any time. */
  async advance(stationId?: string): Promise<void> {
    const orders = await this.#options.store.certificates.orders({
      ...(stationId === undefined ? {} : { stationId }),
      states: ['requested', 'issued'],
      limit: 10_000,
    })
    const started: Promise<void>[] = []
    for (const order of orders) {
      // What finds no room now is found again by the next sweep.
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break
      if (this.#inFlight.has(order.id)) continue
      if (order.state === 'issued' && !this.#options.bus.isOnline(order.stationId)) continue
      this.#inFlight.add(order.id)
      started.push(this.#step(order).finally(() => this.#inFlight.delete(order.id)))
    }
    const failed = (await Promise.allSettled(started)).filter((outcome) => outcome.status === 'rejected')
    if (failed.length > 0)
      throw new AggregateError(
        failed.map((outcome) => outcome.reason),
        `${failed.length} certificate orders could not be advanced`,
      )
  }

  async #step(order: SigningOrder): Promise<void> {
    const issued =
      order.state === 'requested' ? await this.#issue(order) : await this.#issuedCertificate(order)
    if (issued && this.#options.bus.isOnline(order.stationId)) await this.#deliver(order, issued)
  }

  async #issue(order: SigningOrder): Promise<Certificate | undefined> {
    const { store, clock, random, authorities, hub } = this.#options
    const station = await store.stations.get(order.stationId)
    if (!station) {
      await this.#update(order, {
        state: 'failed',
        detail: 'The station was removed before its certificate was issued',
      })
      return undefined
    }
    const { profile, authorityId } = issuanceOf(order.certificateType)
    const authority = authorities.get(authorityId)
    if (!authority) throw new Error(`The authority ${authorityId} is not loaded`)
    const csr = parseCsr(order.csrPem)
    // The name was checked against the station's when the order was opened; the profile decides all the rest.
    const commonName = csr.commonNames[0] ?? station.id
    const certificate = await issueCertificate({
      profile,
      issuer: authority.issuer,
      subject: { commonName, organization: station.organisation ?? this.#options.organisation },
      publicKey: csr.publicKey,
      atMs: clock.now(),
      random: random(16),
    })
    const record = toIssuedRecord(certificate, { authorityId, profile, stationId: order.stationId })
    await store.certificates.recordIssued(record, { id: order.id, at: this.#now() })
    await this.#audit('certificate.issued', order.stationId, {
      fingerprint: record.fingerprint,
      serial: record.serialNumber,
      order: order.id,
    })
    hub.publish({
      kind: 'certificate.issued',
      stationId: order.stationId,
      fingerprint: record.fingerprint,
      at: this.#now(),
    })
    return certificate
  }

  async #issuedCertificate(order: SigningOrder): Promise<Certificate | undefined> {
    const record =
      order.fingerprint === null
        ? undefined
        : await this.#options.store.certificates.byFingerprint(order.fingerprint)
    if (record && record.revokedAt === null) return Certificate.parse(record.der)
    await this.#update(order, {
      state: 'failed',
      detail: 'The certificate of this order was revoked or is missing',
    })
    return undefined
  }

  async #deliver(order: SigningOrder, certificate: Certificate): Promise<void> {
    const { authorities, bus } = this.#options
    const authorityId = issuanceOf(order.certificateType).authorityId
    const chain = [
      certificate,
      ...chainOf(authorities, authorityId).map((authority) => authority.certificate),
    ]
    // Leaf first, then the sub-CAs, without the root, which the station has as its anchor (A02.FR.02).
    const certificateChain = chain
      .filter((one) => !one.isSelfSigned)
      .map((one) => one.toPem())
      .join('')
    const limit = Math.min(MAX_CHAIN_CHARACTERS, await this.#maxChainSize(order.stationId))
    if (certificateChain.length > limit) {
      await this.#update(order, {
        state: 'failed',
        detail: `The chain has ${certificateChain.length} characters, the station takes ${limit}`,
      })
      return
    }
    const outcome = await bus.call(order.stationId, 'CertificateSigned', {
      certificateChain,
      ...(order.certificateType === null ? {} : { certificateType: order.certificateType }),
    })
    await this.#settle(order, certificate, outcome)
  }

  async #settle(
    order: SigningOrder,
    certificate: Certificate,
    outcome: CallOutcome<'CertificateSigned'>,
  ): Promise<void> {
    if (outcome.kind === 'offline' || outcome.kind === 'busy' || outcome.kind === 'withheld') return
    const attempts = order.attempts + 1
    if (outcome.kind === 'answered' && outcome.payload.status === 'Accepted') {
      await this.#update(order, { state: 'delivered', attempts })
      await this.#audit('certificate.delivered', order.stationId, {
        fingerprint: certificate.fingerprint,
        order: order.id,
      })
      return
    }
    // A station that refuses a certificate reports why and is not asked again without an operator (A02.FR.20).
    if (outcome.kind === 'answered') {
      const detail = outcome.payload.statusInfo?.reasonCode ?? 'The station rejected the certificate'
      await this.#update(order, { state: 'rejected', attempts, detail })
      await this.#recordSecurity(order.stationId, 'CertificateRejectedByStation', { order: order.id, detail })
      return
    }
    const detail = describe(outcome)
    const exhausted = attempts >= MAX_DELIVERIES || outcome.kind === 'invalid'
    await this.#update(order, exhausted ? { state: 'failed', attempts, detail } : { attempts, detail })
    if (exhausted)
      await this.#recordSecurity(order.stationId, 'CertificateDeliveryFailed', { order: order.id, detail })
  }

  /** The same key asked for again: the certificate it has is sent again, or a new one made where that has aged. */
  async #reopen(order: SigningOrder): Promise<void> {
    const record =
      order.fingerprint === null
        ? undefined
        : await this.#options.store.certificates.byFingerprint(order.fingerprint)
    const now = this.#options.clock.now()
    const start = record ? Date.parse(record.notBefore) : 0
    const end = record ? Date.parse(record.notAfter) : 0
    const fresh = record !== undefined && record.revokedAt === null && now < start + ((end - start) * 2) / 3
    await this.#update(order, { state: fresh ? 'issued' : 'requested', attempts: 0 })
  }

  async #expectedNames(station: Station, request: SignCertificateRequest): Promise<readonly string[]> {
    const own = [station.serialNumber ?? station.id]
    if (request.certificateType !== 'V2GCertificate') return own
    const variables = await this.#options.store.stations.variables(station.id, { variable: 'SeccId' })
    const seccIds = variables.flatMap((variable) => (variable.value ? [variable.value] : []))
    // A station that never reported its SECC ids is known by its serial number only.
    return seccIds.length > 0 ? seccIds : own
  }

  async #maxChainSize(stationId: string): Promise<number> {
    const [variable] = await this.#options.store.stations.variables(stationId, {
      variable: 'MaxCertificateChainSize',
    })
    const size = Number(variable?.value)
    return Number.isInteger(size) && size > 0 ? size : MAX_CHAIN_CHARACTERS
  }

  #update(order: SigningOrder, change: Parameters<Store['certificates']['updateOrder']>[1]): Promise<void> {
    return this.#options.store.certificates.updateOrder(order.id, change, this.#now())
  }

  #audit(action: string, stationId: string, detail: object): Promise<void> {
    return this.#options.store.audit.append({
      at: this.#now(),
      actor: 'system',
      action,
      subject: stationId,
      detail,
    })
  }

  #recordSecurity(stationId: string, type: string, detail: object): Promise<void> {
    const at = this.#now()
    return this.#options.store.events.record({
      stationId,
      kind: 'csms-security',
      type,
      at,
      receivedAt: at,
      critical: true,
      detail,
    })
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }
}

/** Which authority signs what: a combined or V2G certificate needs the V2G chain, a station certificate has its own. */
function issuanceOf(certificateType: SigningOrder['certificateType']) {
  return certificateType === 'ChargingStationCertificate'
    ? { profile: certificateProfile('station-client'), authorityId: 'station-ca' }
    : { profile: certificateProfile('secc-leaf'), authorityId: 'cpo-sub2' }
}

function describe(
  outcome: Exclude<CallOutcome, { kind: 'answered' | 'offline' | 'busy' | 'withheld' }>,
): string {
  switch (outcome.kind) {
    case 'refused':
      return `The station answered with ${outcome.code}: ${outcome.description}`
    case 'unanswered':
      return outcome.reason === 'deadline'
        ? 'The station did not answer in time'
        : 'The station disconnected before it answered'
    case 'invalid':
    case 'malformed':
      return outcome.issues.join('; ')
  }
}
