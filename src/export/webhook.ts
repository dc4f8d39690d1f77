/** Security events to an HTTPS address of the operator. */

import { createHmac } from 'node:crypto'
import type { Clock } from '../observe/clock.ts'
import type { Sink } from './exporter.ts'
import type { SecurityMessage } from './message.ts'

const TIMEOUT_MS = 10_000
const MAX_ANSWER = 64 * 1024

/** One HTTP exchange without redirects, as src/certificates/outbound.ts makes it. */
export type Exchange = (request: {
  readonly url: URL
  readonly method: 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly refuseAddress?: (address: string) => string | undefined
}) => Promise<{ readonly status: number }>

export interface WebhookOptions {
  readonly url: string
  /** Read anew for each request, so that it can be replaced while the service runs. */
  readonly secret: () => Promise<string>
  /** Private and loopback addresses, and plain http. */
  readonly allowPrivate: boolean
  readonly refuseAddress: (address: string) => string | undefined
  readonly exchange: Exchange
  readonly clock: Clock
}

export const sign = (secret: string, seconds: number, body: string): string =>
  createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')

export function createWebhook(options: WebhookOptions): Sink {
  const { exchange, clock, allowPrivate, refuseAddress } = options
  const url = new URL(options.url)
  if (url.protocol !== 'https:' && !allowPrivate)
    throw new Error('export.webhookUrl must be https: events are not for everyone on the way')
  if (url.username !== '' || url.password !== '')
    throw new Error('export.webhookUrl must not hold credentials: the signature proves who sends')
  return {
    name: 'webhook',
    async send(messages: readonly SecurityMessage[]) {
      const body = JSON.stringify({ events: messages })
      const seconds = Math.floor(clock.now() / 1000)
      const secret = await options.secret()
      const { status } = await exchange({
        url,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-gridkeep-signature': `t=${seconds},v1=${sign(secret, seconds, body)}`,
        },
        body,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_ANSWER,
        ...(allowPrivate ? {} : { refuseAddress }),
      })
      if (status < 200 || status > 299) throw new Error(`The webhook answered ${status}`)
    },
    async close() {},
  }
}
