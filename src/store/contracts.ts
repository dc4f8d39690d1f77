/**
 * Port: charging contracts, the vehicles that may get them, and the authorities that vouch for both.
 * Identifiers arrive normalised: eMAID and PCID in upper case without separators. A contract is found by the first
 * 14 characters of its eMAID, because the check digit adds nothing to the identity.
 */

import type { IssuedCertificate } from './certificates.ts'
import type { TrustStore } from './trust-pool.ts'

export type {
  TrustedCertificate,
  TrustProposal,
  TrustUsage,
  VehicleRecord,
} from './trust-pool.ts'

/** `offered`: the car may fetch it; `installed`, `updated`: it did; `suspended`: not for now; `terminated`: for good. */
export type ContractState = 'offered' | 'installed' | 'updated' | 'suspended' | 'terminated'

/** `issue`: our MO authority makes key and certificate when the car asks; `import`: both were made elsewhere. */
export type ContractSource = 'issue' | 'import'

export interface ContractRecord {
  readonly id: string
  readonly emaid: string
  readonly pcid: string
  readonly state: ContractState
  /** What a suspended contract returns to; null otherwise. */
  readonly stateBefore: ContractState | null
  /** Smaller numbers are offered first. */
  readonly priority: number
  readonly source: ContractSource
  /** ISO 15118 protocol that an imported key fits; null where any does. */
  readonly protocol: '15118-2' | '15118-20' | null
  /** End of the contract itself: no certificate outlives it. */
  readonly validUntil: string | null
  /** PEM of an imported certificate with its sub-CAs, leaf first. */
  readonly importedChainPem: string | null
  /** Private key of an imported contract under our key; null once it was used, and for contracts of our own. */
  readonly wrappedKey: string | null
  /** Fingerprint of the certificate that was issued last. */
  readonly fingerprint: string | null
  readonly certificateNotAfter: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

/** A contract certificate that left for a car. */
export interface ContractCertificate {
  readonly fingerprint: string
  readonly contractId: string
  /** Our authority; null for an imported one. */
  readonly authorityId: string | null
  /** Lower-case hex without leading zeros. */
  readonly serialNumber: string
  /** SHA-256 over the issuer's public key, hex: tells certificates of equal serial number apart. */
  readonly issuerKeyHash: string
  readonly notAfter: string
  readonly issuedAt: string
  /** First time a car charged with it; the certificates before it are superseded then. */
  readonly usedAt: string | null
}

export interface ProvisioningAnswer {
  /** SHA-256 over the request as the car sent it, with action and schema; hex. */
  readonly requestHash: string
  /** Null where a hosted pool answered. */
  readonly contractId: string | null
  /** Name of the hosted pool that answered; null where ours did. */
  readonly provider: string | null
  /**
   * Requests of one car in one ISO 15118-20 session belong together: that is how several contracts are handed out.
   * Empty for -2, where a car gets one.
   */
  readonly sessionKey: string
  readonly exiResponse: Uint8Array
  readonly at: string
  /** Kept until then. */
  readonly expiresAt: string
}

export interface Provisioned {
  readonly contractId: string
  readonly state: 'installed' | 'updated'
  readonly certificate: ContractCertificate
  /** The row of the certificate where our own authority issued it. */
  readonly issued: IssuedCertificate | null
  readonly answer: ProvisioningAnswer
}

/** One more answer of a hosted pool, for the car's next request in its session. */
export interface WaitingAnswer {
  readonly provider: string
  readonly sessionKey: string
  readonly exiResponse: Uint8Array
  readonly expiresAt: string
}

export interface ContractFilter {
  readonly pcid?: string
  readonly emaid?: string
  readonly state?: ContractState
  /** Only ids greater than this one: the cursor of a page. */
  readonly after?: string
  readonly limit?: number
}

export interface ContractStore extends TrustStore {
  /** False where the vehicle has a living contract for the same account already; nothing was changed then. */
  create(contract: ContractRecord): Promise<boolean>
  get(id: string): Promise<ContractRecord | undefined>
  list(filter?: ContractFilter): Promise<readonly ContractRecord[]>
  /** Living contracts of a vehicle in the order in which they are offered. */
  forVehicle(pcid: string): Promise<readonly ContractRecord[]>
  /** Every contract of an account, terminated ones too. */
  forAccount(emaid: string): Promise<readonly ContractRecord[]>
  /**
   * Changes what is given. False where the contract is not in one of `from` any more. `terminated` forgets the
   * wrapped key.
   */
  change(
    id: string,
    from: readonly ContractState[],
    change: {
      readonly state?: ContractState
      readonly priority?: number
      readonly validUntil?: string | null
    },
    at: string,
  ): Promise<boolean>
  /**
   * All of it in one transaction: the certificate, the state of the contract, the end of an imported key, the answer.
   * False, and nothing changed, where the contract was suspended or terminated meanwhile, or its key is used up.
   */
  recordProvisioned(provisioned: Provisioned): Promise<boolean>
  /**
   * A kept answer that has not expired at `at`: of a hosted pool, or of a contract that is neither suspended nor
   * terminated.
   */
  answer(requestHash: string, at: string): Promise<ProvisioningAnswer | undefined>
  /** Contracts that were handed out in a session, oldest first; as often as they were. */
  answeredInSession(sessionKey: string, at: string): Promise<readonly string[]>
  /** How many answers of any kind a session got. */
  answersInSession(sessionKey: string, at: string): Promise<number>
  /** The answer of a hosted pool that leaves now, and those that wait, which replace what waited before; in one transaction. */
  recordProviderAnswer(answer: ProvisioningAnswer, waiting: readonly WaitingAnswer[]): Promise<void>
  /** Takes the next waiting answer of a session, as the answer to this request; in one transaction. */
  takeWaitingAnswer(taken: {
    readonly sessionKey: string
    readonly requestHash: string
    readonly at: string
  }): Promise<{ readonly answer: ProvisioningAnswer; readonly waiting: number } | undefined>
  /** Writes serial numbers down before certificates are signed for them. */
  reserveSerials(serials: {
    readonly authorityId: string
    readonly serialNumbers: readonly string[]
    readonly profile: string
    readonly at: string
  }): Promise<void>
  /** Forgets reserved numbers that were never used. */
  releaseSerials(authorityId: string, serialNumbers: readonly string[]): Promise<void>
  pruneAnswers(at: string): Promise<number>
  certificates(contractId: string): Promise<readonly ContractCertificate[]>
  certificate(fingerprint: string): Promise<ContractCertificate | undefined>
  /** Of our authority, or imported ones for null. */
  certificatesBySerial(
    serialNumber: string,
    authorityId: string | null,
  ): Promise<readonly ContractCertificate[]>
  /** False where it was used before. */
  markUsed(fingerprint: string, at: string): Promise<boolean>
}
