/**
 * A02.FR.06: stations take a certificate only where it is part of the hierarchy whose root they hold, and the root that
 * they hold is the one of the CSMS. Their certificates come from a root of their own, so the CSMS root vouches for that
 * one: a cross-certificate that goes with the chain, chosen by the root that the station has.
 */

import { Certificate, certificateProfile, isRoot } from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { Authorities } from './authorities.ts'
import { crossSign } from './generations.ts'
import type { HierarchyOptions } from './hierarchy.ts'

const CSMS_ROOT = 'csms-root'
const STATION_ROOT = 'station-root'
const CROSS = certificateProfile('cross-certificate').id

interface Voucher {
  readonly cross: Certificate
  readonly issuer: Certificate
}

export class StationVouchers {
  readonly #options: HierarchyOptions
  readonly #authorities: Authorities
  #vouchers: readonly Voucher[] = []

  constructor(options: HierarchyOptions, authorities: Authorities) {
    this.#options = options
    this.#authorities = authorities
  }

  /** Makes those that are missing, for every generation whose key is here. */
  async refresh(): Promise<void> {
    this.#vouchers = await this.#load()
    for (const root of this.#authorities.generations(STATION_ROOT))
      for (const issuer of this.#authorities.generations(CSMS_ROOT)) {
        const { certificate } = root
        if (issuer.issuer === undefined || this.#of(certificate, issuer.certificate) !== undefined) continue
        const ids = { subjectId: root.record.id, issuerId: issuer.record.id }
        await this.#make(ids)
      }
    this.#vouchers = await this.#load()
  }

  /** A key that is away for a while is no reason not to start: the next look makes up for it. */
  async #make(ids: { readonly subjectId: string; readonly issuerId: string }): Promise<void> {
    try {
      await crossSign(this.#options, this.#authorities, { ...ids, actor: 'system' })
    } catch (error) {
      if (!(error instanceof KeyUnavailable)) throw error
    }
  }

  /** PEM to follow the chain of a certificate by this authority; empty where nobody vouches for its root. */
  async pemFor(stationId: string, authorityId: string): Promise<string> {
    const root = this.#rootOf(authorityId)
    if (root === undefined) return ''
    for (const issuer of await this.#heldBy(stationId)) {
      const voucher = this.#of(root, issuer)
      if (voucher !== undefined) return voucher.cross.toPem()
    }
    return ''
  }

  /** CSMS roots of ours in the station's store, newest first; where it never said, those that our server shows. */
  async #heldBy(stationId: string): Promise<readonly Certificate[]> {
    const { store } = this.#options
    const roots = this.#authorities.generations(CSMS_ROOT).map(({ certificate }) => certificate)
    const rows = (await store.fleet.installed(stationId)).filter(({ use }) => use === 'CSMSRootCertificate')
    const held = roots.filter((root) => rows.some((row) => isRoot(row, root)))
    if (held.length > 0) return held
    const shown = (await store.fleet.trust(stationId))?.shown
    const server = shown == null ? undefined : await store.certificates.byFingerprint(shown)
    const last = this.#rootOf(server?.authorityId ?? '')
    return last === undefined ? roots.slice(-1) : [last]
  }

  #rootOf(authorityId: string): Certificate | undefined {
    return this.#authorities.has(authorityId)
      ? this.#authorities.chain(authorityId).at(-1)?.certificate
      : undefined
  }

  #of(root: Certificate, issuer: Certificate): Voucher | undefined {
    const nowMs = this.#options.clock.now()
    return this.#vouchers.find(
      (one) =>
        one.cross.subjectKey === root.subjectKey &&
        one.issuer.fingerprint === issuer.fingerprint &&
        one.cross.notAfterMs > nowMs,
    )
  }

  async #load(): Promise<readonly Voucher[]> {
    const records = await this.#options.store.certificates.list({
      profile: CROSS,
      revoked: false,
      limit: 1000,
    })
    return records.flatMap(({ der, authorityId }) => {
      const issuer = this.#authorities.get(authorityId ?? '')
      return issuer?.record.line === CSMS_ROOT
        ? [{ cross: Certificate.parse(der), issuer: issuer.certificate }]
        : []
    })
  }
}
