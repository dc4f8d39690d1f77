import {
  type Certificate,
  type CsrAttribute,
  decodeCertsOnly,
  decodeCsrAttributes,
  PkiError,
  parseCsr,
  sameBytes,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import { exchange, type OutboundAnswer, OutboundError, type OutboundRequest } from '../outbound.ts'
import type { ExternalAnswer, ExternalAuthority, ExternalRevocationAnswer } from './ports.ts'

export interface EstClientOptions {
  /** With the placeholders {ca}, {version} and {algorithm}: four known deployments have four shapes of paths. */
  readonly enrollUrl: string
  readonly reenrollUrl?: string
  readonly caCertsUrl: string
  readonly csrAttributesUrl?: string
  /** OPNC's revokeCertificate, where there is one. */
  readonly revokeUrl?: string
  /** Values of the placeholders. */
  readonly values: Readonly<Record<string, string>>
  readonly auth:
    | { readonly kind: 'none' }
    | { readonly kind: 'basic'; readonly username: string; readonly password: () => Promise<string> }
    /** `renewed`: the token before was refused. */
    | { readonly kind: 'bearer'; readonly token: (renewed: boolean) => Promise<string> }
  readonly tls?: OutboundRequest['tls']
  readonly timeoutMs: number
  readonly clock: Clock
}

const MAX_ANSWER_BYTES = 512 * 1024
const OPNC_REASONS: readonly string[] = [
  'privilegeWithdrawn',
  'affiliationChanged',
  'superseded',
  'unspecified',
  'keyCompromise',
  'aACompromise',
  'cessationOfOperation',
]
/** CA certificates change rarely; a new one also comes with the first certificate below it. */
const CA_CACHE_MS = 3_600_000
const LONGEST_RETRY_MS = 24 * 3_600_000

/** An EST server of somebody else (RFC 7030): request out, certificate in, every failure as a value. */
export class EstClient implements ExternalAuthority {
  readonly name: string
  readonly #options: EstClientOptions
  #caCertificates: { readonly certificates: readonly Certificate[]; readonly atMs: number } | undefined

  constructor(options: EstClientOptions) {
    this.#options = options
    this.name = this.#url(options.enrollUrl).host
  }

  enroll(csrDer: Uint8Array): Promise<ExternalAnswer> {
    return this.#enroll(this.#options.enrollUrl, csrDer)
  }

  /** For a client certificate that is to be renewed; it must be the one in `tls`. */
  async reenroll(csrDer: Uint8Array): Promise<ExternalAnswer> {
    const { reenrollUrl } = this.#options
    if (reenrollUrl === undefined)
      return { kind: 'refused', detail: 'No address of simplereenroll is configured' }
    return this.#enroll(reenrollUrl, csrDer)
  }

  /** Kept for an hour. Throws OutboundError or PkiError. */
  async caCertificates(): Promise<readonly Certificate[]> {
    const { clock, caCertsUrl } = this.#options
    const known = this.#caCertificates
    if (known && clock.now() < known.atMs + CA_CACHE_MS) return known.certificates
    const answer = await this.#send({ url: this.#url(caCertsUrl), method: 'GET' })
    if (answer.status !== 200)
      throw new OutboundError('unreachable', `${this.name} answered ${answer.status} to cacerts`)
    const certificates = decodeCertsOnly(toDer(answer.body))
    this.#caCertificates = { certificates, atMs: clock.now() }
    return certificates
  }

  /** OPNC: the certificate whole, and one of seven reasons. */
  async revoke(certificateDer: Uint8Array, reason: string): Promise<ExternalRevocationAnswer> {
    const { revokeUrl } = this.#options
    if (revokeUrl === undefined)
      return {
        kind: 'refused',
        detail: `No address to revoke at ${this.name} is configured: ask its operator`,
      }
    const body = {
      certificate: Buffer.from(certificateDer).toString('base64'),
      revocationReason: OPNC_REASONS.includes(reason) ? reason : 'unspecified',
    }
    try {
      const answer = await this.#send({
        url: this.#url(revokeUrl),
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (answer.status >= 200 && answer.status < 300) return { kind: 'revoked' }
      const detail = `${this.name} answered ${answer.status} to the revocation`
      return { kind: answer.status === 400 || answer.status === 403 ? 'refused' : 'unreachable', detail }
    } catch (error) {
      if (error instanceof OutboundError) return { kind: 'unreachable', detail: error.message }
      throw error
    }
  }

  async csrAttributes(): Promise<readonly CsrAttribute[]> {
    const { csrAttributesUrl } = this.#options
    if (csrAttributesUrl === undefined) return []
    const answer = await this.#send({ url: this.#url(csrAttributesUrl), method: 'GET' })
    // RFC 7030 4.5.2: 204 and 404 say that the server wants nothing in particular.
    return answer.status === 200 ? decodeCsrAttributes(toDer(answer.body)) : []
  }

  async #enroll(template: string, csrDer: Uint8Array): Promise<ExternalAnswer> {
    try {
      const answer = await this.#send({
        url: this.#url(template),
        method: 'POST',
        headers: { 'content-type': 'application/pkcs10', 'content-transfer-encoding': 'base64' },
        body: Buffer.from(csrDer).toString('base64'),
      })
      return answer.status === 200
        ? await this.#accept(csrDer, answer.body)
        : toFailure(answer, this.name, this.#options.clock.now())
    } catch (error) {
      if (error instanceof OutboundError) return { kind: 'unreachable', detail: error.message }
      // The certificate may exist there: the same request is sent again later and found again.
      if (error instanceof PkiError) return { kind: 'unreachable', detail: `${this.name}: ${error.message}` }
      throw error
    }
  }

  async #accept(csrDer: Uint8Array, body: Buffer): Promise<ExternalAnswer> {
    const received = decodeCertsOnly(toDer(body))
    const { spki } = parseCsr(csrDer).publicKey
    const certificate = received.find((one) => sameBytes(one.spki, spki))
    if (!certificate)
      return { kind: 'refused', detail: `${this.name} sent no certificate for the key of the request` }
    const others = received.filter((one) => one !== certificate)
    return { kind: 'issued', certificate, others: [...others, ...(await this.caCertificates())] }
  }

  /** Sends, and once more with a renewed token where the first was refused. */
  async #send(
    request: Pick<OutboundRequest, 'url' | 'method' | 'headers' | 'body'>,
  ): Promise<OutboundAnswer> {
    const { auth } = this.#options
    const first = await this.#exchange(request, false)
    return first.status === 401 && auth.kind === 'bearer' ? this.#exchange(request, true) : first
  }

  async #exchange(
    request: Pick<OutboundRequest, 'url' | 'method' | 'headers' | 'body'>,
    renewed: boolean,
  ): Promise<OutboundAnswer> {
    const { timeoutMs, tls } = this.#options
    return exchange({
      ...request,
      headers: { ...request.headers, ...(await this.#authorization(renewed)) },
      ...(tls === undefined ? {} : { tls }),
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
    })
  }

  async #authorization(renewed: boolean): Promise<Record<string, string>> {
    const { auth } = this.#options
    if (auth.kind === 'none') return {}
    if (auth.kind === 'bearer') return { authorization: `Bearer ${await auth.token(renewed)}` }
    const pair = Buffer.from(`${auth.username}:${await auth.password()}`).toString('base64')
    return { authorization: `Basic ${pair}` }
  }

  #url(template: string): URL {
    const filled = template.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => {
      const value = this.#options.values[name]
      if (value === undefined)
        throw new Error(`The address ${template} has an unknown placeholder ${placeholder}`)
      return encodeURIComponent(value)
    })
    return new URL(filled)
  }
}

/** Base64 as RFC 8951 wants it, in PEM armour or not, or the bare DER that some servers send. */
function toDer(body: Buffer): Uint8Array {
  if (body[0] === 0x30) return body
  const text = body.toString('latin1').replaceAll(/-----(BEGIN|END) [A-Z0-9 ]+-----/g, '')
  return Buffer.from(text.replaceAll(/\s/g, ''), 'base64')
}

function toFailure({ status, headers, body }: OutboundAnswer, name: string, nowMs: number): ExternalAnswer {
  const said = body
    .toString('utf8')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200)
  const detail = `${name} answered ${status}${said === '' ? '' : `: ${said}`}`
  const wait = retryAfterMs(headers['retry-after'], nowMs)
  if (status === 202) return { kind: 'pending', retryAfterMs: wait ?? 60_000 }
  // Only what is wrong with this very request is final; a wrong address or credential is mended by an operator.
  if (status === 400 || status === 409 || status === 422) return { kind: 'refused', detail }
  return { kind: 'unreachable', detail, ...(wait === undefined ? {} : { retryAfterMs: wait }) }
}

/** RFC 9110 10.2.3: seconds or a date; within a day. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1000), LONGEST_RETRY_MS) : undefined
}
