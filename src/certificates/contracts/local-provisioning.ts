import { createHash } from 'node:crypto'
import {
  type Certificate,
  type InstallationWish,
  type ProvisioningResult,
  protocolOf,
  provision,
  type VerifiedRequest,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Provisioned } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import { toIssuedRecord } from '../issued.ts'
import type { Chosen, OffersOptions } from './offers.ts'
import { chooseOffer, contractProfile, sessionKeyOf } from './offers.ts'
import type { ContractPolicy } from './policy.ts'
import type { Revocations } from './revocation.ts'
import type { SigningIdentity } from './signing-identity.ts'
import type { TrustPool } from './trust.ts'

export interface LocalProvisioningOptions extends OffersOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly trust: TrustPool
  readonly identity: SigningIdentity
  readonly revocations: Revocations
  readonly policy: ContractPolicy
}

export interface CarRequest {
  readonly action: 'Install' | 'Update'
  readonly schemaVersion: string
  readonly exiRequest: Uint8Array
  /** What OCPP 2.1 says of a -20 request beside it. */
  readonly wish?: InstallationWish
  /** Over all of the above; where identical requests ask for one contract after the other, also which it is. */
  readonly requestHash: string
  readonly maxResponseCharacters: number
}

export interface LocalOutcome {
  readonly result: ProvisioningResult
  readonly contractId: string | undefined
  readonly fingerprint: string | undefined
  /** Certificates of the car's chain that nobody vouched for and that policy let pass. */
  readonly unchecked: readonly string[]
}

/** The contract was suspended, terminated or used up while its answer was made; the car may ask again. */
export class ContractChanged extends Error {
  readonly code = 'contract-changed'
}

/**
 * Answers from our own pool. What is on offer leaves only after certificate, contract and answer are on disk; what
 * `note` writes about it (the audit trail) is part of the same wait.
 */
export async function provisionLocally(
  options: LocalProvisioningOptions,
  request: CarRequest,
  note: (outcome: LocalOutcome) => Promise<unknown>,
): Promise<LocalOutcome> {
  const { clock, random, trust, identity, revocations, policy } = options
  const atMs = clock.now()
  const protocol = protocolOf(request.schemaVersion)
  const unchecked: string[] = []
  const withoutResponder =
    request.action === 'Install' ? policy.oemWithoutResponder : policy.contractWithoutResponder
  const revocation = async (certificate: Certificate, issuer: Certificate) => {
    const { verdict, basis } = await revocations.ofCertificate(certificate, issuer, withoutResponder)
    if (basis === 'policy' && verdict.kind === 'good') unchecked.push(certificate.subjectText)
    return verdict
  }
  let chosen: Chosen | undefined
  try {
    const result = await provision(
      {
        exiRequest: request.exiRequest,
        action: request.action,
        iso15118SchemaVersion: request.schemaVersion,
        atMs,
        random,
        maxResponseCharacters: request.maxResponseCharacters,
        ...(request.wish === undefined ? {} : { wish: request.wish }),
      },
      {
        oemTrust: trust.oem,
        moTrust: trust.contracts,
        cps: protocol === undefined ? [] : await identity.cps(protocol),
        revocation,
        offer: async (verified) => {
          const found = await chooseOffer(options, verified, atMs)
          chosen = found.chosen
          return found.offer
        },
      },
    )
    const contractId = chosen?.contract.id
    if (result.outcome === 'refused' || !chosen) {
      const outcome = { result, contractId, fingerprint: undefined, unchecked }
      await note(outcome)
      return outcome
    }
    const provisioned = toProvisioned(options, request, { result, chosen, atMs })
    const { fingerprint } = provisioned.certificate
    const outcome = { result, contractId, fingerprint, unchecked }
    const [isRecorded] = await Promise.all([
      options.store.contracts.recordProvisioned(provisioned),
      note(outcome),
    ])
    if (!isRecorded) throw new ContractChanged(`The contract ${contractId} changed while its answer was made`)
    return outcome
  } finally {
    chosen?.wipe()
  }
}

function toProvisioned(
  { policy }: LocalProvisioningOptions,
  { requestHash }: CarRequest,
  made: {
    readonly result: ProvisioningResult & { readonly outcome: 'provisioned' }
    readonly chosen: Chosen
    readonly atMs: number
  },
): Provisioned {
  const { result, chosen, atMs } = made
  const { authorityId, contract } = chosen
  const [leaf] = result.contract
  if (!leaf) throw new Error('A provisioned contract has a certificate')
  const at = new Date(atMs).toISOString()
  return {
    contractId: contract.id,
    state: stateAfter(result.request),
    certificate: {
      fingerprint: leaf.fingerprint,
      contractId: contract.id,
      authorityId,
      serialNumber: leaf.serialHex,
      issuerKeyHash: issuerKeyHashOf(result.contract),
      notAfter: new Date(leaf.notAfterMs).toISOString(),
      issuedAt: at,
      usedAt: null,
    },
    issued: authorityId === null ? null : issuedRecord(leaf, authorityId, result.request),
    answer: {
      requestHash,
      contractId: contract.id,
      provider: null,
      sessionKey: sessionKeyOf(result.request),
      exiResponse: result.exiResponse,
      at,
      expiresAt: new Date(atMs + policy.answerLifeMs).toISOString(),
    },
  }
}

function stateAfter(request: VerifiedRequest): 'installed' | 'updated' {
  return request.kind === 'install' ? 'installed' : 'updated'
}

function issuedRecord(leaf: Certificate, authorityId: string, { protocol }: VerifiedRequest) {
  return toIssuedRecord(leaf, { authorityId, profile: contractProfile(protocol), stationId: null })
}

/** Empty where the chain carries no issuer: a contract directly below its root. */
function issuerKeyHashOf([, issuer]: readonly Certificate[]): string {
  return issuer === undefined ? '' : createHash('sha256').update(issuer.publicKey.keyBits).digest('hex')
}
