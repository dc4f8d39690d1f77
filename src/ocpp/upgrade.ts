/**
 * Who is it that wants to connect? Identity from the URL, authentication by the station's one security profile
 * (A00), no downgrade. Decides; the server does the talking.
 */

import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { StationCertificates } from '../certificates/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Credentials } from '../stations/credentials.ts'
import type { SecurityProfile, Station, StationStore } from '../store/stations.ts'
import { peerCertificate } from './tls.ts'

export type Admission =
  | {
      readonly ok: true
      readonly station: Station
      readonly peerCommonName: string | null
      /** Whatever is decided about the station: Pending until it comes with a new certificate (A00.FR.429). */
      readonly onlyToRenew?: true
    }
  | {
      readonly ok: false
      readonly status: 400 | 401 | 403 | 404 | 503
      /** Stable code for metrics and the security log. */
      readonly reason: string
      readonly stationId: string
      readonly detail: object
    }

export interface AdmissionOptions {
  readonly stations: StationStore
  readonly clock: Clock
  readonly credentials: Credentials
  readonly certificates: StationCertificates
  /** Takes an unknown station into the waiting list; undefined where that is not allowed or the list is full. */
  readonly enrol: (stationId: string, securityProfile: SecurityProfile) => Promise<Station | undefined>
}

const MAX_ID_LENGTH = 48
/** identifierString of OCPP 2.0.1 without the colon, which separates user name and password. */
const STATION_ID = /^[A-Za-z0-9*\-_=+|@. ]+$/

/** The last segment of the path, percent-decoded (part 4, 3.1.1); undefined where it cannot be an identity. */
export function stationIdOf(url: string | undefined): string | undefined {
  const path = (url ?? '').split(/[?#]/, 1)[0] ?? ''
  const segment = path.slice(path.lastIndexOf('/') + 1)
  let id: string
  try {
    id = decodeURIComponent(segment)
  } catch {
    return undefined
  }
  return id.length > 0 && id.length <= MAX_ID_LENGTH && STATION_ID.test(id) ? id : undefined
}

export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

export function basicCredentials(header: string | undefined): BasicCredentials | undefined {
  const match = /^Basic +([A-Za-z0-9+/=_-]{1,1024})$/i.exec(header ?? '')
  if (match === null) return undefined
  const decoded = Buffer.from(match[1] ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon < 0) return undefined
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}

export async function admit(request: IncomingMessage, options: AdmissionOptions): Promise<Admission> {
  const stationId = stationIdOf(request.url)
  if (stationId === undefined) return refused(400, 'InvalidIdentity', '', {})
  const known = await options.stations.get(stationId)
  const station = known ?? (await options.enrol(stationId, offeredProfile(request)))
  if (station === undefined) return refused(404, 'UnknownStation', stationId, {})
  if (station.enrolment === 'blocked') return refused(403, 'BlockedStation', stationId, {})
  // Nobody has decided yet how this station proves itself: it may only wait behind the boot gate.
  if (station.enrolment === 'pending') return { ok: true, station, peerCommonName: null }
  if (!(request.socket instanceof TLSSocket)) {
    if (station.securityProfile === 1) return admitByPassword(request, station, options)
    return refused(403, 'SecurityProfileDowngrade', stationId, {
      expected: station.securityProfile,
      offered: 1,
    })
  }
  if (station.securityProfile < 3) {
    const upgraded = await admitUpgraded(request, request.socket, station, options)
    if (upgraded !== undefined) return upgraded
  }
  if (station.securityProfile === 1) return refused(403, 'WrongSecurityProfile', stationId, { expected: 1 })
  if (station.securityProfile === 2) return admitByPassword(request, station, options)
  return admitByCertificate(request.socket, station, options)
}

/**
 * A station that was told to move up (A05) and does: from then on there is no way back. Undefined where it was not
 * told to, or still comes by its old profile.
 */
async function admitUpgraded(
  request: IncomingMessage,
  socket: TLSSocket,
  station: Station,
  options: AdmissionOptions,
): Promise<Admission | undefined> {
  const to = await options.stations.upgradeOf(station.id)
  if (to === undefined || to <= station.securityProfile) return undefined
  if (to === 3 && station.securityProfile === 2 && peerCertificate(socket) === undefined) return undefined
  const admission =
    to === 2
      ? await admitByPassword(request, station, options)
      : await admitByCertificate(socket, station, options)
  if (admission.ok)
    await options.stations.completeUpgrade(station.id, to, new Date(options.clock.now()).toISOString())
  return admission
}

async function admitByPassword(
  request: IncomingMessage,
  station: Station,
  options: AdmissionOptions,
): Promise<Admission> {
  const given = basicCredentials(request.headers.authorization)
  if (given === undefined) return refused(401, 'MissingCredentials', station.id, {})
  if (given.username !== station.id)
    return refused(401, 'UsernameMismatch', station.id, { username: given.username.slice(0, MAX_ID_LENGTH) })
  if (station.passwordHash === null) return refused(401, 'NoPasswordSet', station.id, {})
  const verdict = await options.credentials.verify(station.id, station.passwordHash, given.password)
  if (verdict === 'match') return { ok: true, station, peerCommonName: null }
  if (verdict === 'mismatch' && (await isCandidate(station.id, given.password, options)))
    return { ok: true, station, peerCommonName: null }
  if (verdict === 'busy') return refused(503, 'Busy', station.id, {})
  return refused(401, 'WrongPassword', station.id, {})
}

/** A new password whose acceptance was lost on the way (A01): the station uses it, so it is the password now. */
async function isCandidate(
  stationId: string,
  password: string,
  { certificates, credentials }: AdmissionOptions,
): Promise<boolean> {
  const candidate = await certificates.passwordCandidate?.(stationId)
  if (candidate === undefined || (await credentials.verify(stationId, candidate, password)) !== 'match')
    return false
  await certificates.adoptPassword?.(stationId)
  return true
}

async function admitByCertificate(
  socket: TLSSocket,
  station: Station,
  options: AdmissionOptions,
): Promise<Admission> {
  const peer = peerCertificate(socket)
  if (peer === undefined)
    return refused(401, 'InvalidChargingStationCertificate', station.id, {
      reason: 'no certificate was presented',
    })
  // A resumed session runs through here as well: what was good at the first handshake may be revoked by now.
  const verdict = await options.certificates.verifyStationCertificate(station, peer.chainDer)
  if (verdict.ok) {
    const admission = { ok: true, station, peerCommonName: peer.commonName } as const
    return verdict.onlyToRenew === true ? { ...admission, onlyToRenew: true } : admission
  }
  return refused(401, 'InvalidChargingStationCertificate', station.id, {
    reason: verdict.reasonCode,
    detail: verdict.detail,
  })
}

/** How an unknown station presented itself: what it will be registered with until an operator decides. */
function offeredProfile(request: IncomingMessage): SecurityProfile {
  if (!(request.socket instanceof TLSSocket)) return 1
  return peerCertificate(request.socket) === undefined ? 2 : 3
}

function refused(
  status: 400 | 401 | 403 | 404 | 503,
  reason: string,
  stationId: string,
  detail: object,
): Admission {
  return { ok: false, status, reason, stationId, detail }
}
