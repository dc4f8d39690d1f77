/** The operator API as the commands see it. */

import type { Command } from 'commander'
import type { CliIo } from './io.ts'
import { CliFailure } from './io.ts'

const DEFAULT_URL = 'http://127.0.0.1:8080'
const TIMEOUT_MS = 30_000

export interface ApiFlags {
  readonly url?: string
  readonly apiKey?: string
}

export interface ApiClient {
  /** Resolves with the parsed answer; throws CliFailure in words that say what to do. */
  request(method: string, path: string, body?: object): Promise<unknown>
}

export function addApiOptions(command: Command): Command {
  return command
    .option('--url <url>', `address of the running service (or GRIDKEEP_URL; default ${DEFAULT_URL})`)
    .option(
      '--api-key <key>',
      'API key (better: GRIDKEEP_API_KEY, which other users of the machine cannot see)',
    )
}

export function createApiClient(flags: ApiFlags, io: CliIo): ApiClient {
  const url = parseUrl(flags.url ?? io.env.GRIDKEEP_URL ?? DEFAULT_URL)
  const key = flags.apiKey ?? io.env.GRIDKEEP_API_KEY
  if (key === undefined || key === '')
    throw new CliFailure(
      'cli.no-api-key',
      'No API key: set GRIDKEEP_API_KEY or pass --api-key. The first start of the service prints one; "gridkeep key create" makes more.',
      2,
    )
  return {
    async request(method, path, body) {
      const response = await send(new URL(`api/v1/${path}`, url), {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([io.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      return readAnswer(response)
    },
  }
}

function parseUrl(text: string): URL {
  const base = text.endsWith('/') ? text : `${text}/`
  if (/^https?:/i.test(base) && URL.canParse(base)) return new URL(base)
  throw new CliFailure('cli.bad-url', `"${text}" is no URL; write e.g. ${DEFAULT_URL}.`, 2)
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new CliFailure(
      'cli.unreachable',
      `No answer from ${url.origin} (${reason}). Is the service running there? Start it with "gridkeep serve", or pass --url.`,
    )
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text()
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  const answer: unknown = isJson && text !== '' ? JSON.parse(text) : text
  if (response.ok) return answer
  const code = textField(answer, 'code') ?? `http.${response.status}`
  throw new CliFailure(code, textField(answer, 'detail') ?? `The service answered ${response.status}.`)
}

function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const field: unknown = Object.entries(value).find(([key]) => key === name)?.[1]
  return typeof field === 'string' ? field : undefined
}
