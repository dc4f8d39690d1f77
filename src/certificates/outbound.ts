import { lookup as resolve } from 'node:dns'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'

export interface OutboundRequest {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly tls?: { readonly cert?: string; readonly key?: string; readonly ca?: string }
  /** For the whole exchange, from the name lookup to the last octet. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Takes the octets of an answer with status 200 as they come; the body of the answer stays empty then. */
  readonly onChunk?: (chunk: Buffer) => void
  /** Says why an IP address must not be connected to; undefined lets it. Sees the very address that is used. */
  readonly refuseAddress?: (address: string) => string | undefined
}

export interface OutboundAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type OutboundFailure = 'unreachable' | 'timeout' | 'too-large' | 'forbidden'

export class OutboundError extends Error {
  readonly code: OutboundFailure

  constructor(code: OutboundFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OutboundError'
    this.code = code
  }
}

/** One HTTP exchange with somebody else: no redirects, a deadline, a size limit, and a say about the address. */
export function exchange(request: OutboundRequest): Promise<OutboundAnswer> {
  const { url, method, headers, body, tls, timeoutMs, refuseAddress } = request
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return Promise.reject(new OutboundError('forbidden', `${url.protocol} is not spoken here`))
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // Node looks up names only: an address in the URL itself is judged here.
  const refusal = isIP(host) === 0 ? undefined : refuseAddress?.(host)
  if (refusal !== undefined) return Promise.reject(new OutboundError('forbidden', refusal))
  return new Promise((settle, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const fail = (error: unknown): void => reject(toOutboundError(error, url, signal.aborted, timeoutMs))
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const outgoing = send(
      url,
      {
        method,
        signal,
        agent: false,
        headers: { 'user-agent': 'gridkeep', ...headers, ...lengthOf(body) },
        ...(tls ?? {}),
        ...(refuseAddress === undefined ? {} : { lookup: guardedLookup(refuseAddress) }),
      },
      (incoming) => readBody(incoming, request).then(settle, fail),
    )
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

function lengthOf(body: Uint8Array | string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
}

async function readBody(
  incoming: IncomingMessage,
  { maxBytes, onChunk }: OutboundRequest,
): Promise<OutboundAnswer> {
  const isPassedOn = onChunk !== undefined && incoming.statusCode === 200
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue
    size += chunk.length
    if (size > maxBytes) {
      incoming.destroy()
      throw new OutboundError('too-large', `The answer has more than ${maxBytes} octets`)
    }
    if (isPassedOn) onChunk(chunk)
    else chunks.push(chunk)
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }
}

/** Judges the looked-up address itself, so that a name cannot point elsewhere between the check and the connection. */
function guardedLookup(refuseAddress: (address: string) => string | undefined): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, '', 0)
        return
      }
      const allowed = addresses.filter(({ address }) => refuseAddress(address) === undefined)
      const [first] = allowed
      const [refused] = addresses
      if (!first) {
        const reason = refused === undefined ? 'no address' : refuseAddress(refused.address)
        callback(new OutboundError('forbidden', `${hostname}: ${reason ?? 'no address'}`), '', 0)
        return
      }
      if (options.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

function toOutboundError(error: unknown, url: URL, timedOut: boolean, timeoutMs: number): OutboundError {
  if (error instanceof OutboundError) return error
  if (timedOut)
    return new OutboundError('timeout', `${url.host} did not answer within ${timeoutMs} ms`, { cause: error })
  const reason = error instanceof Error ? error.message : String(error)
  return new OutboundError('unreachable', `${url.host} cannot be reached: ${reason}`, { cause: error })
}
