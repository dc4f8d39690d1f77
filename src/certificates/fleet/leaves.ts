/** A02: asks a station for a new certificate and follows it until the new one is used and the old one is revoked. */

import { parseCsr } from '../../../pki/index.ts'
import type { IssuedCertificate, SigningOrder } from '../../store/certificates.ts'
import type { Station } from '../../store/stations.ts'
import { audit, type FleetContext, isoAt, securityEvent } from './context.ts'
import { type StepOutcome, troubleOf } from './outcome.ts'
import { STATION_LEAF } from './profiles.ts'

export type LeafUse = 'ChargingStationCertificate' | 'V2GCertificate'
export type Evidence = Readonly<Record<string, string>>

/** `remember` is on disk when it resolves: it comes before the act that it is about. */
export interface Memory {
  readonly evidence: Evidence
  remember(change: Evidence): Promise<void>
}

const WAIT_MS = 1_000
const TRIGGERS = 3

export class Leaves {
  readonly #context: FleetContext

  constructor(context: FleetContext) {
    this.#context = context
  }

  /** `evseIds`: one request for each; for a station certificate one without EVSE. */
  async renew(
    station: Station,
    use: LeafUse,
    memory: Memory,
    evseIds: readonly number[] = [],
  ): Promise<StepOutcome> {
    const { evidence } = memory
    const wanted = use === 'V2GCertificate' && evseIds.length > 0 ? evseIds : [0]
    const pending = wanted.find((evseId) => (evidence[`triggered-${evseId}`] ?? '') === '')
    if (pending !== undefined) return this.#trigger(station, use, memory, pending)
    const since = wanted.map((evseId) => evidence[`triggered-${evseId}`] ?? '').sort()[0] ?? ''
    const orders = await this.#ordersSince(station.id, use, since)
    const bad = orders.find(({ state }) => state === 'rejected' || state === 'failed')
    // Delivered twice because the first answer was lost: a station that has it refuses it then. What it shows decides.
    const isProvable = use === 'ChargingStationCertificate' && station.securityProfile === 3
    const good = orders.filter(
      ({ state, attempts }) => state === 'delivered' || (isProvable && state === 'rejected' && attempts > 1),
    )
    // Each SECC has a name of its own: two certificates for one of them are not one for each.
    if (new Set(good.map(nameOf)).size < wanted.length) {
      // A station that was triggered twice has thrown its first key away, and is right to refuse the first certificate.
      if (orders.some(({ state }) => state === 'requested' || state === 'issued'))
        return { kind: 'wait', step: 'sign', why: 'the certificate is on its way', forMs: WAIT_MS }
      if (bad !== undefined)
        return { kind: 'fail', step: 'sign', why: bad.detail ?? `the order is ${bad.state}` }
      return this.#triggerAgain(station, memory, wanted)
    }
    if (use === 'V2GCertificate' || station.securityProfile !== 3) return { kind: 'done' }
    return this.#confirmUse(station, memory, good)
  }

  /** New requests for certificates show up as orders: what was triggered before is not triggered twice. */
  async #trigger(station: Station, use: LeafUse, memory: Memory, evseId: number): Promise<StepOutcome> {
    const { bus, clock, timing, store } = this.#context
    const open = await store.certificates.orders({
      stationId: station.id,
      states: ['requested', 'issued'],
      limit: 100,
    })
    const mine = open.find((order) => order.certificateType === use)
    if (mine !== undefined && evseId === 0) {
      // Asked for already, by the station itself or by somebody else: that order is ours to follow as well.
      await memory.remember({ [`triggered-${evseId}`]: mine.createdAt })
      return { kind: 'next', step: 'sign' }
    }
    await memory.remember({
      [`triggered-${evseId}`]: isoAt(clock.now()),
      triggers: String(Number(memory.evidence.triggers ?? 0) + 1),
    })
    const outcome = await bus.call(
      station.id,
      'TriggerMessage',
      {
        requestedMessage: use === 'V2GCertificate' ? 'SignV2GCertificate' : 'SignChargingStationCertificate',
        ...(evseId === 0 ? {} : { evse: { id: evseId } }),
      },
      { deadlineMs: timing.callDeadlineMs },
    )
    if (outcome.kind === 'offline' || outcome.kind === 'busy' || outcome.kind === 'withheld') {
      // Nothing was sent.
      await memory.remember({ [`triggered-${evseId}`]: '' })
      return troubleOf('trigger', outcome)
    }
    if (outcome.kind !== 'answered')
      return { kind: 'wait', step: 'sign', why: 'the trigger was not answered', forMs: WAIT_MS }
    const { status } = outcome.payload
    if (status === 'Accepted')
      return { kind: 'wait', step: 'sign', why: 'waiting for the request', forMs: WAIT_MS }
    if (status === 'NotImplemented')
      return { kind: 'fail', step: 'trigger', why: 'the station cannot be triggered' }
    await memory.remember({ [`triggered-${evseId}`]: '' })
    return { kind: 'retry', step: 'trigger', why: status }
  }

  async #triggerAgain(station: Station, memory: Memory, wanted: readonly number[]): Promise<StepOutcome> {
    const { clock, timing } = this.#context
    const late = wanted.find((evseId) => {
      const at = Date.parse(memory.evidence[`triggered-${evseId}`] ?? '')
      return clock.now() - at >= timing.triggerWaitMs
    })
    if (late === undefined)
      return { kind: 'wait', step: 'sign', why: 'waiting for the request', forMs: WAIT_MS }
    if (Number(memory.evidence.triggers ?? 0) >= TRIGGERS * wanted.length) {
      await securityEvent(this.#context, {
        stationId: station.id,
        type: 'CertificateRequestMissing',
        detail: {},
      })
      return {
        kind: 'fail',
        step: 'sign',
        why: 'the station was triggered three times and asked for nothing',
      }
    }
    await memory.remember({ [`triggered-${late}`]: '' })
    return { kind: 'retry', step: 'trigger', why: 'the station was triggered and asked for nothing' }
  }

  async #ordersSince(stationId: string, use: LeafUse, since: string): Promise<readonly SigningOrder[]> {
    const orders = await this.#context.store.certificates.orders({ stationId, limit: 1000 })
    return orders.filter((order) => order.certificateType === use && order.createdAt >= since)
  }

  /** A02.FR.08-10: both are good until the station has shown the new one; then the old one is revoked. */
  async #confirmUse(station: Station, memory: Memory, orders: readonly SigningOrder[]): Promise<StepOutcome> {
    const { store, bus, clock, timing } = this.#context
    const trust = await store.fleet.trust(station.id)
    if (orders.some(({ fingerprint }) => fingerprint !== null && fingerprint === trust?.leafFingerprint)) {
      await this.supersede(station.id, trust?.leafFingerprint ?? '')
      return { kind: 'done' }
    }
    const deliveredMs = Math.max(...orders.map(({ updatedAt }) => Date.parse(updatedAt)))
    const nudges = Number(memory.evidence.nudges ?? 0)
    const waitedMs = clock.now() - deliveredMs
    if (!bus.isOnline(station.id) || waitedMs < timing.nudgeMs * (nudges + 1))
      return {
        kind: 'wait',
        step: 'reconnect',
        why: 'waiting for the new certificate to be used',
        forMs: WAIT_MS,
      }
    if (nudges >= TRIGGERS) {
      await securityEvent(this.#context, { stationId: station.id, type: 'NewCertificateNotUsed', detail: {} })
      return {
        kind: 'fail',
        step: 'reconnect',
        why: 'the station goes on with its old certificate, which stays valid',
      }
    }
    await memory.remember({ nudges: String(nudges + 1) })
    bus.disconnect(station.id, 'reconnect with the new certificate')
    return {
      kind: 'wait',
      step: 'reconnect',
      why: 'waiting for the new certificate to be used',
      forMs: WAIT_MS,
    }
  }

  /** The station has shown this leaf: those before it are over. Safe to call again. */
  async supersede(stationId: string, fingerprint: string): Promise<readonly string[]> {
    const { store, certificates } = this.#context
    const used = await store.certificates.byFingerprint(fingerprint)
    if (used === undefined || used.stationId !== stationId || used.profile !== STATION_LEAF) return []
    const older = (
      await store.certificates.list({ stationId, profile: STATION_LEAF, revoked: false, limit: 1000 })
    ).filter((one) => one.fingerprint !== fingerprint && isOlder(one, used))
    for (const one of older) {
      // It is known to be out of use: the connection with its successor stays.
      await certificates.revoke(one.fingerprint, 'superseded', { keepConnection: true })
      await audit(this.#context, {
        action: 'certificate.superseded',
        subject: stationId,
        detail: { fingerprint: one.fingerprint, by: fingerprint },
      })
    }
    return older.map((one) => one.fingerprint)
  }
}

const nameOf = ({ csrPem }: SigningOrder): string => parseCsr(csrPem).commonNames[0] ?? ''

/** Issued before: of two from the same second, the one that is not in use is the old one. */
function isOlder(one: IssuedCertificate, used: IssuedCertificate): boolean {
  return one.revokedAt === null && one.notBefore <= used.notBefore
}
