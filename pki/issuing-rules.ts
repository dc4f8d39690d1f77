import type { CertificateProfile } from './certificate-profile.ts'
import { PkiError } from './errors.ts'
import type { AltNames } from './extension-write.ts'
import { encodeName, nameValues, parseName, type SubjectFields } from './name.ts'
import { OID } from './oids.ts'
import type { PublicKey } from './public-key.ts'

/** A name to put into a certificate: fields, or the exact DER of an existing name for a cross-certificate. */
export type Subject = SubjectFields | { readonly der: Uint8Array }

/** What every order says, for a root or below an issuer. */
export interface Order {
  readonly profile: CertificateProfile
  readonly subject: Subject
  /** Time of issue, milliseconds since 1970. */
  readonly atMs: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  /** 9 to 20 fresh random octets for the serial number; 16 is a good choice. */
  readonly random: Uint8Array
  readonly altNames?: AltNames
}

const DAY_MS = 86_400_000
/** GeneralizedTime has four digits for the year. */
const END_OF_TIME_MS = Date.UTC(10_000, 0, 1)

/** At least 64 random bits: the top bit is cleared and the next set, so the number is positive and never short. */
export function serialFrom(random: Uint8Array): Uint8Array {
  if (random.length < 9 || random.length > 20) {
    throw new PkiError('randomness-short', 'A serial number needs 9 to 20 fresh random octets; pass 16')
  }
  const serial = Uint8Array.from(random)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

export function subjectDer(profile: CertificateProfile, subject: Subject): Uint8Array {
  if ('der' in subject) {
    const name = parseName(subject.der)
    if (name.length === 0) throw new PkiError('name-invalid', 'A certificate needs a subject name')
    const components = nameValues(name, OID.domainComponent)
    if (profile.domainComponent !== undefined && !components.includes(profile.domainComponent)) {
      throw new PkiError(
        'profile-mismatch',
        `${profile.id} needs the domain component ${profile.domainComponent} in its subject`,
      )
    }
    return subject.der
  }
  for (const field of profile.requiredSubject) {
    if (subject[field] === undefined)
      throw new PkiError('name-invalid', `${profile.id} needs a ${field} in its subject`)
  }
  const domainComponent = profile.domainComponent ?? subject.domainComponent
  return encodeName(domainComponent === undefined ? subject : { ...subject, domainComponent })
}

/** The validity a certificate gets, cut to whole seconds. */
export interface IssuedValidity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly clamped: boolean
}

const wholeSecond = (atMs: number): number => Math.floor(atMs / 1000) * 1000

export function validityOf(
  order: Order,
  from: { readonly notBeforeMs: number; readonly notAfterMs: number } | undefined,
): IssuedValidity {
  const { profile, atMs } = order
  const requestedStart = order.notBeforeMs ?? atMs - profile.backdateSeconds * 1000
  if (requestedStart > atMs) {
    throw new PkiError(
      'validity-invalid',
      'notBefore must not lie in the future (OCPP 2.0.1 erratum 2.9); leave it out',
    )
  }
  if (from !== undefined && (atMs > from.notAfterMs || atMs < from.notBeforeMs)) {
    throw new PkiError(
      'issuer-expired',
      'The issuing certificate is not valid at this time; renew the CA first',
    )
  }
  const requestedEnd = order.notAfterMs ?? atMs + profile.validityDays * DAY_MS
  if (![atMs, requestedStart, requestedEnd].every((at) => at >= 0 && at < END_OF_TIME_MS)) {
    throw new PkiError('validity-invalid', 'Times are milliseconds since 1970 and end before the year 10000')
  }
  const notBeforeMs = wholeSecond(Math.max(requestedStart, from?.notBeforeMs ?? requestedStart))
  const notAfterMs = wholeSecond(Math.min(requestedEnd, from?.notAfterMs ?? requestedEnd))
  if (!(notAfterMs > atMs))
    throw new PkiError('validity-invalid', 'The certificate would end before it is issued')
  return { notBeforeMs, notAfterMs, clamped: notAfterMs < wholeSecond(requestedEnd) }
}

/** Longest DER signature of a key: r and s with a sign octet each, RSA as long as its modulus, EdDSA fixed. */
export function longestSignature(key: PublicKey): number {
  if (key.kind === 'rsa') return (key.bits + 7) >> 3
  if (key.kind !== 'ec') return key.kind === 'ed448' ? 114 : 64
  const integers = 2 * (2 + ((key.bits + 8) >> 3))
  return integers + (integers < 0x80 ? 2 : 3)
}
