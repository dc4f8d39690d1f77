/** Port: what the OCPP side asks of the certificate side. */

import type {
  Get15118EVCertificateRequest,
  OCSPRequestDataType,
  SignCertificateRequest,
} from '../ocpp/v201/messages.generated.ts'
import type { Station } from '../store/stations.ts'

export interface StationCertificates {
  /** Absent: this service has no contract pool. */
  readonly contracts?: VehicleContracts
  /** Checks a CSR and opens (or finds again) its order; the certificate follows by CertificateSigned (A02/A03). */
  requestSigning(
    station: Station,
    request: SignCertificateRequest,
  ): Promise<
    | { readonly status: 'Accepted' }
    | { readonly status: 'Rejected'; readonly reasonCode: string; readonly detail: string }
  >
  /** A DER OCSPResponse in base64, or why there is none (M06). */
  certificateStatus(
    data: OCSPRequestDataType,
  ): Promise<
    | { readonly status: 'Accepted'; readonly ocspResult: string }
    | { readonly status: 'Failed'; readonly reasonCode: string; readonly detail: string }
  >
  /**
   * Judges the certificate that a station presented in its TLS handshake (security profile 3): chain to our
   * station authorities, validity, revocation, O and CN against the station (A00.FR.403-405).
   * `chainDer`: leaf first, as the peer sent it. `atMs`: judged as of then; now where it is left out.
   */
  verifyStationCertificate(
    station: Station,
    chainDer: readonly Uint8Array[],
    atMs?: number,
  ): Promise<
    /** `onlyToRenew`: it may wait as Pending for a new certificate and do nothing else (A00.FR.429). */
    | { readonly ok: true; readonly fingerprint: string; readonly onlyToRenew?: true }
    | { readonly ok: false; readonly reasonCode: string; readonly detail: string }
  >
  /** Hash of a password that the station may have taken without its answer reaching us (A01). */
  passwordCandidate?(stationId: string): Promise<string | undefined>
  /** The station has shown that it uses the candidate: it replaces the old password. */
  adoptPassword?(stationId: string): Promise<void>
}

/** What a car's request becomes: `exiResponse` in base64, empty where there is nothing to say to the car. */
export interface EvCertificateAnswer {
  readonly status: 'Accepted' | 'Failed'
  readonly exiResponse: string
  /** Contracts that the car can still ask for (OCPP 2.1). */
  readonly remainingContracts?: number
  readonly reasonCode?: string
  readonly detail?: string
}

/** With what OCPP 2.1 adds in an ISO 15118-20 session; a station of 2.0.1 cannot say it. */
export type EvCertificateRequest = Get15118EVCertificateRequest & {
  readonly maximumContractCertificateChains?: number
  readonly prioritizedEMAIDs?: readonly string[]
}

/** What a car presents to charge with its contract (C07): the chain, or only hashes of its certificates. */
export interface PresentedContract {
  readonly stationId: string
  readonly emaid: string
  /** PEM, leaf first. Where it is there, the hashes say nothing more. */
  readonly certificatePem?: string
  readonly hashData?: readonly OCSPRequestDataType[]
}

export type ContractJudgement =
  /** `contractStatus`: the contract itself may not be used, whatever its certificate says. */
  | { readonly kind: 'valid'; readonly contractStatus?: 'Blocked' | 'Expired' | 'Invalid' }
  | { readonly kind: 'expired' | 'revoked' | 'unverifiable'; readonly detail: string }

/** Contracts of cars: handed out through stations, and judged when a car wants to charge. */
export interface VehicleContracts {
  /** Get15118EVCertificate (M01, M02); always answers within the car's patience. */
  provide(stationId: string, request: EvCertificateRequest): Promise<EvCertificateAnswer>
  judge(presented: PresentedContract): Promise<ContractJudgement>
  account(emaid: string): Promise<AccountStanding>
}

/** What the contract pool knows of an eMAID, certificates aside. */
export interface AccountStanding {
  /** Undefined where the pool has no contract for it. */
  readonly status: 'Accepted' | 'Blocked' | 'Expired' | 'Invalid' | undefined
  /** As others may have written it: with and without hyphens and check digit. */
  readonly spellings: readonly string[]
}
