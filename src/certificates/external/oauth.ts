import type { Clock } from '../../observe/clock.ts'
import { exchange, OutboundError } from '../outbound.ts'

export interface ClientCredentialsOptions {
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: () => Promise<string>
  readonly audience?: string
  /** Deployments differ: RFC 6749 asks for a form, OPCP describes JSON. */
  readonly encoding: 'form' | 'json'
  readonly timeoutMs: number
  readonly clock: Clock
}

const MAX_ANSWER_BYTES = 64 * 1024
/** A token is renewed this long before it ends, and where its life is not said it is taken for short. */
const MARGIN_MS = 30_000
const UNSAID_LIFE_S = 300

/** Access tokens by client credentials (RFC 6749 4.4), one sign-in for all who wait. Throws OutboundError. */
export function clientCredentials(options: ClientCredentialsOptions): (renewed: boolean) => Promise<string> {
  let token: { readonly value: string; readonly endsMs: number } | undefined
  let signingIn: Promise<string> | undefined

  const signIn = async (): Promise<string> => {
    const atMs = options.clock.now()
    const { value, livesS } = await askForToken(options)
    token = { value, endsMs: atMs + livesS * 1000 - MARGIN_MS }
    return value
  }

  return async (renewed) => {
    if (renewed) token = undefined
    if (token && options.clock.now() < token.endsMs) return token.value
    signingIn ??= signIn().finally(() => {
      signingIn = undefined
    })
    return signingIn
  }
}

async function askForToken(options: ClientCredentialsOptions): Promise<{ value: string; livesS: number }> {
  const { tokenUrl, clientId, clientSecret, audience, encoding, timeoutMs } = options
  const fields = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: await clientSecret(),
    ...(audience === undefined ? {} : { audience }),
  }
  const isForm = encoding === 'form'
  const url = new URL(tokenUrl)
  const { status, body } = await exchange({
    url,
    method: 'POST',
    headers: { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' },
    body: isForm ? new URLSearchParams(fields).toString() : JSON.stringify(fields),
    timeoutMs,
    maxBytes: MAX_ANSWER_BYTES,
  })
  const answer = status === 200 ? parse(body) : undefined
  const value = answer?.access_token
  // What the server says may repeat the secret: only its status is passed on.
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(value))
    throw new OutboundError(
      'unreachable',
      `${url.host} gave no token (status ${status}): check client id and secret`,
    )
  const livesS = Number(answer?.expires_in)
  return { value, livesS: Number.isFinite(livesS) && livesS > 0 ? livesS : UNSAID_LIFE_S }
}

function parse(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
