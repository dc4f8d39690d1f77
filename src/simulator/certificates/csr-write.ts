import { createPublicKey, type KeyObject, sign } from 'node:crypto'

/** Just enough DER to write a PKCS#10 request the way the firmware of a station does. */
function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...parts: readonly Uint8Array[]) => tlv(0x30, ...parts)
const objectId = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const COUNTRY = objectId('550406')
const ORGANIZATION = objectId('55040a')
const COMMON_NAME = objectId('550403')
const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'))
const PRINTABLE_STRING = 0x13
const UTF8_STRING = 0x0c

function attribute(type: Buffer, tag: number, value: string): Buffer {
  return tlv(0x31, sequence(type, tlv(tag, Buffer.from(value, 'utf8'))))
}

export interface CsrSubject {
  readonly commonName: string
  readonly organization: string
  readonly country?: string
}

/** PEM of a PKCS#10 request, self-signed with ECDSA over SHA-256. */
export function writeCsr(subject: CsrSubject, privateKey: KeyObject): string {
  const name = sequence(
    ...(subject.country === undefined ? [] : [attribute(COUNTRY, PRINTABLE_STRING, subject.country)]),
    attribute(ORGANIZATION, UTF8_STRING, subject.organization),
    attribute(COMMON_NAME, UTF8_STRING, subject.commonName),
  )
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const version = tlv(0x02, Buffer.from([0]))
  const information = sequence(version, name, publicKey, tlv(0xa0))
  const signature = sign('sha256', information, privateKey)
  const bits = tlv(0x03, Buffer.from([0]), signature)
  return pem('CERTIFICATE REQUEST', sequence(information, ECDSA_WITH_SHA256, bits))
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
