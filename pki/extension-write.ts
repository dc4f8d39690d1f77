import type { CertificateProfile } from './certificate-profile.ts'
import { constructed, primitive } from './der.ts'
import {
  ia5String,
  NULL,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
  TRUE,
  tlv,
} from './der-write.ts'
import { PkiError } from './errors.ts'
import { KEY_USAGE } from './extensions.ts'
import { OID } from './oids.ts'

/** Where relying parties find the issuer's status services. Every address costs octets of ISO 15118's 800. */
export interface IssuerAddresses {
  readonly ocspUrl?: string
  readonly caIssuersUrl?: string
  readonly crlUrl?: string
}

export interface AltNames {
  readonly dns?: readonly string[]
  /** IPv4 or IPv6 addresses as 4 or 16 octets. */
  readonly ip?: readonly Uint8Array[]
}

/** One Extension; the value pieces are what goes inside the OCTET STRING. */
export function extension(id: string, critical: boolean, ...value: readonly Uint8Array[]): Uint8Array {
  const name = oid(id)
  return critical ? sequence(name, TRUE, octetString(...value)) : sequence(name, octetString(...value))
}

const SKI_OID = oid(OID.subjectKeyIdentifier)
const AKI_OID = oid(OID.authorityKeyIdentifier)

export const subjectKeyIdentifier = (id: Uint8Array): Uint8Array =>
  sequence(SKI_OID, octetString(octetString(id)))
export const authorityKeyIdentifier = (id: Uint8Array): Uint8Array =>
  sequence(AKI_OID, octetString(sequence(tlv(primitive(0), id))))

const HOST =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

export function subjectAltNames(names: AltNames): Uint8Array {
  const dns = (names.dns ?? []).map((host) => {
    if (!HOST.test(host)) throw new PkiError('name-invalid', `"${host}" is not a host name`)
    return ia5String(host, primitive(2))
  })
  const ip = (names.ip ?? []).map((address) => {
    if (address.length !== 4 && address.length !== 16)
      throw new PkiError('name-invalid', 'An IP address has 4 or 16 octets')
    return tlv(primitive(7), address)
  })
  if (dns.length + ip.length === 0) throw new PkiError('name-invalid', 'Give at least one alternative name')
  return extension(OID.subjectAltName, false, sequence(...dns, ...ip))
}

export function uri(url: string): Uint8Array {
  if (!/^(https?|ldaps?):\/\/[\x21-\x7e]+$/.test(url) || url.length > 512) {
    throw new PkiError(
      'argument-invalid',
      `"${url}" cannot be written into a certificate: use an absolute http address of at most 512 characters`,
    )
  }
  return ia5String(url, primitive(6))
}

export function basicConstraints(ca: CertificateProfile['ca']): Uint8Array {
  if (ca === undefined) return extension(OID.basicConstraints, true, sequence())
  const length = ca.pathLength === undefined ? [] : [smallInteger(ca.pathLength)]
  return extension(OID.basicConstraints, true, sequence(TRUE, ...length))
}

export const distributionPoints = (url: string): Uint8Array =>
  sequence(sequence(tlv(constructed(0), tlv(constructed(0), uri(url)))))

function accessDescriptions(addresses: IssuerAddresses): Uint8Array[] {
  const ocsp = addresses.ocspUrl === undefined ? [] : [sequence(oid(OID.ocsp), uri(addresses.ocspUrl))]
  const issuers =
    addresses.caIssuersUrl === undefined ? [] : [sequence(oid(OID.caIssuers), uri(addresses.caIssuersUrl))]
  return [...ocsp, ...issuers]
}

/** The extensions that are the same in every certificate of one issuer and profile, concatenated. */
export function fixedExtensions(profile: CertificateProfile, addresses: IssuerAddresses): Uint8Array {
  const parts = [
    basicConstraints(profile.ca),
    extension(OID.keyUsage, true, namedBits(profile.keyUsage.map((name) => KEY_USAGE[name]))),
  ]
  if (profile.extendedKeyUsage.length > 0) {
    parts.push(extension(OID.extendedKeyUsage, false, sequence(...profile.extendedKeyUsage.map(oid))))
  }
  if (profile.ocspNoCheck) parts.push(extension(OID.ocspNoCheck, false, NULL))
  // A certificate that is never checked for revocation does not say where to check it; a root cannot be revoked.
  const wantsStatus = !profile.ocspNoCheck && !profile.selfSigned
  const access = wantsStatus ? accessDescriptions(addresses) : []
  if (access.length > 0) parts.push(extension(OID.authorityInfoAccess, false, sequence(...access)))
  if (wantsStatus && addresses.crlUrl !== undefined) {
    parts.push(extension(OID.crlDistributionPoints, false, distributionPoints(addresses.crlUrl)))
  }
  return Buffer.concat(parts)
}
