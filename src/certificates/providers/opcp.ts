import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { parseEmaid, protocolOf } from '../../../pki/index.ts'
import type { TrustUsage } from '../../store/contracts.ts'
import type { ProviderAnswer, ProviderRequest, ProvisioningProvider, RootPool } from './ports.ts'

/**
 * A hosted contract pool that speaks the Open Plug & Charge Protocol (OPCP 1.0): contract data by the car's own EXI
 * request, pools of provisioning and root certificates beside it, sign-in by OAuth client credentials. Dialects differ
 * in the body of the token request, so it is a choice.
 */
export interface OpcpOptions {
  /** For messages, routes and the audit trail. */
  readonly name: string
  /** E.g. `https://open.plugncharge.example`; the paths of the protocol follow. */
  readonly baseUrl: string
  readonly token: {
    readonly url: string
    readonly clientId: string
    readonly clientSecret: string
    readonly audience?: string
    readonly encoding: 'json' | 'form'
  }
  /** PEM of the roots of its TLS certificate where those are no public ones. */
  readonly ca?: string
  readonly now: () => number
  /** Connections kept open, ready for the next car. */
  readonly maxSockets?: number
}

const ENDPOINTS = {
  contract: '/v1/ccp/signedContractData',
  roots: '/v1/root/rootCerts',
  provisioning: '/v1/oem/provCerts',
} as const

/** One retry after a lost connection or a 5xx, one after an expired token: a car does not wait for more. */
const MAX_ATTEMPTS = 2
const MAX_BYTES = 1024 * 1024
/** A token is renewed this long before it ends. */
const TOKEN_MARGIN_MS = 30_000
const WARM_UP_MS = 5_000
/** After a failed sign-in no car waits for another one until then. */
const SIGN_IN_PAUSE_MS = 5_000
const MAX_ANSWERS = 16

interface Answer {
  readonly status: number
  readonly body: unknown
}

class ProviderFailure extends Error {
  readonly kind: 'unreachable' | 'refused'

  constructor(kind: 'unreachable' | 'refused', message: string) {
    super(message)
    this.kind = kind
  }
}

export class OpcpProvider implements ProvisioningProvider, RootPool {
  readonly name: string
  readonly #options: OpcpOptions
  readonly #agent: HttpAgent | HttpsAgent
  #token: { readonly value: string; readonly endsMs: number } | undefined
  #signingIn: Promise<string> | undefined
  #signInAfterMs = 0

  constructor(options: OpcpOptions) {
    this.name = options.name
    this.#options = options
    const settings = { keepAlive: true, maxSockets: options.maxSockets ?? 16, keepAliveMsecs: 10_000 }
    this.#agent = options.baseUrl.startsWith('https:') ? new HttpsAgent(settings) : new HttpAgent(settings)
  }

  async provide(request: ProviderRequest): Promise<ProviderAnswer> {
    if (request.action === 'Update')
      return { kind: 'none', detail: `${this.name} gives contracts for installations only` }
    const body = {
      certificateInstallationReq: Buffer.from(request.exiRequest).toString('base64'),
      xsdMsgDefNamespace: request.schemaVersion,
    }
    const headers = { alwaysReturnEXI: 'true' }
    try {
      const endMs = performance.now() + request.deadlineMs
      const answer = await this.#call('POST', ENDPOINTS.contract, { body, headers, endMs })
      return toProviderAnswer(answer, request.schemaVersion)
    } catch (error) {
      if (error instanceof ProviderFailure) return { kind: error.kind, detail: error.message }
      throw error
    }
  }

  async warmUp(): Promise<void> {
    const endMs = performance.now() + WARM_UP_MS
    // Any small answer will do: the connection and the token are what counts.
    await this.#call('GET', `${ENDPOINTS.roots}?rootType=v2g`, { endMs }).catch(() => undefined)
  }

  async roots(usage: TrustUsage): Promise<readonly Uint8Array[]> {
    const endMs = performance.now() + WARM_UP_MS
    const path = `${ENDPOINTS.roots}?rootType=${usage.toLowerCase()}`
    const { status, body } = await this.#call('GET', path, { endMs })
    if (status !== 200) throw new ProviderFailure('refused', `${this.name} answered ${status} for its roots`)
    const roots = list(field(field(body, 'RootCertificateCollection'), 'rootCertificates'))
    return roots.flatMap((root) => octets(field(root, 'caCertificate')) ?? [])
  }

  async provisioningCertificate(pcid: string): Promise<readonly Uint8Array[] | undefined> {
    const endMs = performance.now() + WARM_UP_MS
    const path = `${ENDPOINTS.provisioning}/${encodeURIComponent(pcid)}`
    const { status, body } = await this.#call('GET', path, { endMs })
    if (status === 404) return undefined
    if (status !== 200) throw new ProviderFailure('refused', `${this.name} answered ${status} for ${pcid}`)
    const leaf = octets(field(body, 'certificate'))
    const above = list(field(body, 'certificateChain')).flatMap((one) => octets(one) ?? [])
    return leaf === undefined ? undefined : [leaf, ...above]
  }

  async close(): Promise<void> {
    this.#agent.destroy()
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    options: {
      readonly body?: object
      readonly headers?: Readonly<Record<string, string>>
      readonly endMs: number
    },
  ): Promise<Answer> {
    const url = new URL(path, this.#options.baseUrl)
    const content = options.body && JSON.stringify(options.body)
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= MAX_ATTEMPTS
      try {
        const token = await this.#accessToken(options.endMs)
        const answer = await this.#exchange(method, url, {
          headers: { authorization: `Bearer ${token}`, ...options.headers, ...contentHeaders(content) },
          content,
          endMs: options.endMs,
        })
        if (answer.status === 401 && !last) {
          // The token may have ended early; sign in anew, once.
          this.#token = undefined
          continue
        }
        if (answer.status >= 500 && !last) continue
        return answer
      } catch (error) {
        if (last || !(error instanceof ProviderFailure) || error.kind !== 'unreachable') throw error
      }
    }
  }

  async #accessToken(endMs: number): Promise<string> {
    const { now } = this.#options
    if (this.#token && now() < this.#token.endsMs - TOKEN_MARGIN_MS) return this.#token.value
    if (now() < this.#signInAfterMs)
      throw new ProviderFailure('refused', `${this.name} refused the sign-in; it is tried again in a moment`)
    // Cars that come together share one sign-in.
    this.#signingIn ??= this.#signIn(endMs).finally(() => {
      this.#signingIn = undefined
    })
    return this.#signingIn
  }

  async #signIn(endMs: number): Promise<string> {
    const { token, now } = this.#options
    const fields = {
      grant_type: 'client_credentials',
      client_id: token.clientId,
      client_secret: token.clientSecret,
      ...(token.audience === undefined ? {} : { audience: token.audience }),
    }
    const isForm = token.encoding === 'form'
    const content = isForm ? new URLSearchParams(fields).toString() : JSON.stringify(fields)
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json'
    const { status, body } = await this.#exchange('POST', new URL(token.url), {
      headers: contentHeaders(content, type),
      content,
      endMs,
    })
    const value = field(body, 'access_token')
    if (status !== 200 || typeof value !== 'string') {
      this.#signInAfterMs = now() + SIGN_IN_PAUSE_MS
      throw new ProviderFailure(
        'refused',
        `${this.name} answered the sign-in with ${status}: check its client id and secret`,
      )
    }
    const livesS = Number(field(body, 'expires_in') ?? 300)
    this.#token = { value, endsMs: now() + (Number.isFinite(livesS) ? livesS : 300) * 1000 }
    return value
  }

  #exchange(
    method: string,
    url: URL,
    options: {
      readonly headers: Readonly<Record<string, string>>
      readonly content: string | undefined
      readonly endMs: number
    },
  ): Promise<Answer> {
    const leftMs = Math.floor(options.endMs - performance.now())
    if (leftMs <= 0)
      return Promise.reject(new ProviderFailure('unreachable', 'No time is left for an attempt'))
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const agent = url.protocol === new URL(this.#options.baseUrl).protocol ? { agent: this.#agent } : {}
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(unreachable(this.name, error))
      const { ca } = this.#options
      const outgoing = send(
        url,
        {
          method,
          ...agent,
          ...(ca === undefined ? {} : { ca }),
          headers: { accept: 'application/json', 'user-agent': 'gridkeep', ...options.headers },
          signal: AbortSignal.timeout(leftMs),
        },
        (incoming) => readAnswer(incoming).then(resolve, fail),
      )
      outgoing.on('error', fail)
      outgoing.end(options.content)
    })
  }
}

function contentHeaders(content: string | undefined, type = 'application/json'): Record<string, string> {
  if (content === undefined) return {}
  return { 'content-type': type, 'content-length': String(Buffer.byteLength(content)) }
}

function unreachable(name: string, error: unknown): ProviderFailure {
  if (error instanceof ProviderFailure) return error
  const reason = error instanceof Error ? error.message || error.name : String(error)
  return new ProviderFailure('unreachable', `${name} did not answer: ${reason}`)
}

async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue
    size += chunk.length
    if (size > MAX_BYTES) {
      incoming.destroy()
      throw new ProviderFailure('refused', `An answer of more than ${MAX_BYTES} octets was cut off`)
    }
    chunks.push(chunk)
  }
  return { status: incoming.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString('utf8')) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function toProviderAnswer({ status, body }: Answer, schemaVersion: string): ProviderAnswer {
  const contents = list(field(field(body, 'CCPResponse'), 'emaidContent')).slice(0, MAX_ANSWERS)
  const answers = contents.flatMap((content) => {
    const definition = field(content, 'messageDef')
    const exiResponse = octets(field(definition, 'certificateInstallationRes'))
    const emaid = field(definition, 'emaid')
    const known = typeof emaid === 'string' ? (parseEmaid(emaid)?.text ?? null) : null
    return exiResponse === undefined ? [] : [{ exiResponse, emaid: known }]
  })
  const [first] = answers
  if (status === 200 && first)
    // -2 gets the default contract alone; the list is for -20.
    return { kind: 'provided', answers: protocolOf(schemaVersion) === '15118-20' ? answers : [first] }
  if (status === 404) {
    const detail = reasonOf(body) ?? 'The provider knows of no contract for this car'
    return { kind: 'none', detail, ...(first ? { exiResponse: first.exiResponse } : {}) }
  }
  if (status >= 500) return { kind: 'unreachable', detail: `The provider answered ${status}` }
  return {
    kind: 'refused',
    detail: `The provider answered ${status}: ${reasonOf(body) ?? 'without a reason'}`,
  }
}

function reasonOf(body: unknown): string | undefined {
  const messages = list(field(body, 'errorMessages')).filter((one) => typeof one === 'string')
  return messages.length === 0 ? undefined : messages.join('; ').slice(0, 300)
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function octets(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(value)) return undefined
  return Buffer.from(value, 'base64')
}
