import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  type Certificate,
  type CertificateHashData,
  certificateHashData,
  type Protocol,
} from '../../../pki/index.ts'
import { type EvVerdict, type InstalledContract, openAnswer } from './answer.ts'
import {
  type EvCredential,
  type EvRequest,
  type InstallationWish,
  installationRequest2,
  installationRequest20,
  updateRequest2,
} from './request.ts'

/** What the car left the factory with. */
export interface EvIdentity {
  readonly protocol: Protocol
  /** The OEM provisioning certificate; its common name is the PCID. */
  readonly provisioning: EvCredential
  readonly v2gRoots: readonly Certificate[]
  /** MO roots the car knows; it may know none. */
  readonly moRoots?: readonly Certificate[]
}

export interface EvEnvironment {
  readonly nowMs: () => number
  readonly random: (octetCount: number) => Uint8Array
}

/** What a station sends in Authorize for a car with a contract (OCPP 2.0.1 C07). */
export interface EvAuthorization {
  readonly emaid: string
  /** Contract certificate and sub-CAs, PEM, leaf first. */
  readonly certificateChainPem: string
  /** Of every certificate of the chain whose issuer is known and that names a responder. */
  readonly hashData: readonly (CertificateHashData & { readonly responderURL: string })[]
}

export interface PlugAndChargeEv {
  readonly pcid: string
  readonly protocol: Protocol
  /** The contract in use, once one is installed. */
  readonly contract: InstalledContract | undefined
  installationRequest(wish?: {
    readonly prioritizedEmaids?: readonly string[]
    readonly maximumContracts?: number
    /** A -20 car asks for each of its contracts in the same session; a fresh one unless said otherwise. */
    readonly sessionId?: Uint8Array
  }): EvRequest
  /** Asks for a new contract with the one it has; -20 cars ask for an installation instead. */
  updateRequest(): EvRequest
  /** Checks an answer to the last request, and installs its contract when everything is right. */
  receive(exiResponse: Uint8Array): EvVerdict
  /** Whether the contract ends within this time, or there is none. */
  needsContract(leadTimeMs: number): boolean
  authorization(): EvAuthorization | undefined
}

/** A car's Plug & Charge side: it shares the EXI codec with the service, and nothing else. */
export function createPlugAndChargeEv(identity: EvIdentity, environment: EvEnvironment): PlugAndChargeEv {
  const { protocol, provisioning, v2gRoots, moRoots = [] } = identity
  const { nowMs, random } = environment
  const pcid = (provisioning.certificate.commonName ?? '').toUpperCase()
  let contract: InstalledContract | undefined
  let pending: { readonly request: EvRequest; readonly privateKey: KeyObject } | undefined

  const wish = (): InstallationWish => ({ sessionId: random(8), v2gRoots, nowMs: nowMs() })
  const expectAnswer = (request: EvRequest, privateKey: KeyObject): EvRequest => {
    pending = { request, privateKey }
    return request
  }

  return {
    pcid,
    protocol,
    get contract() {
      return contract
    },
    installationRequest(options = {}) {
      const build = protocol === '15118-2' ? installationRequest2 : installationRequest20
      return expectAnswer(build(provisioning, { ...wish(), ...options }), provisioning.privateKey)
    },
    updateRequest() {
      if (contract === undefined) throw new Error('The car has no contract to update; install one first')
      if (protocol === '15118-20') throw new Error('ISO 15118-20 has no CertificateUpdateReq; install again')
      const privateKey = privateKeyOf(contract)
      return expectAnswer(updateRequest2({ ...contract, privateKey }, wish()), privateKey)
    },
    receive(exiResponse) {
      if (pending === undefined) throw new Error('The car has not asked for anything')
      const { request, privateKey } = pending
      const { action, sessionId } = request
      const expected = { protocol, action, sessionId, privateKey, pcid, v2gRoots, moRoots, nowMs: nowMs() }
      const verdict = openAnswer(exiResponse, expected)
      if (verdict.ok) {
        contract = verdict.contract
        pending = undefined
      }
      return verdict
    },
    needsContract: (leadTimeMs) =>
      contract === undefined || contract.certificate.notAfterMs - nowMs() < leadTimeMs,
    authorization: () => (contract === undefined ? undefined : authorizationWith(contract, moRoots)),
  }
}

/** The contract key as node uses it, to sign update requests. */
export function privateKeyOf({ certificate, scalar }: InstalledContract): KeyObject {
  const jwk = certificate.publicKey.import().export({ format: 'jwk' })
  return createPrivateKey({ key: { ...jwk, d: Buffer.from(scalar).toString('base64url') }, format: 'jwk' })
}

function authorizationWith(contract: InstalledContract, moRoots: readonly Certificate[]): EvAuthorization {
  const chain = [contract.certificate, ...contract.subCas]
  const hashData = chain.flatMap((certificate) => {
    const issuer = [...chain, ...moRoots].find((candidate) => certificate.mayBeIssuedBy(candidate))
    const responderURL = certificate.ocspUrls[0]
    if (issuer === undefined || responderURL === undefined) return []
    return [{ ...certificateHashData(certificate, issuer), responderURL }]
  })
  return {
    emaid: contract.emaid,
    certificateChainPem: chain.map((certificate) => certificate.toPem()).join(''),
    hashData,
  }
}
