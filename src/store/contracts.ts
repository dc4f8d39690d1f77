/**
 * Port: charging contracts, the vehicles that may get them, and the authorities that vouch for both.
 * Identifiers arrive normalised: eMAID and PCID in upper case without separators. A contract is found by the first
 * 14 characters of its eMAID, because the check digit adds nothing to the identity.
 */

import type { IssuedCertificate } from './certificates.ts'

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
  readonly contractId: string
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

export interface VehicleRecord {
  readonly pcid: string
  /** `blocked`: gets no contract, whatever is on offer. */
  readonly state: 'active' | 'blocked'
  readonly description: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

/** Whose word counts for what: cars (OEM), contracts (MO, V2G). */
export type TrustUsage = 'OEM' | 'MO' | 'V2G'

/** Roots are anchors, everything else helps to build chains. */
export interface TrustedCertificate {
  readonly fingerprint: string
  readonly usage: TrustUsage
  readonly subject: string
  readonly isRoot: boolean
  readonly notAfter: string
  readonly der: Uint8Array
  readonly createdAt: string
}

export interface ContractFilter {
  readonly pcid?: string
  readonly emaid?: string
  readonly state?: ContractState
  /** Only ids greater than this one: the cursor of a page. */
  readonly after?: string
  readonly limit?: number
}

export interface ContractStore {
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
  /** A kept answer that has not expired at `at`, of a contract that is neither suspended nor terminated. */
  answer(requestHash: string, at: string): Promise<ProvisioningAnswer | undefined>
  /** Contracts that were handed out in a session, oldest first. */
  answeredInSession(sessionKey: string, at: string): Promise<readonly string[]>
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
  putVehicle(vehicle: VehicleRecord): Promise<{ readonly created: boolean }>
  vehicle(pcid: string): Promise<VehicleRecord | undefined>
  vehicles(filter?: { readonly after?: string; readonly limit?: number }): Promise<readonly VehicleRecord[]>
  removeVehicle(pcid: string): Promise<boolean>
  putTrusted(certificate: TrustedCertificate): Promise<{ readonly created: boolean }>
  trusted(): Promise<readonly TrustedCertificate[]>
  removeTrusted(usage: TrustUsage, fingerprint: string): Promise<boolean>
}
