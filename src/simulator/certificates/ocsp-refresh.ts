import { certificateHashData } from '../../../pki/index.ts'
import type { StationContext } from '../context.ts'
import type { Cancel } from '../scheduler.ts'
import type { CertificateStore, OwnCertificate } from './store.ts'

const WEEK_MS = 7 * 86_400_000

/** M06: the station keeps OCSP answers for its own chain, because the car will ask for them. */
export class OcspRefresh {
  readonly #context: StationContext
  readonly #store: CertificateStore
  readonly #answers = new Map<string, string>()
  #cancel: Cancel = () => {}

  constructor(context: StationContext, store: CertificateStore) {
    this.#context = context
    this.#store = store
  }

  /** OCSP responses (Base64 DER) by certificate fingerprint, as stapled to the TLS handshake with a car. */
  get answers(): ReadonlyMap<string, string> {
    return this.#answers
  }

  stop(): void {
    this.#cancel()
  }

  /** At once, then at least weekly (M06.FR.10). */
  refresh(): void {
    this.#cancel()
    this.#cancel = this.#context.scheduler.after(WEEK_MS, () => this.refresh())
    for (const own of this.#store.v2gChains) void this.#refreshChain(own)
  }

  async #refreshChain(own: OwnCertificate): Promise<void> {
    for (const certificate of own.chain) {
      const issuer = this.#store.issuerOf(certificate, own)
      const [responderURL] = certificate.ocspUrls
      if (issuer === undefined || responderURL === undefined) continue
      const ocspRequestData = { ...certificateHashData(certificate, issuer, 'SHA256'), responderURL }
      try {
        const { status, ocspResult } = await this.#context.call('GetCertificateStatus', { ocspRequestData })
        if (status === 'Accepted' && ocspResult !== undefined) {
          this.#answers.set(certificate.fingerprint, ocspResult)
        }
      } catch (error) {
        this.#context.problem('GetCertificateStatus', error)
      }
    }
  }
}
