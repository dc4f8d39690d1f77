import {
  type CertId,
  type CertificateStatus,
  certIdFromHashData,
  certIdIssuerKey,
  createOcspResponder,
  issuerLookupKeys,
  type OcspResponder,
  ocspErrorResponse,
  PkiError,
  parseOcspRequest,
  REVOCATION_REASONS,
  type RevocationReason,
  type StatusEntry,
} from '../../pki/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { OCSPRequestDataType } from '../ocpp/v201/messages.generated.ts'
import type { IssuedCertificate } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import type { Authority } from './hierarchy.ts'

/** How long an answer may be believed: stations refresh at least weekly (M06.FR.10), revocation should show within a day. */
const ANSWER_LIFE_MS = 24 * 3_600_000

/** Largest ocspResult of OCPP 2.0.1 GetCertificateStatusResponse. */
const MAX_OCSP_RESULT_CHARACTERS = 5500

export interface OcspStatusOptions {
  readonly store: Store
  readonly clock: Clock
  readonly authorities: ReadonlyMap<string, Authority>
}

interface OwnIssuer {
  readonly authorityId: string
  readonly responder: OcspResponder
}

/** Signed OCSP answers for the certificates of our own authorities (RFC 6960). */
export class OcspStatus {
  readonly #options: OcspStatusOptions
  /** By hash of issuer name and key, for every hash algorithm a request may use. */
  readonly #issuers = new Map<string, OwnIssuer>()

  constructor(options: OcspStatusOptions) {
    this.#options = options
    for (const [authorityId, { certificate, issuer }] of options.authorities) {
      const responder = createOcspResponder({ issuer: certificate, signer: issuer.signer })
      for (const key of issuerLookupKeys(certificate)) this.#issuers.set(key, { authorityId, responder })
    }
  }

  /** GetCertificateStatus (M06): `Failed` where the certificate's issuer is not ours. */
  async forStation(data: OCSPRequestDataType) {
    let certId: CertId
    try {
      certId = certIdFromHashData(data)
    } catch (error) {
      if (!(error instanceof PkiError)) throw error
      return { status: 'Failed', reasonCode: 'InvalidHashData', detail: error.message } as const
    }
    const issuer = this.#issuers.get(certIdIssuerKey(certId) ?? '')
    if (!issuer) {
      return {
        status: 'Failed',
        reasonCode: 'UnknownIssuer',
        detail: 'The certificate was issued by an authority that is not ours',
      } as const
    }
    const response = await this.#answer(issuer, [certId])
    const ocspResult = Buffer.from(response).toString('base64')
    if (ocspResult.length > MAX_OCSP_RESULT_CHARACTERS) {
      return {
        status: 'Failed',
        reasonCode: 'AnswerTooLong',
        detail: `The OCSP response has ${ocspResult.length} characters`,
      } as const
    }
    return { status: 'Accepted', ocspResult } as const
  }

  /** The HTTP responder: request DER in, response DER out. Requests that cannot be read get the error RFC 6960 names. */
  async respond(requestDer: Uint8Array): Promise<Uint8Array> {
    try {
      const request = parseOcspRequest(requestDer)
      const issuers = request.certIds.map((certId) => this.#issuers.get(certIdIssuerKey(certId) ?? ''))
      const [issuer] = issuers
      // One response has one signer: an answer about another CA's certificates would not be believed.
      if (!issuer || issuers.some((other) => other?.authorityId !== issuer.authorityId))
        return ocspErrorResponse('unauthorized')
      return await this.#answer(issuer, request.certIds, request.nonce)
    } catch (error) {
      if (error instanceof PkiError && error.code === 'ocsp-malformed')
        return ocspErrorResponse('malformedRequest')
      throw error
    }
  }

  async #answer(issuer: OwnIssuer, certIds: readonly CertId[], nonce?: Uint8Array): Promise<Uint8Array> {
    const now = this.#options.clock.now()
    const entries = await Promise.all(
      certIds.map(async (certId): Promise<StatusEntry> => {
        const record = await this.#options.store.certificates.bySerial(issuer.authorityId, certId.serialHex)
        return { certId, status: statusOf(record), thisUpdateMs: now, nextUpdateMs: now + ANSWER_LIFE_MS }
      }),
    )
    return issuer.responder.respond({ entries, producedAtMs: now, nonce })
  }
}

function statusOf(record: IssuedCertificate | undefined): CertificateStatus {
  if (!record) return { kind: 'unknown' }
  if (record.revokedAt === null) return { kind: 'good' }
  return { kind: 'revoked', atMs: Date.parse(record.revokedAt), reason: toReason(record.revocationReason) }
}

function toReason(reason: string | null): RevocationReason {
  return reason !== null && reason in REVOCATION_REASONS ? (reason as RevocationReason) : 'unspecified'
}
