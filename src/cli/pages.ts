/** Lists of the operator API, page after page. */

import type { ApiClient } from './client.ts'

const PAGE = 1000

export interface PageOptions {
  /** Query parameter of the next page; `limit`: only the first page can be had; empty: the answer is the whole list. */
  readonly pages?: string
  readonly limit?: number
}

/** The service keeps to the contract: every list of it has this shape, and `next` where it comes in pages. */
interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string | number | null
}

export async function readPages<T>(
  client: ApiClient,
  path: string,
  query: Readonly<Record<string, string>>,
  { pages = 'after', limit = Number.POSITIVE_INFINITY }: PageOptions = {},
): Promise<readonly T[]> {
  const items: T[] = []
  let next: string | number | null = null
  do {
    const page = new URLSearchParams(query)
    if (pages !== '') page.set('limit', String(Math.min(PAGE, limit - items.length)))
    if (next !== null) page.set(pages, String(next))
    const answer = (await client.request('GET', `${path}?${page}`)) as Page<T>
    items.push(...answer.items)
    next = answer.next ?? null
  } while (next !== null && items.length < limit)
  return items.slice(0, limit)
}
