import { decodeRoot, encodeRoot, type Roots } from './codec.ts'
import { ExiError } from './errors.ts'
import type { FullList } from './grammar.ts'
import type { CodedType, Decoded } from './model.ts'
import {
  certificateChain2,
  dhPublicKey2,
  encryptedPrivateKey2,
  installationReq2,
  updateReq2,
} from './tables-2.ts'
import { signedCertificateChain20, signedInstallationData20 } from './tables-20.ts'
import { signedInfo } from './tables-xmldsig.ts'
import { text } from './values.ts'

/**
 * The elements that signatures cover, each encoded alone: a code for the element among all element names of the
 * schema, its content, and a code for the end. The bytes are what gets digested or, for SignedInfo, signed.
 */

/**
 * eMAID is declared twice with different types, so EXI 8.5.3 prescribes the relaxed element-fragment grammar: any
 * attribute or element of the schema may come, which makes the codes wide, and text is untyped. Here an Id
 * (the fifth of ten attribute names) and the text. Encoders that use the ordinary type get other digests
 * (libcbv2g before cbexigen PR 135).
 */
const relaxedEmaid: CodedType<{ readonly Id: string; readonly value: string }> = {
  kind: 'coded',
  states: [
    { bits: 9, codes: { 4: { event: 'AT', name: 'Id', type: text(), next: 1 } } },
    { bits: 9, codes: { 256: { event: 'CH', name: 'value', type: text(), next: 2 } } },
    { bits: 8, codes: { 244: { event: 'EE' } } },
  ],
}

const at2 = (code: number) => ({ bits: 8, code, end: 244 })
const at20 = (code: number) => ({ bits: 9, code, end: 282 })

const fragments2 = {
  CertificateInstallationReq: { at: at2(15), type: installationReq2 },
  CertificateUpdateReq: { at: at2(17), type: updateReq2 },
  ContractSignatureCertChain: { at: at2(33), type: certificateChain2 },
  ContractSignatureEncryptedPrivateKey: { at: at2(34), type: encryptedPrivateKey2 },
  DHpublickey: { at: at2(45), type: dhPublicKey2 },
  eMAID: { at: at2(236), type: relaxedEmaid },
} as const satisfies Roots

const fragments20 = {
  OEMProvisioningCertificateChain: { at: at20(128), type: signedCertificateChain20 },
  SignedInstallationData: { at: at20(231), type: signedInstallationData20 },
} as const satisfies Roots

/** SignedInfo is encoded with the stand-alone xmldsig grammar, not with that of the message's schema. */
const fragmentsXmldsig = {
  SignedInfo: { at: { bits: 6, code: 32, end: 46 }, type: signedInfo },
} as const satisfies Roots

/** What can be encoded as a fragment, by grammar. */
export const fragmentTables = {
  '15118-2': fragments2,
  '15118-20': fragments20,
  xmldsig: fragmentsXmldsig,
} as const

type Tables = typeof fragments2 & typeof fragments20 & typeof fragmentsXmldsig

export type FragmentName = keyof Tables
export type FragmentValue<N extends FragmentName> = Decoded<Tables[N]['type']>

const allFragments: Tables = { ...fragments2, ...fragments20, ...fragmentsXmldsig }

/**
 * Encodes one signed element as the EXI fragment whose bytes are digested ([V2G2-771], [V2G20-1548]).
 * @param fullList how a list at its maximum ends; `loop` only to check what a car with such a codec digested
 */
export function encodeFragment<N extends FragmentName>(
  name: N,
  value: FragmentValue<N>,
  fullList: FullList = 'schema',
): Uint8Array {
  return encodeRoot(name, value, allFragments, fullList)
}

/**
 * Decodes a fragment of the given element.
 * @throws ExiError when the bytes are not exactly one fragment of that element
 */
export function decodeFragment<N extends FragmentName>(name: N, bytes: Uint8Array): FragmentValue<N> {
  const table: Pick<Tables, N> = allFragments
  const decoded = decodeRoot(bytes, { [name]: table[name] })
  if (decoded.name !== name)
    throw new ExiError('exi-unsupported', `a fragment of ${decoded.name}`, { bitOffset: 8 })
  // The value was built from the very table its type is derived from.
  return decoded.value as FragmentValue<N>
}
