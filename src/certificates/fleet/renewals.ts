/** Renewal at two thirds of a certificate's life, spread by its serial number, at a limited rate. */

import { Certificate, jitterOf, renewalState } from '../../../pki/index.ts'
import type { IssuedCertificate } from '../../store/certificates.ts'
import { audit, type FleetContext, isoAt, securityEvent } from './context.ts'
import { SECC_LEAF, STATION_LEAF } from './profiles.ts'

export interface RenewalLimits {
  readonly perHour: number
  /** A station that was triggered is left alone for this long. */
  readonly pauseMs: number
}

export const DEFAULT_RENEWAL_LIMITS: RenewalLimits = { perHour: 500, pauseMs: 6 * 3_600_000 }

const PROFILES = [STATION_LEAF, SECC_LEAF]
const HOUR_MS = 3_600_000
const PAGE = 1000
const MAX_PAUSES = 50_000
/** A third and a tenth of the longest life that we issue: nothing that ends later can be due. */
const HORIZON_MS = 1000 * 86_400_000

export class Renewals {
  readonly #context: FleetContext
  readonly #limits: RenewalLimits
  readonly #triggered = new Map<string, number>()
  #hour = 0
  #used = 0

  constructor(context: FleetContext, limits: RenewalLimits = DEFAULT_RENEWAL_LIMITS) {
    this.#context = context
    this.#limits = limits
  }

  /** Looks at everything that could be due and triggers those stations that are online, within the rate. */
  async sweep(): Promise<number> {
    let triggered = 0
    for (const profile of PROFILES)
      for (const certificate of await this.#due(profile)) if (await this.#trigger(certificate)) triggered++
    return triggered
  }

  /** The newest certificate of each station and subject, where its time has come. */
  async #due(profile: string): Promise<IssuedCertificate[]> {
    const { store, clock } = this.#context
    const expiresBefore = isoAt(clock.now() + HORIZON_MS)
    const newest = new Map<string, IssuedCertificate>()
    let after: string | undefined
    for (;;) {
      const page = await store.certificates.list({
        profile,
        revoked: false,
        expiresBefore,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      })
      for (const one of page) {
        const key = `${one.stationId ?? ''}\0${one.subject}`
        const known = newest.get(key)
        if (one.stationId !== null && (known === undefined || known.notBefore < one.notBefore))
          newest.set(key, one)
      }
      after = page.at(-1)?.fingerprint
      if (page.length < PAGE) break
    }
    return [...newest.values()].filter((one) => ['due', 'urgent'].includes(this.#stateOf(one)))
  }

  #stateOf(one: IssuedCertificate): string {
    const validity = { notBeforeMs: Date.parse(one.notBefore), notAfterMs: Date.parse(one.notAfter) }
    return renewalState(validity, jitterOf(one.serialNumber.padStart(1, '0')), this.#context.clock.now())
  }

  async #trigger(certificate: IssuedCertificate): Promise<boolean> {
    const { store, bus, clock, timing } = this.#context
    const stationId = certificate.stationId ?? ''
    const nowMs = clock.now()
    const key = `${stationId}\0${certificate.profile}\0${certificate.subject}`
    if (!bus.isOnline(stationId) || nowMs - (this.#triggered.get(key) ?? -Infinity) < this.#limits.pauseMs)
      return false
    if (!this.#admitted(nowMs)) return false
    const open = await store.certificates.orders({ stationId, states: ['requested', 'issued'], limit: 10 })
    if (open.length > 0) return false
    if (this.#triggered.size > MAX_PAUSES) this.#triggered.clear()
    this.#triggered.set(key, nowMs)
    const isStation = certificate.profile === STATION_LEAF
    const outcome = await bus.call(
      stationId,
      'TriggerMessage',
      isStation
        ? { requestedMessage: 'SignChargingStationCertificate' }
        : { requestedMessage: 'SignV2GCertificate', ...(await this.#evseOf(certificate)) },
      { deadlineMs: timing.callDeadlineMs },
    )
    const accepted = outcome.kind === 'answered' && outcome.payload.status === 'Accepted'
    await audit(this.#context, {
      action: 'certificate.renewal-triggered',
      subject: stationId,
      detail: { fingerprint: certificate.fingerprint, accepted },
    })
    if (!accepted && this.#stateOf(certificate) === 'urgent')
      await securityEvent(this.#context, {
        stationId,
        type: 'CertificateExpiresSoon',
        detail: { notAfter: certificate.notAfter },
      })
    return accepted
  }

  /** Which EVSE's SECC the certificate belongs to; nothing where the station has one for all or never said. */
  async #evseOf({ stationId, der }: IssuedCertificate): Promise<{ evse?: { id: number } }> {
    const variables = await this.#context.store.stations.variables(stationId ?? '', { variable: 'SeccId' })
    const { commonName } = Certificate.parse(der)
    const evseId = variables.find(({ value }) => value === commonName)?.evseId
    return evseId == null ? {} : { evse: { id: evseId } }
  }

  #admitted(nowMs: number): boolean {
    const hour = Math.floor(nowMs / HOUR_MS)
    if (hour !== this.#hour) {
      this.#hour = hour
      this.#used = 0
    }
    if (this.#used >= this.#limits.perHour) return false
    this.#used++
    return true
  }
}
