import {
  type CertId,
  type Certificate,
  certIdFromHashData,
  certIdIssuerKey,
  PkiError,
} from '../../../pki/index.ts'
import type { OCSPRequestDataType } from '../../ocpp/v201/messages.generated.ts'
import type { StationCertificates } from '../ports.ts'
import type { ForeignRevocation } from './foreign-revocation.ts'

/** Largest ocspResult of OCPP 2.0.1 GetCertificateStatusResponse. */
const MAX_OCSP_RESULT_CHARACTERS = 5500
const DEADLINE_MS = 10_000

type StatusAnswer = Awaited<ReturnType<StationCertificates['certificateStatus']>>

export interface ForeignStatusOptions {
  readonly foreign: ForeignRevocation
  /** The certificate that the hashes of a question name, if it is one that we trust. */
  issuer(issuerKey: string): Promise<Certificate | undefined>
}

/**
 * GetCertificateStatus about certificates that others issued: their responder is asked in the station's place. Only
 * under issuers that we know, because an answer that nobody can verify is worth nothing.
 */
export async function foreignStatus(
  { foreign, issuer: find }: ForeignStatusOptions,
  data: OCSPRequestDataType,
): Promise<StatusAnswer> {
  const refused = (reasonCode: string, detail: string): StatusAnswer => ({
    status: 'Failed',
    reasonCode,
    detail,
  })
  let certId: CertId
  try {
    certId = certIdFromHashData(data)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refused('InvalidHashData', error.message)
  }
  const issuer = await find(certIdIssuerKey(certId) ?? '')
  if (!issuer)
    return refused('UnknownIssuer', 'The certificate was issued by an authority that is not known here')
  const urls = [...new Set([data.responderURL])].filter((url) => url !== '')
  const response = await foreign.response({ certId, issuer, urls, deadlineMs: DEADLINE_MS })
  if (!response) return refused('NoAnswer', 'No allowed responder gave an answer that can be verified')
  const ocspResult = Buffer.from(response).toString('base64')
  return ocspResult.length > MAX_OCSP_RESULT_CHARACTERS
    ? refused('AnswerTooLong', `The OCSP response has ${ocspResult.length} characters`)
    : { status: 'Accepted', ocspResult }
}
