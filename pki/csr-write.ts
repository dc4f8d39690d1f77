import type { Subject } from './authority.ts'
import { bitString, sequence, smallInteger, tlv } from './der-write.ts'
import { encodeName } from './name.ts'
import { isPromise, type Signer } from './signer.ts'

const VERSION_1 = smallInteger(0)
const NO_ATTRIBUTES = tlv(0xa0)

/**
 * A PKCS#10 request (RFC 2986) in DER, for an authority of somebody else: what the certificate is to contain is up to
 * that authority, so no extensions are asked for. With a software signer it is there at once, without a promise.
 */
export function createCsr(order: {
  readonly subject: Subject
  readonly signer: Signer
}): Uint8Array | Promise<Uint8Array> {
  const { subject, signer } = order
  const name = 'der' in subject ? subject.der : encodeName(subject)
  const info = sequence(VERSION_1, name, signer.publicKeySpki, NO_ATTRIBUTES)
  const finish = (signature: Uint8Array): Uint8Array =>
    sequence(info, signer.algorithm.identifier, bitString(signature))
  const signature = signer.sign(info)
  return isPromise(signature) ? signature.then(finish) : finish(signature)
}
