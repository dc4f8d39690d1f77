import { hash, verify } from 'node:crypto'
import type { Protocol, Signature, SignedInfo } from '../exi/index.ts'
import { encodeFragment } from '../exi/index.ts'
import type { PublicKey } from '../public-key.ts'
import type { Signer } from '../signer.ts'
import { ContractError } from './errors.ts'
import { CURVE_OF, TRANSPORT_CURVES } from './key-transport.ts'

/**
 * XML signatures over EXI, as ISO 15118 uses them: digests of the fragments of the signed elements, and an ECDSA
 * signature in raw r||s form over the SignedInfo fragment ([V2G2-771], [V2G20-1000]).
 */

interface Suite {
  readonly hash: 'sha256' | 'sha512'
  readonly digestMethod: string
  readonly signatureMethod: string
}

const CANONICAL_EXI = 'http://www.w3.org/TR/canonical-exi/'

const SUITES: Readonly<Record<Protocol, Suite>> = {
  '15118-2': {
    hash: 'sha256',
    digestMethod: 'http://www.w3.org/2001/04/xmlenc#sha256',
    signatureMethod: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256',
  },
  '15118-20': {
    hash: 'sha512',
    digestMethod: 'http://www.w3.org/2001/04/xmlenc#sha512',
    signatureMethod: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512',
  },
}

/** An element that a signature covers: its Id, and its EXI fragment. */
export interface SignedPart {
  readonly id: string
  readonly fragment: Uint8Array
}

/** An element to verify: codecs disagree about full lists, so that there are two fragments it could be. */
export interface ReceivedPart {
  readonly id: string
  /** Encoded only when it comes to them: the first is nearly always the one. */
  readonly readings: readonly (() => Uint8Array)[]
}

/** Signs the parts, in their order. `signer` holds the key of the protocol's curve; for responses, the CPS leaf's. */
export async function signParts(
  protocol: Protocol,
  parts: readonly SignedPart[],
  signer: Signer,
): Promise<Signature> {
  const suite = SUITES[protocol]
  const signedInfo: SignedInfo = {
    CanonicalizationMethod: { Algorithm: CANONICAL_EXI },
    SignatureMethod: { Algorithm: suite.signatureMethod },
    Reference: parts.map(({ id, fragment }) => ({
      URI: `#${id}`,
      Transforms: { Transform: [{ Algorithm: CANONICAL_EXI }] },
      DigestMethod: { Algorithm: suite.digestMethod },
      DigestValue: hash(suite.hash, fragment, 'buffer'),
    })),
  }
  const der = await signer.sign(encodeFragment('SignedInfo', signedInfo))
  const { fieldBytes } = TRANSPORT_CURVES[CURVE_OF[protocol]]
  return { SignedInfo: signedInfo, SignatureValue: { value: rawSignature(der, fieldBytes) } }
}

/**
 * Verifies that exactly this part is signed, and by this key.
 * @returns undefined when it is, otherwise what is wrong
 */
export function findSignatureFault(
  protocol: Protocol,
  signature: Signature | undefined,
  part: ReceivedPart,
  key: PublicKey,
): string | undefined {
  if (signature === undefined) return 'the message carries no signature'
  const fault = findSignedInfoFault(protocol, signature.SignedInfo, part)
  if (fault !== undefined) return fault
  const { fieldBytes } = TRANSPORT_CURVES[CURVE_OF[protocol]]
  const value = signature.SignatureValue.value
  if (value.length !== 2 * fieldBytes)
    return `the signature value has ${value.length} octets instead of ${2 * fieldBytes}`
  if (key.curve !== CURVE_OF[protocol]) return `the signing key is not on ${CURVE_OF[protocol]}`
  const signed = encodeFragment('SignedInfo', signature.SignedInfo)
  const input = { key: key.import(), dsaEncoding: 'ieee-p1363' } as const
  return verify(SUITES[protocol].hash, signed, input, value)
    ? undefined
    : 'the signature does not match the key'
}

function findSignedInfoFault(
  protocol: Protocol,
  signedInfo: SignedInfo,
  part: ReceivedPart,
): string | undefined {
  const suite = SUITES[protocol]
  const canonicalization = signedInfo.CanonicalizationMethod.Algorithm
  if (canonicalization !== CANONICAL_EXI) return `canonicalization '${canonicalization}' is not canonical EXI`
  const method = signedInfo.SignatureMethod.Algorithm
  if (method !== suite.signatureMethod) return `signature method '${method}' is not that of ISO ${protocol}`
  if (signedInfo.SignatureMethod.HMACOutputLength !== undefined)
    return 'the signature method has a length, which ECDSA does not know'
  const [reference, ...others] = signedInfo.Reference
  if (reference === undefined || others.length > 0) return 'the signature must have exactly one reference'
  if (part.id === '') return 'the signed element has no Id'
  if (reference.URI !== `#${part.id}`)
    return `the reference '${reference.URI ?? ''}' does not point to '#${part.id}'`
  const [transform, ...more] = reference.Transforms?.Transform ?? []
  if (transform?.Algorithm !== CANONICAL_EXI || transform.XPath !== undefined || more.length > 0)
    return 'the only transform must be canonical EXI, without parameters'
  if (reference.DigestMethod.Algorithm !== suite.digestMethod) return `the digest is not ${suite.hash}`
  const matches = part.readings.some((encode) =>
    hash(suite.hash, encode(), 'buffer').equals(reference.DigestValue),
  )
  return matches ? undefined : 'the digest does not match the signed element'
}

/** ECDSA-Sig-Value (SEQUENCE of two INTEGER) as r||s, both padded on the left to the size of the field. */
export function rawSignature(der: Uint8Array, fieldBytes: number): Uint8Array {
  const raw = new Uint8Array(2 * fieldBytes)
  // Sequences of P-521 signatures are longer than 127 octets and have a length octet before the length.
  let at = (der[1] ?? 0) === 0x81 ? 3 : 2
  for (const end of [fieldBytes, 2 * fieldBytes]) {
    const length = der[at + 1] ?? 0
    const integer = der.subarray(at + 2, at + 2 + length)
    const digits = integer.subarray(
      Math.max(
        0,
        integer.findIndex((octet) => octet !== 0),
      ),
    )
    if (der[at] !== 0x02 || integer.length !== length || digits.length > fieldBytes) {
      throw new ContractError('signature-failed', 'The signer did not return an ECDSA signature in DER form')
    }
    raw.set(digits, end - digits.length)
    at += 2 + length
  }
  return raw
}
