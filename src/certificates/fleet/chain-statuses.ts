/**
 * M06 ahead of time: SECC certificates that an external authority signed come with sub-CAs whose state only that
 * authority knows. Its responder is asked about the whole chain as soon as it is here, before the station has it, so
 * that the first station that asks finds the answer; the cache is the one of the whole fleet.
 */

import { Certificate, certIdFor, issuerLookupKeys, PkiError } from '../../../pki/index.ts'
import type { ForeignRevocation } from '../foreign/foreign-revocation.ts'
import type { FleetContext } from './context.ts'

const MAX_ORDERS = 10_000
const AT_ONCE = 16
const DEADLINE_MS = 10_000

export class ChainStatuses {
  readonly #context: Pick<FleetContext, 'store' | 'clock' | 'log'>
  readonly #foreign: Pick<ForeignRevocation, 'response'>
  #issuers: ReadonlyMap<string, Certificate> = new Map()

  constructor(
    context: Pick<FleetContext, 'store' | 'clock' | 'log'>,
    foreign: Pick<ForeignRevocation, 'response'>,
  ) {
    this.#context = context
    this.#foreign = foreign
  }

  /** Issuers in the chains that stations have, or are about to get, by the issuer part of a CertID. */
  issuer(issuerKey: string): Certificate | undefined {
    return this.#issuers.get(issuerKey)
  }

  /** Asks about every certificate of every chain that is in use or on its way; resolves to how many have an answer. */
  async sweep(): Promise<{ readonly asked: number; readonly answered: number }> {
    const { store, clock } = this.#context
    const anchors = (await store.fleet.anchors()).map(({ der }) => Certificate.parse(der))
    const orders = await store.certificates.orders({ states: ['issued', 'delivered'], limit: MAX_ORDERS })
    const pairs = new Map<string, { readonly certificate: Certificate; readonly issuer: Certificate }>()
    for (const { chainPem } of orders)
      for (const pair of chainPem === null ? [] : this.#pairsOf(chainPem, anchors))
        if (pair.certificate.notAfterMs > clock.now()) pairs.set(pair.certificate.fingerprint, pair)
    this.#issuers = new Map(
      [...pairs.values()].flatMap(({ issuer }) =>
        issuerLookupKeys(issuer).map((key) => [key, issuer] as const),
      ),
    )
    let answered = 0
    const all = [...pairs.values()]
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const found = await Promise.all(all.slice(at, at + AT_ONCE).map((pair) => this.#ask(pair)))
      answered += found.filter(Boolean).length
    }
    return { asked: all.length, answered }
  }

  /** Each certificate with the one that signed it; the root itself has no state. */
  #pairsOf(chainPem: string, anchors: readonly Certificate[]) {
    let chain: Certificate[]
    try {
      chain = Certificate.parseChain(chainPem)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      this.#context.log.warn({ err: error }, 'The chain of an order cannot be read')
      return []
    }
    return chain.flatMap((certificate) => {
      const issuer = [...chain, ...anchors].find(
        (one) => one.fingerprint !== certificate.fingerprint && certificate.mayBeIssuedBy(one),
      )
      return certificate.isSelfSigned || issuer === undefined ? [] : [{ certificate, issuer }]
    })
  }

  async #ask({ certificate, issuer }: { certificate: Certificate; issuer: Certificate }): Promise<boolean> {
    const response = await this.#foreign.response({
      // As stations ask: what was fetched for another hash would be no answer to them.
      certId: certIdFor({ issuer, serial: certificate.serial, hash: 'SHA256' }),
      issuer,
      urls: certificate.ocspUrls,
      deadlineMs: DEADLINE_MS,
    })
    return response !== undefined
  }
}
