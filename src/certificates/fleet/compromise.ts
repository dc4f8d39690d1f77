/** A key is in the wrong hands: revoke, block, re-key, report. One command, safe to give again. */

import { audit, type FleetContext, securityEvent } from './context.ts'
import { newPassword } from './passwords.ts'
import { SECC_LEAF, STATION_LEAF } from './profiles.ts'

export interface CompromiseReport {
  readonly stationId: string
  /** Fingerprints that were good before and are not now. */
  readonly revoked: readonly string[]
  readonly alreadyRevoked: readonly string[]
  readonly blocked: boolean
  /** How the station gets back: never by what was compromised. */
  readonly rekey: 'blocked' | 'password-needed' | 'enrol-again'
  /** Told once, for the technician on site; only its hash is kept. Null where none was asked for. */
  readonly newPassword: string | null
  readonly nextSteps: readonly string[]
}

export interface CompromiseOrder {
  readonly stationId: string
  readonly actor: string
  /** Blocked stations may not connect at all until an operator lets them in again. */
  readonly block: boolean
  /** The station gets a new password, and for it the security profile that goes with one. */
  readonly rekey: boolean
}

const PROFILES = [STATION_LEAF, SECC_LEAF]

export async function respondToCompromise(
  context: FleetContext,
  hashPassword: (password: string) => Promise<string>,
  { stationId, actor, block, rekey }: CompromiseOrder,
): Promise<CompromiseReport | undefined> {
  const { store, certificates, bus, clock } = context
  const station = await store.stations.get(stationId)
  if (station === undefined) return undefined
  // The door is shut before anything else, so that no reconnection falls between two steps.
  const at = new Date(clock.now()).toISOString()
  const password = rekey ? newPassword(context.random) : null
  await store.stations.put(
    {
      ...station,
      enrolment: block ? 'blocked' : station.enrolment,
      passwordHash: password === null ? null : await hashPassword(password),
      // Its certificate is gone: the way back is the password, and from there up again (A05).
      securityProfile: rekey && station.securityProfile === 3 ? 2 : station.securityProfile,
    },
    at,
  )
  await store.fleet.updateTrust(stationId, { passwordCandidate: null })
  const revoked: string[] = []
  const alreadyRevoked: string[] = []
  for (const { fingerprint, profile } of await store.certificates.list({ stationId, limit: 10_000 })) {
    if (!PROFILES.includes(profile) && !profile.startsWith('external/')) continue
    const result = await certificates.revoke(fingerprint, 'keyCompromise')
    if (result === 'revoked') revoked.push(fingerprint)
    else alreadyRevoked.push(fingerprint)
  }
  // Certificates that are still on their way must not arrive.
  for (const order of await store.certificates.orders({
    stationId,
    states: ['requested', 'issued'],
    limit: 1000,
  }))
    await store.certificates.updateOrder(
      order.id,
      { state: 'failed', detail: 'The station was compromised' },
      at,
    )
  bus.disconnect(stationId, 'Its keys are compromised')
  const report: CompromiseReport = {
    stationId,
    revoked,
    alreadyRevoked,
    blocked: block,
    rekey: block ? 'blocked' : station.securityProfile === 3 ? 'enrol-again' : 'password-needed',
    newPassword: password,
    nextSteps: stepsFor(stationId, station.securityProfile, { block, rekey }),
  }
  const { newPassword: _, ...detail } = report
  await audit(context, { action: 'station.compromised', subject: stationId, detail, actor })
  await securityEvent(context, {
    stationId,
    type: 'KeyCompromise',
    detail: { revoked: revoked.length, blocked: block },
  })
  return report
}

function stepsFor(
  stationId: string,
  securityProfile: number,
  { block, rekey }: { readonly block: boolean; readonly rekey: boolean },
): string[] {
  const unblock = block
    ? [`PUT /api/v1/stations/${stationId} with enrolment "active" once it is in safe hands`]
    : []
  const password = rekey
    ? `Set the new password on site (user name ${stationId}, security profile ${Math.min(2, securityProfile)})`
    : `PUT /api/v1/stations/${stationId} with a new password and security profile ${Math.min(2, securityProfile)}; set it on site`
  const certificate =
    securityProfile === 3
      ? [
          'SignChargingStationCertificate by TriggerMessage: new key, new certificate',
          'a security-profile campaign back to profile 3',
        ]
      : []
  return [...unblock, password, ...certificate]
}
