import { createHash, type KeyObject, verify } from 'node:crypto'
import {
  Certificate,
  type CertificateInstallationRes2,
  type CertificateInstallationRes20,
  decodeCommonMessage,
  decodeV2gMessage,
  encodeFragment,
  type Protocol,
  type Signature,
  validatePath,
} from '../../../pki/index.ts'
import { isKeyOf, openContractKey } from './key-opening.ts'

/** What a car looks at in an answer, in this order. */
export type EvCheck =
  | 'decode'
  | 'session'
  | 'message'
  | 'response-code'
  | 'size'
  | 'cps-chain'
  | 'cps-leaf'
  | 'references'
  | 'signature'
  | 'contract-chain'
  | 'key-transport'
  | 'key-match'
  | 'emaid'

export interface InstalledContract {
  readonly protocol: Protocol
  readonly emaid: string
  readonly certificate: Certificate
  readonly subCas: readonly Certificate[]
  /** Big-endian private key. */
  readonly scalar: Uint8Array
}

export type EvVerdict =
  | { readonly ok: true; readonly contract: InstalledContract; readonly remainingContracts: number }
  | { readonly ok: false; readonly check: EvCheck; readonly message: string; readonly responseCode?: string }

export interface Expectation {
  readonly protocol: Protocol
  readonly action: 'Install' | 'Update'
  readonly sessionId: Uint8Array
  /** Key of the certificate the request was made with. */
  readonly privateKey: KeyObject
  /** What a -20 key is bound to. */
  readonly pcid: string
  readonly v2gRoots: readonly Certificate[]
  /** A car that knows no MO roots takes the chain as the CPS signed it. */
  readonly moRoots: readonly Certificate[]
  readonly nowMs: number
}

/** A check that failed; carried out of the sequence of checks as an exception, in as a verdict. */
class Refused extends Error {
  readonly check: EvCheck
  readonly responseCode: string | undefined
  constructor(check: EvCheck, message: string, responseCode?: string) {
    super(message)
    this.check = check
    this.responseCode = responseCode
  }
}

/** Opens an answer as a car does: every check of a real EVCC, and the contract when all of them pass. */
export function openAnswer(exiResponse: Uint8Array, expected: Expectation): EvVerdict {
  try {
    return expected.protocol === '15118-2' ? open2(exiResponse, expected) : open20(exiResponse, expected)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { check, message, responseCode } = error
    return { ok: false, check, message, ...(responseCode === undefined ? {} : { responseCode }) }
  }
}

function open2(exiResponse: Uint8Array, expected: Expectation): EvVerdict {
  const { Header, Body } = attempt('decode', () => decodeV2gMessage(exiResponse))
  checkSession(Header.SessionID, expected)
  const response = bodyOf(Body, expected.action)
  if (!response.ResponseCode.startsWith('OK')) {
    throw new Refused('response-code', `the answer says ${response.ResponseCode}`, response.ResponseCode)
  }
  const leaf = checkCps(response.SAProvisioningCertificateChain, 800, expected)
  const { ContractSignatureCertChain, ContractSignatureEncryptedPrivateKey, DHpublickey, eMAID } = response
  const chain = { ...ContractSignatureCertChain, Id: ContractSignatureCertChain.Id ?? '' }
  checkSignature('15118-2', Header.Signature, leaf, [
    [chain.Id, encodeFragment('ContractSignatureCertChain', chain)],
    [
      ContractSignatureEncryptedPrivateKey.Id,
      encodeFragment('ContractSignatureEncryptedPrivateKey', ContractSignatureEncryptedPrivateKey),
    ],
    [DHpublickey.Id, encodeFragment('DHpublickey', DHpublickey)],
    [eMAID.Id, encodeFragment('eMAID', eMAID)],
  ])
  const contract = openContract(ContractSignatureCertChain, 800, expected, () => ({
    dhPublicKey: DHpublickey.value,
    encrypted: ContractSignatureEncryptedPrivateKey.value,
    additionalData: new Uint8Array(0),
  }))
  if (contract.certificate.commonName?.replaceAll('-', '') !== eMAID.value) {
    throw new Refused(
      'emaid',
      `eMAID ${eMAID.value} is not the common name ${contract.certificate.commonName}`,
    )
  }
  return { ok: true, contract: { ...contract, emaid: eMAID.value }, remainingContracts: 0 }
}

function open20(exiResponse: Uint8Array, expected: Expectation): EvVerdict {
  const message = attempt('decode', () => decodeCommonMessage(exiResponse))
  if (!('CertificateInstallationRes' in message)) throw new Refused('message', 'the answer is a request')
  const response: CertificateInstallationRes20 = message.CertificateInstallationRes
  checkSession(response.Header.SessionID, expected)
  if (!response.ResponseCode.startsWith('OK') || response.EVSEProcessing !== 'Finished') {
    const what = `the answer says ${response.ResponseCode}, ${response.EVSEProcessing}`
    throw new Refused('response-code', what, response.ResponseCode)
  }
  const leaf = checkCps(response.CPSCertificateChain, 1600, expected)
  const data = response.SignedInstallationData
  checkSignature('15118-20', response.Header.Signature, leaf, [
    [data.Id, encodeFragment('SignedInstallationData', data)],
  ])
  if (data.ECDHCurve !== 'SECP521' || !('SECP521_EncryptedPrivateKey' in data)) {
    throw new Refused('key-transport', `the key comes over ${data.ECDHCurve}, this car has a P-521 key`)
  }
  const contract = openContract(data.ContractCertificateChain, 1600, expected, (certificate) => {
    const identifier = Buffer.from(certificate.subjectKeyIdentifier ?? [])
      .toString('hex')
      .toUpperCase()
    return {
      dhPublicKey: data.DHPublicKey,
      encrypted: data.SECP521_EncryptedPrivateKey,
      additionalData: Buffer.from(expected.pcid + identifier, 'latin1'),
    }
  })
  const emaid = contract.certificate.commonName ?? ''
  if (!/^[A-Z]{2}[A-Z0-9]{12,13}$/.test(emaid.replaceAll('-', ''))) {
    throw new Refused('emaid', `the common name '${emaid}' is not an eMAID`)
  }
  return {
    ok: true,
    contract: { ...contract, emaid },
    remainingContracts: response.RemainingContractCertificateChains,
  }
}

function bodyOf(
  body: ReturnType<typeof decodeV2gMessage>['Body'],
  action: 'Install' | 'Update',
): CertificateInstallationRes2 {
  if (action === 'Install' && 'CertificateInstallationRes' in body) return body.CertificateInstallationRes
  if (action === 'Update' && 'CertificateUpdateRes' in body) return body.CertificateUpdateRes
  throw new Refused('message', `the answer to ${action} is ${Object.keys(body).join()}`)
}

function checkSession(sessionId: Uint8Array, expected: Expectation): void {
  if (Buffer.compare(sessionId, expected.sessionId) !== 0)
    throw new Refused('session', 'the answer is for another session')
}

interface ReceivedChain {
  readonly Certificate: Uint8Array
  readonly SubCertificates?: { readonly Certificate: readonly Uint8Array[] }
}

function parseChain(received: ReceivedChain, maxDerBytes: number, check: EvCheck) {
  const ders = [received.Certificate, ...(received.SubCertificates?.Certificate ?? [])]
  if (ders.some((der) => der.length > maxDerBytes))
    throw new Refused('size', `a certificate of more than ${maxDerBytes} octets`)
  return attempt(check, () => {
    const subCas = ders.slice(1).map((der) => Certificate.parse(der))
    return { leaf: Certificate.parse(received.Certificate), subCas }
  })
}

function checkCps(
  received: ReceivedChain,
  maxDerBytes: number,
  { v2gRoots, nowMs }: Expectation,
): Certificate {
  const { leaf, subCas } = parseChain(received, maxDerBytes, 'cps-chain')
  const path = validatePath({ leaf, intermediates: subCas, anchors: v2gRoots, atMs: nowMs })
  if (!path.ok) throw new Refused('cps-chain', path.message)
  if (!leaf.domainComponents.includes('CPS'))
    throw new Refused('cps-leaf', `${leaf.subjectText} is not a CPS leaf`)
  if (leaf.keyUsage?.has('digitalSignature') !== true)
    throw new Refused('cps-leaf', 'the CPS leaf may not sign')
  return leaf
}

function checkSignature(
  protocol: Protocol,
  signature: Signature | undefined,
  leaf: Certificate,
  parts: readonly (readonly [string, Uint8Array])[],
): void {
  if (signature === undefined) throw new Refused('signature', 'the answer is not signed')
  const { SignedInfo, SignatureValue } = signature
  const hash = protocol === '15118-2' ? 'sha256' : 'sha512'
  if (SignedInfo.Reference.length !== parts.length) {
    throw new Refused('references', `${SignedInfo.Reference.length} references instead of ${parts.length}`)
  }
  for (const [id, fragment] of parts) {
    const reference = SignedInfo.Reference.find(({ URI }) => URI === `#${id}`)
    if (reference === undefined) throw new Refused('references', `no reference to #${id}`)
    if (!createHash(hash).update(fragment).digest().equals(reference.DigestValue)) {
      throw new Refused('references', `the digest of #${id} does not match`)
    }
  }
  const key = { key: leaf.publicKey.import(), dsaEncoding: 'ieee-p1363' } as const
  if (!verify(hash, encodeFragment('SignedInfo', SignedInfo), key, SignatureValue.value)) {
    throw new Refused('signature', 'the signature does not match the CPS leaf')
  }
}

function openContract(
  received: ReceivedChain,
  maxDerBytes: number,
  expected: Expectation,
  sealed: (certificate: Certificate) => {
    dhPublicKey: Uint8Array
    encrypted: Uint8Array
    additionalData: Uint8Array
  },
): Omit<InstalledContract, 'emaid'> {
  const { leaf, subCas } = parseChain(received, maxDerBytes, 'contract-chain')
  const { protocol, nowMs, moRoots, privateKey } = expected
  // Without MO roots the highest sub-CA has to do as the end of the chain: it still must link up.
  const top = subCas.at(-1) ?? leaf
  const anchors = moRoots.length > 0 ? moRoots : [top]
  const path = validatePath({ leaf, intermediates: subCas, anchors, atMs: nowMs })
  if (!path.ok) throw new Refused('contract-chain', path.message)
  const scalar = attempt('key-transport', () => openContractKey(privateKey, { protocol, ...sealed(leaf) }))
  if (!isKeyOf(protocol, scalar, leaf.publicKey.keyBits)) {
    throw new Refused('key-match', 'the private key does not belong to the contract certificate')
  }
  return { protocol, certificate: leaf, subCas, scalar }
}

function attempt<T>(check: EvCheck, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new Refused(check, error instanceof Error ? error.message : String(error))
  }
}
