import { Certificate } from '../certificate.ts'
import { PkiError } from '../errors.ts'
import {
  type CommonMessage,
  decodeCommonMessage,
  decodeV2gMessage,
  ExiError,
  encodeFragment,
  type Protocol,
  protocolOf,
  type Signature,
  type V2gMessage,
  type X509IssuerSerial,
} from '../exi/index.ts'
import type { ReceivedPart } from './message-signature.ts'
import type { Refusal } from './refusal.ts'

export type ProvisioningKind = 'install' | 'update'

/** What an answer needs from the request, known even when the request is refused. */
export interface Correspondence {
  readonly protocol: Protocol
  readonly kind: ProvisioningKind
  readonly sessionId: Uint8Array
}

/** A request of a car, decoded but not yet believed. */
export interface ProvisioningRequest extends Correspondence {
  readonly signature: Signature | undefined
  readonly signedPart: ReceivedPart
  /** OEM provisioning certificate (install) or current contract certificate (update). */
  readonly leaf: Certificate
  /** Sub-CAs that the car sent along; -2 installations carry none. */
  readonly presented: readonly Certificate[]
  /** The account to update; installations have none. */
  readonly emaid: string | undefined
  /** V2G roots the car can verify a CPS chain to. */
  readonly listedRoots: readonly X509IssuerSerial[]
  /** Accounts the car prefers, most wanted first; -20 only. */
  readonly prioritizedEmaids: readonly string[]
  /** How many contracts the car can store in this run; -20 only, otherwise 1. */
  readonly maximumContracts: number
}

/** What OCPP 2.1 says of a -20 request in fields of its own. */
export interface InstallationWish {
  readonly maximumContracts?: number
  readonly prioritizedEmaids?: readonly string[]
}

/**
 * The request with what the station wants of it: never more contracts than the car has room for, and the station's
 * order of accounts where it gives one. -2 has no wish: one contract per request.
 */
export function withWish<R extends ProvisioningRequest>(request: R, wish: InstallationWish = {}): R {
  if (request.protocol === '15118-2') return request
  const { maximumContracts = 255, prioritizedEmaids = request.prioritizedEmaids } = wish
  return {
    ...request,
    prioritizedEmaids,
    maximumContracts: Math.max(0, Math.min(request.maximumContracts, maximumContracts)),
  }
}

export type ReadResult =
  | { readonly ok: true; readonly request: ProvisioningRequest }
  | { readonly ok: false; readonly refusal: Refusal; readonly correspondence: Correspondence | undefined }

/**
 * Decodes a request.
 * @param action what OCPP calls the request; a mismatch is refused
 * @param schemaVersion `iso15118SchemaVersion` of Get15118EVCertificate, the schema's namespace
 */
export function readRequest(
  exi: Uint8Array,
  action: 'Install' | 'Update',
  schemaVersion: string,
): ReadResult {
  const protocol = protocolOf(schemaVersion)
  if (protocol === undefined) {
    return unanswerable('schema-unsupported', `no tables for the schema '${schemaVersion}'`)
  }
  let read: ReadResult
  try {
    read =
      protocol === '15118-2' ? readMessage2(decodeV2gMessage(exi)) : readMessage20(decodeCommonMessage(exi))
  } catch (error) {
    if (!(error instanceof ExiError)) throw error
    return unanswerable('request-unreadable', error.message)
  }
  if (read.ok && read.request.kind !== action.toLowerCase()) {
    const refusal: Refusal = {
      code: 'action-mismatch',
      reason: `a request to ${read.request.kind} came as ${action}`,
    }
    return { ok: false, refusal, correspondence: read.request }
  }
  return read
}

function unanswerable(code: Refusal['code'], reason: string): ReadResult {
  return { ok: false, refusal: { code, reason }, correspondence: undefined }
}

function readMessage2({ Header: header, Body: body }: V2gMessage): ReadResult {
  const base = { protocol: '15118-2', sessionId: header.SessionID } as const
  const once = { signature: header.Signature, prioritizedEmaids: [], maximumContracts: 1 }
  if ('CertificateInstallationReq' in body) {
    const message = body.CertificateInstallationReq
    return withCertificates({ ...base, kind: 'install' }, message.OEMProvisioningCert, [], {
      ...once,
      signedPart: received('CertificateInstallationReq', message),
      emaid: undefined,
      listedRoots: message.ListOfRootCertificateIDs.RootCertificateID,
    })
  }
  if ('CertificateUpdateReq' in body) {
    const message = body.CertificateUpdateReq
    const chain = message.ContractSignatureCertChain
    return withCertificates(
      { ...base, kind: 'update' },
      chain.Certificate,
      chain.SubCertificates?.Certificate ?? [],
      {
        ...once,
        signedPart: received('CertificateUpdateReq', message),
        emaid: message.eMAID,
        listedRoots: message.ListOfRootCertificateIDs.RootCertificateID,
      },
    )
  }
  return unanswerable('request-unreadable', 'the message is a response, not a request')
}

function readMessage20(message: CommonMessage): ReadResult {
  if (!('CertificateInstallationReq' in message)) {
    return unanswerable('request-unreadable', 'the message is a response, not a request')
  }
  const request = message.CertificateInstallationReq
  const chain = request.OEMProvisioningCertificateChain
  const correspondence = {
    protocol: '15118-20',
    kind: 'install',
    sessionId: request.Header.SessionID,
  } as const
  return withCertificates(correspondence, chain.Certificate, chain.SubCertificates?.Certificate ?? [], {
    signature: request.Header.Signature,
    signedPart: received('OEMProvisioningCertificateChain', chain),
    emaid: undefined,
    listedRoots: request.ListOfRootCertificateIDs.RootCertificateID,
    prioritizedEmaids: request.PrioritizedEMAIDs?.EMAID ?? [],
    maximumContracts: request.MaximumContractCertificateChains,
  })
}

function received<
  N extends 'CertificateInstallationReq' | 'CertificateUpdateReq' | 'OEMProvisioningCertificateChain',
>(name: N, value: Parameters<typeof encodeFragment<N>>[1] & { readonly Id: string }): ReceivedPart {
  return {
    id: value.Id,
    readings: [() => encodeFragment(name, value), () => encodeFragment(name, value, 'loop')],
  }
}

function withCertificates(
  correspondence: Correspondence,
  leafDer: Uint8Array,
  subDers: readonly Uint8Array[],
  rest: Omit<ProvisioningRequest, keyof Correspondence | 'leaf' | 'presented'>,
): ReadResult {
  try {
    const leaf = Certificate.parse(leafDer)
    const presented = subDers.map((der) => Certificate.parse(der))
    return { ok: true, request: { ...correspondence, ...rest, leaf, presented } }
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return { ok: false, refusal: { code: 'chain-invalid', reason: error.message }, correspondence }
  }
}
