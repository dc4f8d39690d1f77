import type { Certificate } from '../certificate.ts'
import { PkiError } from '../errors.ts'
import type { ResponseCode2, ResponseCode20 } from '../exi/index.ts'
import { type Cps, chooseCps } from './cps.ts'
import type { Emaid } from './emaid.ts'
import { ContractError } from './errors.ts'
import { adoptContract, type Contract, type ContractAuthority, issueContract } from './issue.ts'
import { destroyContractKey, type RandomSource } from './key-transport.ts'
import { REFUSALS, type Refusal, responseCodeOf } from './refusal.ts'
import { type Correspondence, type InstallationWish, readRequest, withWish } from './request.ts'
import { encodeAnswer, encodeRefusal } from './response.ts'
import { type RevocationCheck, type Trust, type VerifiedRequest, verifyRequest } from './verify.ts'

/**
 * Contract certificate provisioning: the bytes of a car's request in, the bytes of the answer out. Whether the same
 * bytes came before, and which contract a car gets, is the service's to know.
 */

/** OCPP 2.0.1 allows 5,600 base64 characters in `exiResponse`; a station may publish less or more as FieldLength. */
export const DEFAULT_MAX_RESPONSE_CHARACTERS = 5600

export interface ProvisioningCall {
  readonly exiRequest: Uint8Array
  /** As in Get15118EVCertificate. */
  readonly action: 'Install' | 'Update'
  readonly iso15118SchemaVersion: string
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly random: RandomSource
  /** Longest `exiResponse` the station takes, in base64 characters. */
  readonly maxResponseCharacters?: number
  /** What the station repeats of a -20 request in fields of its own (OCPP 2.1); it may want less than the car. */
  readonly wish?: InstallationWish
}

/** Which contract a car gets. */
export interface ContractOffer {
  readonly kind: 'offer'
  readonly emaid: Emaid
  readonly source:
    | {
        readonly kind: 'issue'
        readonly authority: ContractAuthority
        readonly notAfterMs?: number
        /** Octets of a serial number that was recorded before; made from `random` otherwise. */
        readonly serial?: Uint8Array
      }
    /** Made by a mobility operator; the caller overwrites the scalar when the call has returned. */
    | { readonly kind: 'supplied'; readonly chain: readonly Certificate[]; readonly scalar: Uint8Array }
  /** Contracts the car can still get after this one; -20 tells it. */
  readonly remaining?: number
}

export interface NoOffer {
  readonly kind: 'none'
  readonly code: 'contract-missing' | 'contract-canceled'
  readonly reason: string
  /** Days until an update should be tried again; -2 tells the car. */
  readonly retryCounter?: number
}

export interface ProvisioningContext {
  readonly oemTrust: Trust
  /** What current contract certificates are verified against when a car asks for an update. */
  readonly moTrust: Trust
  /** In order of preference. */
  readonly cps: readonly Cps[]
  readonly revocation: RevocationCheck
  /** Asked only for cars whose identity is established. */
  readonly offer: (request: VerifiedRequest) => ContractOffer | NoOffer | Promise<ContractOffer | NoOffer>
}

export type ProvisioningResult =
  | {
      readonly outcome: 'provisioned'
      readonly ocppStatus: 'Accepted'
      readonly responseCode: 'OK'
      readonly exiResponse: Uint8Array
      readonly request: VerifiedRequest
      readonly emaid: Emaid
      /** Contracts the car can still ask for; `remainingContracts` of OCPP 2.1. */
      readonly remaining: number
      /** Leaf first, without the root. */
      readonly contract: readonly Certificate[]
    }
  | {
      readonly outcome: 'refused'
      readonly ocppStatus: 'Accepted' | 'Failed'
      readonly refusal: Refusal
      /** Absent when the request could not even be read. */
      readonly responseCode: ResponseCode2 | ResponseCode20 | undefined
      readonly exiResponse: Uint8Array | undefined
      readonly request: VerifiedRequest | undefined
    }

/**
 * Answers a CertificateInstallationReq or CertificateUpdateReq. What the car did wrong, or may not have, is a
 * refusal in the result; only what `offer`, `revocation` or a signer throws of its own comes out as an error.
 */
export async function provision(
  call: ProvisioningCall,
  context: ProvisioningContext,
): Promise<ProvisioningResult> {
  const { atMs } = call
  const read = readRequest(call.exiRequest, call.action, call.iso15118SchemaVersion)
  if (!read.ok) return refused(read.refusal, { atMs, correspondence: read.correspondence })
  const trust = read.request.kind === 'install' ? context.oemTrust : context.moTrust
  const verified = await verifyRequest(read.request, trust, atMs, context.revocation)
  if (!verified.ok) return refused(verified.refusal, { atMs, correspondence: read.request })
  const request = withWish(verified.request, call.wish)
  const refuse = (refusal: Refusal, retryCounter?: number) =>
    refused(refusal, { atMs, correspondence: request, request, retryCounter })

  const cps = chooseCps(context.cps, request, atMs)
  if (cps === undefined) {
    const listed = request.listedRoots.map((root) => root.X509IssuerName).join(' | ')
    return refuse({
      code: 'v2g-root-unknown',
      reason: `no valid CPS chain ends at a V2G root of the car: ${listed}`,
    })
  }
  const offer = await context.offer(request)
  if (offer.kind === 'none') return refuse({ code: offer.code, reason: offer.reason }, offer.retryCounter)
  return answer(call, { request, cps, offer, refuse })
}

async function answer(
  call: ProvisioningCall,
  parts: {
    readonly request: VerifiedRequest
    readonly cps: Cps
    readonly offer: ContractOffer
    readonly refuse: (refusal: Refusal) => ProvisioningResult
  },
): Promise<ProvisioningResult> {
  const { request, cps, offer, refuse } = parts
  const { atMs } = call
  const random = pooled(call.random)
  let contract: Contract
  try {
    contract = await takeContract(request, offer, { atMs, random })
  } catch (error) {
    if (!(error instanceof ContractError || error instanceof PkiError)) throw error
    return refuse({ code: 'contract-unfit', reason: error.message })
  }
  const remaining = Math.max(0, Math.min(255, offer.remaining ?? 0))
  let exiResponse: Uint8Array
  try {
    exiResponse = await encodeAnswer(request, { cps, contract, atMs, random, remaining })
  } finally {
    destroyContractKey(contract.key)
  }
  const limit = call.maxResponseCharacters ?? DEFAULT_MAX_RESPONSE_CHARACTERS
  const characters = base64Length(exiResponse)
  if (characters > limit) {
    return refuse({
      code: 'response-too-large',
      reason: `the answer has ${characters} characters, the station takes ${limit}`,
    })
  }
  const { emaid, chain } = contract
  return {
    outcome: 'provisioned',
    ocppStatus: 'Accepted',
    responseCode: 'OK',
    exiResponse,
    request,
    emaid,
    remaining,
    contract: chain,
  }
}

async function takeContract(
  request: VerifiedRequest,
  offer: ContractOffer,
  { atMs, random }: Pick<ProvisioningCall, 'atMs' | 'random'>,
): Promise<Contract> {
  const { source, emaid } = offer
  const { protocol } = request
  if (source.kind === 'supplied') return adoptContract(protocol, { ...source, emaid }, atMs)
  if (source.authority.protocol !== protocol) {
    throw new ContractError('authority-unfit', `The contract authority is not one of ISO ${protocol}`)
  }
  return issueContract(source.authority, {
    emaid,
    atMs,
    notAfterMs: source.notAfterMs,
    serial: source.serial,
    random,
  })
}

function refused(
  refusal: Refusal,
  known: {
    readonly atMs: number
    readonly correspondence: Correspondence | undefined
    readonly request?: VerifiedRequest
    readonly retryCounter?: number | undefined
  },
): ProvisioningResult {
  const { correspondence, atMs, request, retryCounter } = known
  const { ocppStatus } = REFUSALS[refusal.code]
  if (correspondence === undefined) {
    return {
      outcome: 'refused',
      ocppStatus: 'Failed',
      refusal,
      responseCode: undefined,
      exiResponse: undefined,
      request,
    }
  }
  const responseCode = responseCodeOf(refusal, correspondence.protocol)
  const exiResponse = encodeRefusal(correspondence, refusal, atMs, retryCounter)
  return { outcome: 'refused', ocppStatus, refusal, responseCode, exiResponse, request }
}

/** What one answer needs at most: two scalars of P-521 with their surplus, a serial number and an IV. */
const RANDOM_OCTETS = 256

/** Asks the source once instead of four times; what was given out is overwritten in the pool. */
function pooled(random: RandomSource): RandomSource {
  let pool = new Uint8Array(0)
  return (octetCount) => {
    if (pool.length < octetCount) pool = Uint8Array.from(random(Math.max(RANDOM_OCTETS, octetCount)))
    const taken = pool.slice(0, octetCount)
    pool.fill(0, 0, octetCount)
    pool = pool.subarray(octetCount)
    return taken
  }
}

function base64Length(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / 3) * 4
}
