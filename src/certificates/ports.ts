/** Port: what the OCPP side asks of the certificate side. */

import type { OCSPRequestDataType, SignCertificateRequest } from '../ocpp/v201/messages.generated.ts'
import type { Station } from '../store/stations.ts'

export interface StationCertificates {
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
   * `chainDer`: leaf first, as the peer sent it.
   */
  verifyStationCertificate(
    station: Station,
    chainDer: readonly Uint8Array[],
  ): Promise<
    | { readonly ok: true; readonly fingerprint: string }
    | { readonly ok: false; readonly reasonCode: string; readonly detail: string }
  >
}
