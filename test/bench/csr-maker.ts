import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { bitString, oid, sequence, smallInteger, tlv } from '../../pki/der-write.ts'
import { encodePem } from '../../pki/index.ts'
import { encodeName, type SubjectFields } from '../../pki/name.ts'

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))

/** A PKCS#10 request as a station would send it, for benchmarks and fuzzing. */
export function encodeCsr(key: KeyObject, subject: SubjectFields): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const info = sequence(smallInteger(0), encodeName(subject), spki, tlv(0xa0))
  return encodePem('CERTIFICATE REQUEST', sequence(info, ECDSA_SHA256, bitString(sign('sha256', info, key))))
}
