/** The address after `#` is the screen: `#/sites/depot?tab=limits`. Works behind any proxy and prefix. */

import { createSignal } from './signal.ts'

export interface Route {
  readonly parts: readonly string[]
  readonly query: Readonly<Record<string, string>>
}

export const route = createSignal<Route>(parse(location.hash))

addEventListener('hashchange', () => route.set(parse(location.hash)))

function parse(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  return {
    parts: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(search)),
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function href(
  parts: readonly (string | number)[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  ).toString()
  return `#/${parts.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`
}

/** Changes the query of the screen in place, so that a filtered list has an address but no history entry per key. */
export function setQuery(query: Readonly<Record<string, string | undefined>>): void {
  history.replaceState(null, '', href(route.get().parts, query))
  route.set(parse(location.hash))
}
