import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { Certificate, PublicKey, sameBytes, validatePath } from '../../../pki/index.ts'
import type {
  CertificateSignedRequest,
  CertificateSigningUseEnumType,
  SignCertificateRequest,
} from '../../ocpp/v201/messages.generated.ts'
import type { StationContext } from '../context.ts'
import type { Cancel } from '../scheduler.ts'
import { type CsrSubject, writeCsr } from './csr-write.ts'
import { type CertificateStore, type OwnCertificate, readableByTls } from './store.ts'

/** `Combined`: one certificate for both uses, asked for without a certificateType. */
export type SigningUse = CertificateSigningUseEnumType | 'Combined'

interface PendingRequest {
  readonly use: SigningUse
  /** V2G: each SECC has its own; 1 otherwise. */
  readonly evseId: number
  readonly privateKey: KeyObject
  readonly spki: Uint8Array
  readonly csr: string
  attempts: number
  cancelRepeat: Cancel
}

export interface SigningServices {
  readonly store: CertificateStore
  subject(use: SigningUse, evseId: number): CsrSubject
  /** Called after a new certificate of the station itself is in place. */
  stationCertificateChanged(): void
  v2gCertificateChanged(own: OwnCertificate): void
}

export type SignedVerdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly reason: string }

const RENEW_BEFORE_MS = 30 * 86_400_000
const CHECK_PERIOD_MS = 86_400_000

/** A02/A03: keys, CSRs, the repetition timer and what counts as the answer to them. */
export class CertificateSigning {
  readonly #context: StationContext
  readonly #services: SigningServices
  readonly #pending = new Map<string, PendingRequest>()
  #cancelCheck: Cancel = () => {}

  constructor(context: StationContext, services: SigningServices) {
    this.#context = context
    this.#services = services
  }

  /** A03: looks once a day whether a certificate has to be renewed. */
  watchExpiry(): void {
    this.#cancelCheck()
    this.#cancelCheck = this.#context.scheduler.every(CHECK_PERIOD_MS, () => this.renewExpiring())
    this.renewExpiring()
  }

  renewExpiring(): void {
    const { store } = this.#services
    const soonMs = this.#context.clock.now() + RENEW_BEFORE_MS
    if (store.station !== undefined && store.station.chain[0].notAfterMs < soonMs) {
      void this.request('ChargingStationCertificate')
    }
    if (store.v2gChains.some((own) => own.chain[0].notAfterMs < soonMs)) void this.request('V2GCertificate')
  }

  /** Asks unless a certificate of this kind is there or under way. */
  obtain(use: SigningUse): void {
    const { store } = this.#services
    const has = use === 'V2GCertificate' ? store.v2gChains.length > 0 : store.station !== undefined
    if (!has && !this.#pending.has(slotOf({ use, evseId: 1 }))) void this.request(use)
  }

  stop(): void {
    this.#cancelCheck()
    for (const pending of this.#pending.values()) pending.cancelRepeat()
  }

  /** A fresh key, its CSR, and SignCertificate. A request that runs already for this use is replaced. */
  async request(use: SigningUse, how: { solicited?: boolean } = {}, evseId = 1): Promise<void> {
    const slot = slotOf({ use, evseId })
    this.#pending.get(slot)?.cancelRepeat()
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pending: PendingRequest = {
      use,
      evseId,
      privateKey,
      spki: PublicKey.fromKeyObject(publicKey).spki,
      csr: writeCsr(this.#services.subject(use, evseId), privateKey),
      attempts: 0,
      cancelRepeat: () => {},
    }
    this.#pending.set(slot, pending)
    await this.#send(pending, how)
  }

  async #send(pending: PendingRequest, how: { solicited?: boolean } = {}): Promise<void> {
    const request: SignCertificateRequest = {
      csr: pending.csr,
      ...(pending.use === 'Combined' ? {} : { certificateType: pending.use }),
    }
    try {
      const { status, statusInfo } = await this.#context.call('SignCertificate', request, how)
      if (this.#pending.get(slotOf(pending)) !== pending) return
      if (status === 'Accepted') {
        this.#repeatLater(pending)
        return
      }
      this.#pending.delete(slotOf(pending))
      const reason = `${statusInfo?.reasonCode ?? 'no reason'} ${statusInfo?.additionalInfo ?? ''}`.trim()
      this.#context.problem('SignCertificate', new Error(`The CSMS refused the request: ${reason}`))
    } catch (error) {
      this.#context.problem('SignCertificate', error)
      if (this.#pending.get(slotOf(pending)) === pending) this.#repeatLater(pending)
    }
  }

  /** A02.FR.17-19: the same CSR again after a wait that doubles, a limited number of times. */
  #repeatLater(pending: PendingRequest): void {
    const { device, scheduler } = this.#context
    if (pending.attempts >= device.number('SecurityCtrlr.CertSigningRepeatTimes')) return
    const waitMs = device.number('SecurityCtrlr.CertSigningWaitMinimum') * 1000 * 2 ** pending.attempts
    pending.attempts++
    pending.cancelRepeat = scheduler.after(waitMs, () => {
      if (this.#pending.get(slotOf(pending)) === pending) void this.#send(pending)
    })
  }

  /** CertificateSigned: accepted only for the key that waits, with a chain that holds together. */
  signed(request: CertificateSignedRequest): SignedVerdict {
    const verdict = this.#judge(request)
    if (!verdict.accepted && request.certificateType !== 'V2GCertificate') {
      // Raised and not retried (A02.FR.20): the CSMS has to trigger anew.
      this.#context.securityEvent('InvalidChargingStationCertificate', verdict.reason)
    }
    return verdict
  }

  #judge(request: CertificateSignedRequest): SignedVerdict {
    const limit = this.#context.device.number('SecurityCtrlr.MaxCertificateChainSize')
    if (request.certificateChain.length > limit) return refused('The chain is larger than accepted.')
    let chain: Certificate[]
    try {
      chain = Certificate.parseChain(request.certificateChain)
    } catch (error) {
      return refused(error instanceof Error ? error.message : 'The chain cannot be read.')
    }
    const [leaf, ...issuers] = chain
    if (leaf === undefined || !readableByTls(request.certificateChain)) return refused('The chain is empty.')
    const pending = [...this.#pending.values()].find((each) => sameBytes(each.spki, leaf.spki))
    if (pending === undefined) return refused('No request waits for this key.')
    const wrongUse = request.certificateType !== undefined && pending.use !== request.certificateType
    if (wrongUse && pending.use !== 'Combined') return refused('The certificate was asked for another use.')
    const flaw = this.#flawOf(leaf, issuers, pending.use)
    if (flaw !== undefined) return refused(flaw)
    this.#install(pending, [leaf, ...issuers], request.certificateChain)
    return { accepted: true }
  }

  #flawOf(leaf: Certificate, issuers: readonly Certificate[], use: SigningUse): string | undefined {
    const nowMs = this.#context.clock.now()
    if (leaf.isCa) return 'The leaf is a CA.'
    for (const certificate of [leaf, ...issuers]) {
      if (certificate.notAfterMs <= nowMs) return 'A certificate of the chain has expired.'
      if (certificate.notBeforeMs > nowMs) return 'A certificate of the chain is not valid yet.'
    }
    const broken = [leaf, ...issuers].some((certificate, index, chain) => {
      const issuer = chain[index + 1]
      return issuer !== undefined && !certificate.isSignedBy(issuer)
    })
    if (broken) return 'The chain is not in order, leaf first.'
    const anchors = this.#services.store.roots('V2GRootCertificate')
    if (use === 'ChargingStationCertificate' || anchors.length === 0) return undefined
    const path = validatePath({ leaf, intermediates: issuers, anchors, atMs: nowMs })
    return path.ok ? undefined : path.message
  }

  #install(pending: PendingRequest, chain: readonly [Certificate, ...Certificate[]], chainPem: string): void {
    pending.cancelRepeat()
    this.#pending.delete(slotOf(pending))
    const own: OwnCertificate = {
      chain,
      chainPem,
      keyPem: pending.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
    const { store } = this.#services
    if (pending.use !== 'V2GCertificate') store.setStation(own)
    if (pending.use !== 'ChargingStationCertificate') store.addV2g(own)
    this.#context.counters.certificatesSigned++
    this.#context.events.emit('certificateSigned', {
      use: pending.use === 'V2GCertificate' ? 'V2GCertificate' : 'ChargingStationCertificate',
      serialNumber: chain[0].serialHex,
      notAfterMs: chain[0].notAfterMs,
    })
    if (pending.use !== 'V2GCertificate') this.#services.stationCertificateChanged()
    if (pending.use !== 'ChargingStationCertificate') this.#services.v2gCertificateChanged(own)
  }
}

const slotOf = ({ use, evseId }: { use: SigningUse; evseId: number }): string => `${use}/${evseId}`

const refused = (reason: string): SignedVerdict => ({ accepted: false, reason })
