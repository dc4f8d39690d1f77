import { createHash } from 'node:crypto'
import { PkiError } from './errors.ts'
import { type CertificateStatus, type OcspResponder, ocspErrorResponse, type StatusEntry } from './ocsp.ts'
import { type CertId, certIdIssuerKey, parseOcspRequest } from './ocsp-request.ts'

export interface KnownStatus {
  readonly status: CertificateStatus
  readonly thisUpdateMs: number
  readonly nextUpdateMs?: number
}

export interface OcspService {
  /** Responders under every key of `issuerLookupKeys` of their CA. */
  readonly responders: ReadonlyMap<string, OcspResponder>
  /** Status of a serial number under one of our CAs; `unknown` for a number that was never issued. */
  readonly statusOf: (responder: OcspResponder, serialHex: string) => KnownStatus
  /** Whether a nonce is echoed. Without, answers can be signed ahead and cached (RFC 5019 4). */
  readonly echoNonce: boolean
}

const NEVER_OURS: CertificateStatus = { kind: 'unknown' }

function entryFor(service: OcspService, signer: OcspResponder, certId: CertId, atMs: number): StatusEntry {
  const responder = service.responders.get(certIdIssuerKey(certId))
  // One signature covers all entries, and a delegate speaks for its own CA only: what is of another CA is unknown to it.
  if (responder !== signer) return { certId, status: NEVER_OURS, thisUpdateMs: atMs }
  return { certId, ...service.statusOf(signer, certId.serialHex) }
}

/**
 * Answers one OCSP request: `malformedRequest` for what cannot be read, `unauthorized` when none of the certificates
 * is of our CAs (RFC 5019 2.2.3), otherwise a signed answer about every certificate asked for, by the CA of the
 * first one that is ours. Never throws for what the request contains.
 */
export function answerOcspRequest(
  der: Uint8Array,
  service: OcspService,
  atMs: number,
): Uint8Array | Promise<Uint8Array> {
  try {
    const request = parseOcspRequest(der)
    let signer: OcspResponder | undefined
    for (const certId of request.certIds) signer ??= service.responders.get(certIdIssuerKey(certId))
    if (signer === undefined) return ocspErrorResponse('unauthorized')
    const responder = signer
    return responder.respond({
      entries: request.certIds.map((certId) => entryFor(service, responder, certId, atMs)),
      producedAtMs: atMs,
      nonce: service.echoNonce ? request.nonce : undefined,
    })
  } catch (error) {
    if (error instanceof PkiError && error.code === 'ocsp-malformed')
      return ocspErrorResponse('malformedRequest')
    throw error
  }
}

/** RFC 5019 5: requests above this go by POST, so a longer path is not one. */
const MAX_GET_CHARACTERS = 4096

/**
 * The request inside a GET path (RFC 6960 A.1): URL-encoded base64 of the DER after the responder's own path.
 * `undefined` when it is not that; the caller answers `malformedRequest`.
 */
export function decodeOcspPath(encoded: string): Uint8Array | undefined {
  if (encoded.length > MAX_GET_CHARACTERS) return undefined
  let text: string
  try {
    text = decodeURIComponent(encoded)
  } catch {
    return undefined
  }
  if (text.length === 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}

export interface OcspCacheHeaders {
  readonly 'cache-control': string
  readonly etag?: string
  readonly expires?: string
  readonly 'last-modified'?: string
}

/** Cache headers of RFC 5019 6.2 for an answer without nonce; anything else must not be stored. */
export function ocspCacheHeaders(
  response: Uint8Array,
  freshness:
    | { readonly thisUpdateMs: number; readonly nextUpdateMs: number; readonly hasNonce: boolean }
    | undefined,
  atMs: number,
): OcspCacheHeaders {
  const maxAge = freshness === undefined ? 0 : Math.floor((freshness.nextUpdateMs - atMs) / 1000)
  if (freshness === undefined || freshness.hasNonce || maxAge <= 0) return { 'cache-control': 'no-store' }
  return {
    'cache-control': `max-age=${maxAge}, public, no-transform, must-revalidate`,
    etag: `"${createHash('sha256').update(response).digest('hex')}"`,
    expires: new Date(freshness.nextUpdateMs).toUTCString(),
    'last-modified': new Date(freshness.thisUpdateMs).toUTCString(),
  }
}
