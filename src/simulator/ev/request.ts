import { createHash, type KeyObject, sign } from 'node:crypto'
import {
  type Certificate,
  encodeCommonMessage,
  encodeFragment,
  encodeV2gMessage,
  type Protocol,
  SCHEMA_OF,
  type Signature,
  type SignedInfo,
} from '../../../pki/index.ts'

/** What a station puts into Get15118EVCertificate for the car. */
export interface EvRequest {
  readonly action: 'Install' | 'Update'
  readonly iso15118SchemaVersion: string
  readonly exiRequest: Uint8Array
  /** The answer must carry the same session. */
  readonly sessionId: Uint8Array
}

/** A certificate of the car with its key and the sub-CAs it can send along. */
export interface EvCredential {
  readonly certificate: Certificate
  /** Issuer first, without the root. */
  readonly subCas: readonly Certificate[]
  readonly privateKey: KeyObject
}

export interface InstallationWish {
  readonly sessionId: Uint8Array
  readonly v2gRoots: readonly Certificate[]
  /** -20 only. */
  readonly nowMs: number
  readonly prioritizedEmaids?: readonly string[]
  readonly maximumContracts?: number
}

const BODY_ID = 'id1'
const CANONICAL_EXI = 'http://www.w3.org/TR/canonical-exi/'
const METHODS = {
  '15118-2': { hash: 'sha256', digest: 'xmlenc#sha256', signature: 'xmldsig-more#ecdsa-sha256' },
  '15118-20': { hash: 'sha512', digest: 'xmlenc#sha512', signature: 'xmldsig-more#ecdsa-sha512' },
} as const
const URI_BASE = 'http://www.w3.org/2001/04/'

/** -2: CertificateInstallationReq; the car sends its leaf only. */
export function installationRequest2(credential: EvCredential, wish: InstallationWish): EvRequest {
  const body = {
    Id: BODY_ID,
    OEMProvisioningCert: credential.certificate.der,
    ListOfRootCertificateIDs: rootIds(wish.v2gRoots),
  }
  const Signature = signElement(
    '15118-2',
    encodeFragment('CertificateInstallationReq', body),
    credential.privateKey,
  )
  const Header = { SessionID: wish.sessionId, Signature }
  const exiRequest = encodeV2gMessage({ Header, Body: { CertificateInstallationReq: body } })
  return {
    action: 'Install',
    iso15118SchemaVersion: SCHEMA_OF['15118-2'],
    exiRequest,
    sessionId: wish.sessionId,
  }
}

/** -2: CertificateUpdateReq, signed with the contract key that is to be replaced. */
export function updateRequest2(
  contract: EvCredential & { readonly emaid: string },
  wish: InstallationWish,
): EvRequest {
  const body = {
    Id: BODY_ID,
    ContractSignatureCertChain: {
      Certificate: contract.certificate.der,
      ...(contract.subCas.length === 0 ? {} : { SubCertificates: { Certificate: ders(contract.subCas) } }),
    },
    eMAID: contract.emaid,
    ListOfRootCertificateIDs: rootIds(wish.v2gRoots),
  }
  const Signature = signElement('15118-2', encodeFragment('CertificateUpdateReq', body), contract.privateKey)
  const Header = { SessionID: wish.sessionId, Signature }
  const exiRequest = encodeV2gMessage({ Header, Body: { CertificateUpdateReq: body } })
  return {
    action: 'Update',
    iso15118SchemaVersion: SCHEMA_OF['15118-2'],
    exiRequest,
    sessionId: wish.sessionId,
  }
}

/** -20: CertificateInstallationReq; the signature covers the chain, not the whole message. */
export function installationRequest20(credential: EvCredential, wish: InstallationWish): EvRequest {
  const chain = {
    Id: BODY_ID,
    Certificate: credential.certificate.der,
    ...(credential.subCas.length === 0 ? {} : { SubCertificates: { Certificate: ders(credential.subCas) } }),
  }
  const fragment = encodeFragment('OEMProvisioningCertificateChain', chain)
  const { prioritizedEmaids = [], maximumContracts = 1, sessionId } = wish
  const exiRequest = encodeCommonMessage({
    CertificateInstallationReq: {
      Header: {
        SessionID: sessionId,
        TimeStamp: BigInt(Math.floor(wish.nowMs / 1000)),
        Signature: signElement('15118-20', fragment, credential.privateKey),
      },
      OEMProvisioningCertificateChain: chain,
      ListOfRootCertificateIDs: rootIds(wish.v2gRoots),
      MaximumContractCertificateChains: maximumContracts,
      ...(prioritizedEmaids.length === 0 ? {} : { PrioritizedEMAIDs: { EMAID: prioritizedEmaids } }),
    },
  })
  return { action: 'Install', iso15118SchemaVersion: SCHEMA_OF['15118-20'], exiRequest, sessionId }
}

function signElement(protocol: Protocol, fragment: Uint8Array, privateKey: KeyObject): Signature {
  const methods = METHODS[protocol]
  const SignedInfo: SignedInfo = {
    CanonicalizationMethod: { Algorithm: CANONICAL_EXI },
    SignatureMethod: { Algorithm: URI_BASE + methods.signature },
    Reference: [
      {
        URI: `#${BODY_ID}`,
        Transforms: { Transform: [{ Algorithm: CANONICAL_EXI }] },
        DigestMethod: { Algorithm: URI_BASE + methods.digest },
        DigestValue: createHash(methods.hash).update(fragment).digest(),
      },
    ],
  }
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return {
    SignedInfo,
    SignatureValue: { value: sign(methods.hash, encodeFragment('SignedInfo', SignedInfo), key) },
  }
}

function rootIds(roots: readonly Certificate[]) {
  return {
    RootCertificateID: roots.map((root) => ({
      X509IssuerName: root.issuerText,
      X509SerialNumber: BigInt(`0x${root.serialHex}`),
    })),
  }
}

function ders(certificates: readonly Certificate[]): Uint8Array[] {
  return certificates.map((certificate) => certificate.der)
}
