/** Requests to the operator API. The cookie of the sign-in goes with them; types come from openapi.yaml. */

import type { components, paths } from '../http/api.generated.ts'

export type Schemas = components['schemas']
export type Self = { readonly id: string; readonly name: string; readonly role: Schemas['Role'] }

type Json<T> = T extends { content: { 'application/json': infer B } } ? B : never
type GetBody<P extends keyof paths> = paths[P] extends { get: { responses: { 200: infer R } } }
  ? Json<R>
  : never
/** Paths of the contract that answer GET with JSON. */
export type ReadPath = { [P in keyof paths]: [GetBody<P>] extends [never] ? never : P }[keyof paths]
export type Answer<P extends ReadPath> = GetBody<P>

export type Query = Readonly<Record<string, string | number | boolean | undefined>>
export interface Parts {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Query
}

const BASE = '/api/v1'
const DEADLINE_MS = 30_000

export interface Issue {
  readonly path: string
  readonly message: string
}

/** What the service answered instead of what was asked for (RFC 9457), or that it did not answer. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly issues: readonly Issue[]
  readonly ocppError: { code: string; description: string } | undefined

  constructor(status: number, problem: Partial<Schemas['Problem']>) {
    super(
      problem.detail ?? problem.title ?? 'The service cannot be reached; check the connection and try again.',
    )
    this.name = 'ApiError'
    this.status = status
    this.code = problem.code ?? 'unreachable'
    this.issues = problem.issues ?? []
    this.ocppError = problem.ocppError
  }
}

export function asApiError(problem: unknown): ApiError {
  if (problem instanceof ApiError) return problem
  return new ApiError(0, { detail: problem instanceof Error ? problem.message : String(problem) })
}

let onSignedOut: () => void = () => {}
/** Called when the service does not know the cookie (any more). */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener
}

function urlOf(path: string, { path: values = {}, query = {} }: Parts): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''))
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, String(value)]],
    ),
  ).toString()
  return `${BASE}${filled}${search === '' ? '' : `?${search}`}`
}

async function send(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).catch(() => {
    throw new ApiError(0, {})
  })
  if (response.ok) return response
  const problem = await response.json().catch(() => ({ title: `The service answered ${response.status}.` }))
  if (response.status === 401 && headers.authorization === undefined) onSignedOut()
  throw new ApiError(response.status, problem)
}

export async function read<P extends ReadPath>(path: P, parts: Parts = {}): Promise<Answer<P>> {
  return (await send('GET', urlOf(path, parts))).json()
}

export async function readText(path: keyof paths, parts: Parts = {}): Promise<string> {
  return (await send('GET', urlOf(path, parts))).text()
}

/** A change; resolves with the JSON of the answer, undefined where there is none. */
export async function change(
  method: 'PUT' | 'POST' | 'DELETE',
  path: keyof paths,
  parts: Parts & { readonly body?: unknown } = {},
): Promise<unknown> {
  const response = await send(method, urlOf(path, parts), parts.body)
  const text = await response.text()
  return text === '' ? undefined : JSON.parse(text)
}

export async function signIn(key: string): Promise<void> {
  await send('POST', urlOf('/sign-in', {}), undefined, { authorization: `Bearer ${key}` })
}

const PAGE = 1000

/** All pages of a list, up to `most` entries. */
export async function readAll<T>(
  readPage: (page: {
    limit: number
    after?: string
  }) => Promise<{ items: T[]; next: string | number | null }>,
  most = 20_000,
): Promise<{ items: T[]; complete: boolean }> {
  const items: T[] = []
  let after: string | undefined
  while (items.length < most) {
    const page = await readPage({ limit: PAGE, ...(after === undefined ? {} : { after }) })
    items.push(...page.items)
    if (page.next === null) return { items, complete: true }
    after = String(page.next)
  }
  return { items, complete: false }
}
