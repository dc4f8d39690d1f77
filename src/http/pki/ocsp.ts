/** OCSP over HTTP (RFC 6960 appendix A, RFC 5019), below the framework: this is what the whole world polls. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PkiServices, PublishedAnswer } from './services.ts'

export const OCSP_REQUEST = 'application/ocsp-request'
export const OCSP_RESPONSE = 'application/ocsp-response'
/** Requests for many certificates stay far below. */
export const MAX_OCSP_BYTES = 16 * 1024
const PATH = '/ocsp'

export interface OcspHandler {
  /** Answers and says true, or says false where the request is none for OCSP. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
}

export function createOcspHandler(
  services: Pick<PkiServices, 'ocsp' | 'now'>,
  onError: (error: unknown) => void,
): OcspHandler {
  const answer = (der: Uint8Array, request: IncomingMessage, response: ServerResponse): void => {
    try {
      const result = services.ocsp(der)
      if (result instanceof Promise)
        result.then(
          (value) => send(services.now(), value, request, response),
          (error: unknown) => fail(error, response),
        )
      else send(services.now(), result, request, response)
    } catch (error) {
      fail(error, response)
    }
  }
  const fail = (error: unknown, response: ServerResponse): void => {
    onError(error)
    if (!response.headersSent) refuse(response, 500, 'The responder failed\n')
  }
  return {
    handle(request, response) {
      const url = request.url ?? ''
      if (!url.startsWith(PATH)) return false
      if (request.method === 'GET' && url.startsWith(`${PATH}/`)) {
        answer(fromPath(url.slice(PATH.length + 1)), request, response)
        return true
      }
      if (url !== PATH && url !== `${PATH}/`) return false
      if (request.method !== 'POST') {
        response.setHeader('allow', 'POST, GET')
        refuse(response, 405, 'Send the request by POST, or by GET with the request in the path\n')
        return true
      }
      if (mediaType(request) !== OCSP_REQUEST) {
        refuse(response, 415, `Send an OCSP request as ${OCSP_REQUEST}\n`)
        return true
      }
      readBody(request, response, (der) => answer(der, request, response))
      return true
    },
  }
}

function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** Base64 of the request, percent-encoded or not; what cannot be decoded is answered as malformed. */
function fromPath(path: string): Uint8Array {
  try {
    const text = decodeURIComponent(path)
    return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : NOTHING
  } catch {
    return NOTHING
  }
}

const NOTHING = new Uint8Array(0)

function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  done: (body: Uint8Array) => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_OCSP_BYTES) chunks.push(chunk)
    else if (!response.headersSent) {
      response.setHeader('connection', 'close')
      refuse(response, 413, `An OCSP request may have ${MAX_OCSP_BYTES} octets\n`)
    }
  })
  request.on('end', () => {
    if (response.headersSent) return
    const [only] = chunks
    done(chunks.length === 1 && only ? only : Buffer.concat(chunks))
  })
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Header values that stay the same for one signed answer. */
const dates = new WeakMap<PublishedAnswer, { readonly lastModified: string; readonly expires: string }>()

function send(
  nowMs: number,
  result: PublishedAnswer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { der, caching } = result
  if (caching === undefined) {
    response.writeHead(200, [
      'content-type',
      OCSP_RESPONSE,
      'content-length',
      String(der.length),
      'cache-control',
      'no-store',
    ])
    response.end(der)
    return
  }
  let known = dates.get(result)
  if (known === undefined) {
    known = {
      lastModified: new Date(caching.producedAtMs).toUTCString(),
      expires: new Date(caching.expiresAtMs).toUTCString(),
    }
    dates.set(result, known)
  }
  // RFC 5019 6.2: no longer than the answer holds, and nobody may change it on the way.
  const maxAgeS = Math.max(0, Math.floor((caching.expiresAtMs - nowMs) / 1000))
  const unchanged = request.method === 'GET' && request.headers['if-none-match'] === caching.etag
  const headers = [
    'content-type',
    OCSP_RESPONSE,
    'cache-control',
    `max-age=${maxAgeS}, public, no-transform, must-revalidate`,
    'last-modified',
    known.lastModified,
    'expires',
    known.expires,
    'etag',
    caching.etag,
  ]
  if (unchanged) {
    response.writeHead(304, headers)
    response.end()
    return
  }
  headers.push('content-length', String(der.length))
  response.writeHead(200, headers)
  response.end(der)
}
