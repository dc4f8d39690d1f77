/**
 * A00.FR.429: a station whose certificate has expired may come back to get a new one and nothing else, where an
 * operator has said so for this very station and for a time.
 */

import { Certificate } from '../../../pki/index.ts'
import type { Station } from '../../store/stations.ts'
import type { StationCertificates } from '../ports.ts'
import { audit, type FleetContext, isoAt, securityEvent } from './context.ts'

type Verify = (
  station: Station,
  chainDer: readonly Uint8Array[],
  atMs: number,
) => ReturnType<StationCertificates['verifyStationCertificate']>
type Verdict = Awaited<ReturnType<Verify>>

const MAX_INSIDE = 10_000

export class Quarantine {
  readonly #context: FleetContext
  /** Stations that are in with an expired certificate. */
  readonly #inside = new Set<string>()

  constructor(context: FleetContext) {
    this.#context = context
  }

  /** False where there is no such station. Undefined as time takes the permission back. */
  async permit(stationId: string, untilMs: number | undefined, actor: string): Promise<boolean> {
    const { store } = this.#context
    if ((await store.stations.get(stationId)) === undefined) return false
    const expiredUntil = untilMs === undefined ? null : isoAt(untilMs)
    await store.fleet.updateTrust(stationId, { expiredUntil })
    await audit(this.#context, {
      action: 'station.expired-certificate-permitted',
      subject: stationId,
      detail: { until: expiredUntil },
      actor,
    })
    return true
  }

  /** Everything but the time has to be right: chain, name, organisation, not revoked. */
  async admit(
    station: Station,
    chainDer: readonly Uint8Array[],
    refusal: Verdict & { readonly ok: false },
    verify: Verify,
  ): Promise<Verdict> {
    const { store, clock } = this.#context
    const [leafDer] = chainDer
    if (refusal.reasonCode !== 'expired' || leafDer === undefined) return refusal
    const trust = await store.fleet.trust(station.id)
    const { notAfterMs } = Certificate.parse(leafDer)
    if ((trust?.expiredUntil ?? '') <= isoAt(clock.now()) || notAfterMs >= clock.now()) return refusal
    const verdict = await verify(station, chainDer, notAfterMs)
    if (!verdict.ok) return verdict
    if (this.#inside.size >= MAX_INSIDE) this.#inside.clear()
    this.#inside.add(station.id)
    // A00.FR.408
    await securityEvent(this.#context, {
      stationId: station.id,
      type: 'InvalidChargingStationCertificate',
      detail: { reason: 'expired', notAfter: isoAt(notAfterMs), admitted: 'to renew it' },
    })
    return { ...verdict, onlyToRenew: true }
  }

  /** Pending by our own doing: A02 at once. */
  async booted(stationId: string): Promise<void> {
    const { bus, timing } = this.#context
    if (!this.#inside.delete(stationId)) return
    const outcome = await bus.call(
      stationId,
      'TriggerMessage',
      { requestedMessage: 'SignChargingStationCertificate' },
      { deadlineMs: timing.callDeadlineMs },
    )
    // It boots again after the interval that it was told, and is asked again then.
    if (outcome.kind !== 'answered' || outcome.payload.status !== 'Accepted') this.#inside.add(stationId)
    await audit(this.#context, {
      action: 'certificate.renewal-triggered',
      subject: stationId,
      detail: {
        reason: 'expired',
        outcome: outcome.kind === 'answered' ? outcome.payload.status : outcome.kind,
      },
    })
  }
}
