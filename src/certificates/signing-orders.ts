import { Certificate, type CsrRefusal, type CsrVerdict, encodePem, inspectCsr } from '../../pki/index.ts'
import type { CallOutcome, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { SignCertificateRequest } from '../ocpp/v201/messages.generated.ts'
import type { SigningOrder } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { Station } from '../store/stations.ts'
import type { Authorities } from './authorities.ts'
import type { Issued, OrderIssuing } from './order-issuing.ts'
import { namesOf } from './station-names.ts'
import type { StationVouchers } from './station-vouchers.ts'

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
  readonly newId: () => string
  readonly authorities: Authorities
  readonly issuing: OrderIssuing
  readonly vouchers: Pick<StationVouchers, 'pemFor'>
  /** O of the stations that have no organisation of their own. */
  readonly organisation: string
}

export type SigningVerdict =
  | { readonly status: 'Accepted' }
  | { readonly status: 'Rejected'; readonly reasonCode: CsrRefusal; readonly detail: string }

export type CertificateUse = SigningOrder['certificateType']

export type Enrolment =
  | ({ readonly kind: 'issued' } & Issued)
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly reasonCode: string; readonly detail: string }

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
    const opened = await this.#open(station, request.csr, request.certificateType ?? null)
    if (!('order' in opened)) return opened
    if (opened.existed) await this.#reopen(opened.order)
    this.#options.hub.publish({
      kind: 'certificate.requested',
      stationId: station.id,
      orderId: opened.order.id,
      at: this.#now(),
    })
    return { status: 'Accepted' }
  }

  /**
   * The same policy and the same order, for a station that waits for the answer (EST): issued now, or found again
   * where the station asks a second time with the same key.
   */
  async enrol(
    station: Station,
    csr: string | Uint8Array,
    certificateType: CertificateUse,
  ): Promise<Enrolment> {
    const opened = await this.#open(station, csr, certificateType)
    if (!('order' in opened)) return { kind: 'refused', reasonCode: opened.reasonCode, detail: opened.detail }
    const { order } = opened
    // A sweep that delivers this very order over OCPP at the same time: the station asks again in a moment.
    if (this.#inFlight.has(order.id)) return { kind: 'pending', retryAfterMs: 1000 }
    this.#inFlight.add(order.id)
    try {
      if (opened.existed) await this.#reopen(order)
      const current = (await this.#options.store.certificates.order(order.id)) ?? order
      const issued = await this.#issuedOrNew(current, true)
      if (issued) return { kind: 'issued', ...issued }
      const after = await this.#options.store.certificates.order(order.id)
      if (after?.state === 'failed')
        return { kind: 'refused', reasonCode: 'not-issued', detail: after.detail ?? 'The order failed' }
      const waitMs = after?.notBefore ? Date.parse(after.notBefore) - this.#options.clock.now() : 0
      return { kind: 'pending', retryAfterMs: Math.max(1000, waitMs) }
    } finally {
      this.#inFlight.delete(order.id)
    }
  }

  async #open(station: Station, csr: string | Uint8Array, certificateType: CertificateUse) {
    const { store, newId } = this.#options
    const verdict = await this.inspect(station, csr, certificateType)
    if (!verdict.ok)
      return { status: 'Rejected', reasonCode: verdict.reason, detail: verdict.message } as const
    const opening = {
      id: newId(),
      stationId: station.id,
      certificateType,
      keyHash: verdict.csr.keyHash,
      csrPem: encodePem('CERTIFICATE REQUEST', verdict.csr.der),
    }
    return store.certificates.openOrder(opening, this.#now())
  }

  /** Whether a CSR is one that this station may ask with; a refusal is kept among its security events. */
  async inspect(
    station: Station,
    csr: string | Uint8Array,
    certificateType: CertificateUse,
  ): Promise<CsrVerdict> {
    const names = await namesOf(this.#options.store.stations, station, certificateType)
    const verdict = inspectCsr(csr, {
      organization: station.organisation ?? this.#options.organisation,
      commonName: names,
      // Stations ask for a V2G certificate by country and organisation alone (TC_A_12).
      commonNameOptional: certificateType === 'V2GCertificate' && names.length === 1,
    })
    if (!verdict.ok) {
      const { reason, message } = verdict
      await this.#recordSecurity(station.id, 'CsrRejected', { reason, message })
    }
    return verdict
  }

  /** Issues what is requested and delivers what is issued to the stations that are online. Safe to call at any time. */
  async advance(stationId?: string): Promise<void> {
    const orders = await this.#options.store.certificates.orders({
      ...(stationId === undefined ? {} : { stationId }),
      states: ['requested', 'issued'],
      dueAt: this.#now(),
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
    const issued = await this.#issuedOrNew(order)
    if (issued && this.#options.bus.isOnline(order.stationId)) await this.#deliver(order, issued)
  }

  async #issuedOrNew(order: SigningOrder, delivered = false): Promise<Issued | undefined> {
    if (order.state === 'requested') return this.#issue(order, delivered)
    const issued = await this.#issuedCertificate(order)
    if (issued && delivered) await this.#update(order, { state: 'delivered' })
    return issued
  }

  async #issue(order: SigningOrder, delivered: boolean): Promise<Issued | undefined> {
    const issued = await this.#options.issuing.issue(order, delivered)
    if (!issued) return undefined
    this.#options.hub.publish({
      kind: 'certificate.issued',
      stationId: order.stationId,
      fingerprint: issued.certificate.fingerprint,
      at: this.#now(),
    })
    return issued
  }

  async #issuedCertificate(order: SigningOrder): Promise<Issued | undefined> {
    const record =
      order.fingerprint === null
        ? undefined
        : await this.#options.store.certificates.byFingerprint(order.fingerprint)
    if (record && record.revokedAt === null) {
      const certificate = Certificate.parse(record.der)
      const chainPem =
        order.chainPem ?? this.#options.authorities.chainPem(certificate, record.authorityId ?? '')
      return { certificate, chainPem }
    }
    await this.#update(order, {
      state: 'failed',
      detail: 'The certificate of this order was revoked or is missing',
    })
    return undefined
  }

  async #deliver(order: SigningOrder, { certificate, chainPem }: Issued): Promise<void> {
    const { bus } = this.#options
    const limit = Math.min(MAX_CHAIN_CHARACTERS, await this.#maxChainSize(order.stationId))
    const vouched = chainPem + (await this.#voucherFor(order))
    const certificateChain = vouched.length > limit ? chainPem : vouched
    if (certificateChain.length > limit) {
      await this.#update(order, {
        state: 'failed',
        detail: `The chain has ${certificateChain.length} characters, the station takes ${limit}`,
      })
      return
    }
    // Counted before it is sent: a delivery whose answer is lost with this process may have arrived as well.
    const attempts = order.attempts + 1
    await this.#update(order, { attempts })
    const outcome = await bus.call(order.stationId, 'CertificateSigned', {
      certificateChain,
      ...(order.certificateType === null ? {} : { certificateType: order.certificateType }),
    })
    if (outcome.kind === 'offline' || outcome.kind === 'busy' || outcome.kind === 'withheld')
      await this.#update(order, { attempts: order.attempts })
    else await this.#settle(order, attempts, certificate, outcome)
  }

  async #voucherFor({ certificateType, stationId, fingerprint, id }: SigningOrder): Promise<string> {
    const { store, vouchers } = this.#options
    if (certificateType !== 'ChargingStationCertificate') return ''
    const issued = fingerprint ?? (await store.certificates.order(id))?.fingerprint ?? ''
    const record = await store.certificates.byFingerprint(issued)
    return vouchers.pemFor(stationId, record?.authorityId ?? '')
  }

  async #settle(
    order: SigningOrder,
    attempts: number,
    certificate: Certificate,
    outcome: Sent,
  ): Promise<void> {
    if (outcome.kind === 'answered' && outcome.payload.status === 'Accepted') {
      await this.#update(order, { state: 'delivered' })
      await this.#audit('certificate.delivered', order.stationId, {
        fingerprint: certificate.fingerprint,
        order: order.id,
      })
      return
    }
    // A station that refuses a certificate reports why and is not asked again without an operator (A02.FR.20).
    if (outcome.kind === 'answered') {
      const detail = outcome.payload.statusInfo?.reasonCode ?? 'The station rejected the certificate'
      await this.#update(order, { state: 'rejected', detail })
      await this.#recordSecurity(order.stationId, 'CertificateRejectedByStation', { order: order.id, detail })
      return
    }
    const detail = describe(outcome)
    const exhausted = attempts >= MAX_DELIVERIES || outcome.kind === 'invalid'
    await this.#update(order, exhausted ? { state: 'failed', detail } : { detail })
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

/** What becomes of a call that left. */
type Sent = Exclude<CallOutcome<'CertificateSigned'>, { kind: 'offline' | 'busy' | 'withheld' }>

function describe(outcome: Exclude<Sent, { kind: 'answered' }>): string {
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
