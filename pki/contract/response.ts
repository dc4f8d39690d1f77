import type { Certificate } from '../certificate.ts'
import {
  type CertificateChain2,
  type CertificateInstallationRes20,
  type CertificateUpdateRes2,
  encodeCommonMessage,
  encodeFragment,
  encodeV2gMessage,
  type ResponseCode2,
  type ResponseCode20,
  type Signature,
  type SignedInstallationData20,
} from '../exi/index.ts'
import type { Cps } from './cps.ts'
import type { Contract } from './issue.ts'
import { additionalData20, type RandomSource, sealContractKey } from './key-transport.ts'
import { type SignedPart, signParts } from './message-signature.ts'
import { type Refusal, responseCodeOf } from './refusal.ts'
import type { Correspondence } from './request.ts'
import type { VerifiedRequest } from './verify.ts'

/** Short Ids: some codecs in cars hold no more than 64 characters. */
const ID = { chain: 'id1', privateKey: 'id2', dhPublicKey: 'id3', emaid: 'id4' } as const

/** Mandatory elements of a refusal carry as little as their types allow. */
const PLACEHOLDER = Uint8Array.of(0)
const PLACEHOLDER_EMAID = '--------------'

export interface AnswerOptions {
  readonly cps: Cps
  readonly contract: Contract
  readonly atMs: number
  readonly random: RandomSource
  /** Contracts that the car may still ask for, at most 255; -20 only. */
  readonly remaining: number
}

/** Seals the contract key for the car, signs with the CPS leaf and encodes the whole message. */
export function encodeAnswer(request: VerifiedRequest, options: AnswerOptions): Promise<Uint8Array> {
  return request.protocol === '15118-2' ? encodeAnswer2(request, options) : encodeAnswer20(request, options)
}

async function encodeAnswer2(
  request: VerifiedRequest,
  { cps, contract, random }: AnswerOptions,
): Promise<Uint8Array> {
  const recipientPoint = request.leaf.publicKey.keyBits
  const sealed = sealContractKey({ protocol: '15118-2', key: contract.key, recipientPoint, random })
  const chain: CertificateChain2 & { readonly Id: string } = { Id: ID.chain, ...chainOf(contract.chain) }
  const privateKey = { Id: ID.privateKey, value: sealed.encryptedPrivateKey }
  const dhPublicKey = { Id: ID.dhPublicKey, value: sealed.dhPublicKey }
  const emaid = { Id: ID.emaid, value: contract.emaid.text }
  // [V2G2-771]: exactly these four; the CPS chain is not signed, it verifies itself.
  const parts: SignedPart[] = [
    { id: ID.chain, fragment: encodeFragment('ContractSignatureCertChain', chain) },
    { id: ID.privateKey, fragment: encodeFragment('ContractSignatureEncryptedPrivateKey', privateKey) },
    { id: ID.dhPublicKey, fragment: encodeFragment('DHpublickey', dhPublicKey) },
    { id: ID.emaid, fragment: encodeFragment('eMAID', emaid) },
  ]
  const signature = await signParts('15118-2', parts, cps.signer)
  return encode2(request, signature, {
    ResponseCode: 'OK',
    SAProvisioningCertificateChain: chainOf([cps.leaf, ...cps.subCas]),
    ContractSignatureCertChain: chain,
    ContractSignatureEncryptedPrivateKey: privateKey,
    DHpublickey: dhPublicKey,
    eMAID: emaid,
  })
}

async function encodeAnswer20(request: VerifiedRequest, options: AnswerOptions): Promise<Uint8Array> {
  const { cps, contract, atMs, random, remaining } = options
  const [leaf, ...subCas] = contract.chain
  const additionalData = additionalData20(
    request.pcid?.text ?? '',
    leaf.subjectKeyIdentifier ?? new Uint8Array(0),
  )
  const sealed = sealContractKey({
    protocol: '15118-20',
    key: contract.key,
    recipientPoint: request.leaf.publicKey.keyBits,
    additionalData,
    random,
  })
  const data: SignedInstallationData20 = {
    Id: ID.chain,
    ContractCertificateChain: {
      Certificate: leaf.der,
      SubCertificates: { Certificate: subCas.map((certificate) => certificate.der) },
    },
    ECDHCurve: 'SECP521',
    DHPublicKey: sealed.dhPublicKey,
    SECP521_EncryptedPrivateKey: sealed.encryptedPrivateKey,
  }
  const part: SignedPart = { id: ID.chain, fragment: encodeFragment('SignedInstallationData', data) }
  const signature = await signParts('15118-20', [part], cps.signer)
  return encode20(request, atMs, signature, {
    ResponseCode: 'OK',
    EVSEProcessing: 'Finished',
    CPSCertificateChain: chainOf([cps.leaf, ...cps.subCas]),
    SignedInstallationData: data,
    RemainingContractCertificateChains: remaining,
  })
}

/**
 * Encodes a refusal: the response code, placeholders in every mandatory element, and no signature.
 * @param retryCounter days until the car should ask again; only CertificateUpdateRes has it
 */
export function encodeRefusal(
  request: Correspondence,
  refusal: Refusal,
  atMs: number,
  retryCounter?: number,
): Uint8Array {
  if (request.protocol === '15118-2') {
    return encode2(request, undefined, {
      ...placeholders2(responseCodeOf(refusal, '15118-2')),
      ...(retryCounter === undefined || request.kind === 'install' ? {} : { RetryCounter: retryCounter }),
    })
  }
  return encode20(request, atMs, undefined, placeholders20(responseCodeOf(refusal, '15118-20')))
}

function placeholders2(code: ResponseCode2): CertificateUpdateRes2 {
  return {
    ResponseCode: code,
    SAProvisioningCertificateChain: { Certificate: PLACEHOLDER },
    ContractSignatureCertChain: { Id: ID.chain, Certificate: PLACEHOLDER },
    ContractSignatureEncryptedPrivateKey: { Id: ID.privateKey, value: PLACEHOLDER },
    DHpublickey: { Id: ID.dhPublicKey, value: PLACEHOLDER },
    eMAID: { Id: ID.emaid, value: PLACEHOLDER_EMAID },
  }
}

/** The schema of -20 fixes the lengths of key fields, so their placeholders are zeros of that length. */
function placeholders20(code: ResponseCode20): Omit<CertificateInstallationRes20, 'Header'> {
  return {
    ResponseCode: code,
    EVSEProcessing: 'Finished',
    CPSCertificateChain: { Certificate: PLACEHOLDER },
    SignedInstallationData: {
      Id: ID.chain,
      ContractCertificateChain: { Certificate: PLACEHOLDER, SubCertificates: { Certificate: [PLACEHOLDER] } },
      ECDHCurve: 'SECP521',
      DHPublicKey: new Uint8Array(133),
      SECP521_EncryptedPrivateKey: new Uint8Array(94),
    },
    RemainingContractCertificateChains: 0,
  }
}

function encode2(
  request: Correspondence,
  signature: Signature | undefined,
  response: CertificateUpdateRes2,
): Uint8Array {
  const Header = {
    SessionID: request.sessionId,
    ...(signature === undefined ? {} : { Signature: signature }),
  }
  return request.kind === 'install'
    ? encodeV2gMessage({ Header, Body: { CertificateInstallationRes: response } })
    : encodeV2gMessage({ Header, Body: { CertificateUpdateRes: response } })
}

function encode20(
  request: Correspondence,
  atMs: number,
  signature: Signature | undefined,
  response: Omit<CertificateInstallationRes20, 'Header'>,
): Uint8Array {
  const Header = {
    SessionID: request.sessionId,
    // Seconds since 1970.
    TimeStamp: BigInt(Math.floor(atMs / 1000)),
    ...(signature === undefined ? {} : { Signature: signature }),
  }
  return encodeCommonMessage({ CertificateInstallationRes: { Header, ...response } })
}

interface SentChain {
  readonly Certificate: Uint8Array
  readonly SubCertificates?: { readonly Certificate: readonly Uint8Array[] }
}

function chainOf([leaf, ...subCas]: readonly [Certificate, ...Certificate[]]): SentChain {
  const subDers = subCas.map((certificate) => certificate.der)
  return {
    Certificate: leaf.der,
    ...(subDers.length === 0 ? {} : { SubCertificates: { Certificate: subDers } }),
  }
}
