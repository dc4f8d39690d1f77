/** L01: a firmware update whose signing certificate is checked before a station is asked to trust it. */

import { type KeyObject, X509Certificate } from 'node:crypto'
import { Certificate, PkiError, validatePath } from '../../../pki/index.ts'
import type { FleetContext } from './context.ts'
import type { FirmwareFiles } from './firmware-file.ts'
import { certificateOf } from './wanted.ts'

/** OCPP 2.0.1 FirmwareType.signingCertificate and signature. */
const MAX_CERTIFICATE = 5500
const MAX_SIGNATURE = 800

export interface SignedFirmware {
  readonly location: string
  readonly retrieveDateTime: string
  readonly installDateTime?: string
  /** PEM. */
  readonly signingCertificate: string
  /** Base64, over the firmware file. */
  readonly signature: string
}

export type FirmwareVerdict =
  /** `file`: whether the signature was checked on the file as well, or only the certificate could be. */
  | { readonly ok: true; readonly subject: string; readonly file: 'verified' | 'not-read' }
  | { readonly ok: false; readonly reason: string; readonly message: string }

/**
 * A00.FR.707: the certificate, its chain to a manufacturer root, its time and use; and the signature, where the file is
 * on a host that we may read from.
 */
export async function checkFirmware(
  context: FleetContext,
  files: FirmwareFiles | undefined,
  firmware: SignedFirmware,
): Promise<FirmwareVerdict> {
  const refuse = (reason: string, message: string): FirmwareVerdict => ({ ok: false, reason, message })
  if (!/^(https?|ftps?|sftp):\/\/\S+$/i.test(firmware.location) || firmware.location.length > 512)
    return refuse(
      'location-invalid',
      'The location is a URL of at most 512 characters with http, https, ftp, ftps or sftp',
    )
  if (firmware.signingCertificate.length > MAX_CERTIFICATE)
    return refuse('certificate-too-large', `A signing certificate has at most ${MAX_CERTIFICATE} characters`)
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(firmware.signature) || firmware.signature.length > MAX_SIGNATURE)
    return refuse('signature-invalid', `The signature is base64 of at most ${MAX_SIGNATURE} characters`)
  let chain: Certificate[]
  try {
    chain = Certificate.parseChain(firmware.signingCertificate)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refuse('certificate-malformed', error.message)
  }
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) return refuse('certificate-malformed', 'There is no certificate')
  if (leaf.isCa) return refuse('certificate-is-ca', 'A CA does not sign firmware itself')
  if (leaf.keyUsage?.has('digitalSignature') === false)
    return refuse(
      'certificate-wrong-use',
      'The certificate may not sign (key usage without digitalSignature)',
    )
  const atMs = context.clock.now()
  const anchors = (await context.store.fleet.anchors())
    .filter(({ use }) => use === 'ManufacturerRootCertificate')
    .map(certificateOf)
  if (anchors.length === 0)
    return refuse(
      'no-manufacturer-root',
      'There is no ManufacturerRootCertificate among the trust anchors: add the one of the maker first',
    )
  const path = validatePath({ leaf, intermediates, anchors, atMs })
  if (!path.ok) return refuse(path.reason, path.message)
  const record = await context.store.certificates.byFingerprint(leaf.fingerprint)
  if (record?.revokedAt != null)
    return refuse('revoked', `The signing certificate was revoked at ${record.revokedAt}`)
  const key = new X509Certificate(leaf.der).publicKey
  if (!sizeMatches(firmware.signature, key))
    return refuse('signature-invalid', 'The signature cannot be one of this key: its size does not fit')
  const signature = Buffer.from(firmware.signature, 'base64')
  const file = (await files?.verify(firmware.location, signature, key)) ?? ({ kind: 'not-read' } as const)
  return file.kind === 'refused'
    ? refuse(file.reason, file.message)
    : { ok: true, subject: leaf.subjectText, file: file.kind }
}

/** An RSA signature has the size of the modulus; an ECDSA one is a short sequence. */
function sizeMatches(signature: string, key: KeyObject): boolean {
  const octets = Buffer.from(signature, 'base64').length
  const bits = key.asymmetricKeyDetails?.modulusLength
  return bits === undefined ? octets >= 8 && octets <= 145 : octets === Math.ceil(bits / 8)
}
