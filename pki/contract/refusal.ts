import type { Protocol, ResponseCode2, ResponseCode20 } from '../exi/index.ts'

/** Why a car gets no contract certificate. Each is a row of the table below. */
export type RefusalCode =
  | 'request-unreadable'
  | 'schema-unsupported'
  | 'action-mismatch'
  | 'signature-invalid'
  | 'chain-invalid'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-revoked'
  | 'revocation-unknown'
  | 'key-usage'
  | 'key-unsupported'
  | 'identity-invalid'
  | 'identity-mismatch'
  | 'v2g-root-unknown'
  | 'contract-missing'
  | 'contract-canceled'
  | 'contract-unfit'
  | 'response-too-large'

export interface Refusal {
  readonly code: RefusalCode
  /** What was wrong, for the log and the audit trail; the car sees only the response code. */
  readonly reason: string
}

interface RefusalRow {
  readonly '15118-2': ResponseCode2
  readonly '15118-20': ResponseCode20
  /**
   * How the answer travels in OCPP. Stations forward `exiResponse` only inside Accepted; under Failed they make up a
   * plain FAILED of their own. So a refusal that has something to say to the car is Accepted, and one that is the
   * service's or the station's trouble is Failed, where the operator of the station sees it.
   */
  readonly ocppStatus: 'Accepted' | 'Failed'
}

/**
 * The one policy of what a car and its station are told. -20 has WARNING codes for the state of certificates, with
 * which the car may go on and pay in another way; only what breaks the session there is FAILED.
 */
export const REFUSALS: Readonly<Record<RefusalCode, RefusalRow>> = {
  'request-unreadable': row('FAILED', 'FAILED', 'Failed'),
  'schema-unsupported': row('FAILED', 'FAILED', 'Failed'),
  'action-mismatch': row('FAILED_SequenceError', 'FAILED_SequenceError', 'Accepted'),
  'signature-invalid': row('FAILED_SignatureError', 'FAILED_SignatureError', 'Accepted'),
  'chain-invalid': row('FAILED_CertChainError', 'WARNING_CertificateValidationError', 'Accepted'),
  'certificate-expired': row('FAILED_CertificateExpired', 'WARNING_CertificateExpired', 'Accepted'),
  'certificate-not-yet-valid': row('FAILED_CertChainError', 'WARNING_CertificateNotYetValid', 'Accepted'),
  'certificate-revoked': row('FAILED_CertificateRevoked', 'WARNING_CertificateRevoked', 'Accepted'),
  'revocation-unknown': row('FAILED_CertChainError', 'WARNING_CertificateValidationError', 'Accepted'),
  'key-usage': row('FAILED_CertChainError', 'WARNING_CertificateValidationError', 'Accepted'),
  'key-unsupported': row('FAILED_CertChainError', 'FAILED', 'Accepted'),
  'identity-invalid': row('FAILED_CertChainError', 'WARNING_CertificateValidationError', 'Accepted'),
  'identity-mismatch': row(
    'FAILED_NoCertificateAvailable',
    'WARNING_NoContractMatchingPCIDFound',
    'Accepted',
  ),
  'v2g-root-unknown': row('FAILED_NoCertificateAvailable', 'WARNING_NoCertificateAvailable', 'Accepted'),
  'contract-missing': row('FAILED_NoCertificateAvailable', 'WARNING_NoContractMatchingPCIDFound', 'Accepted'),
  'contract-canceled': row('FAILED_ContractCanceled', 'WARNING_NoContractMatchingPCIDFound', 'Accepted'),
  'contract-unfit': row('FAILED_NoCertificateAvailable', 'FAILED', 'Failed'),
  'response-too-large': row('FAILED', 'FAILED', 'Failed'),
}

function row(code2: ResponseCode2, code20: ResponseCode20, ocppStatus: 'Accepted' | 'Failed'): RefusalRow {
  return { '15118-2': code2, '15118-20': code20, ocppStatus }
}

/** The ISO 15118 response code of a refusal. */
export function responseCodeOf<P extends Protocol>(refusal: Refusal, protocol: P): RefusalRow[P] {
  return REFUSALS[refusal.code][protocol]
}
