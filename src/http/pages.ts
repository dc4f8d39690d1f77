/** Pages of lists, and the shapes of what goes in and out. */

export const DEFAULT_PAGE = 100

export interface Page<T, C> {
  readonly items: T[]
  readonly next: C | null
}

/** Reads one entry more than the page holds, to know whether another page follows. */
export async function pageOf<T, C>(
  limit: number | undefined,
  read: (limit: number) => Promise<readonly T[]>,
  cursorOf: (last: T) => C,
): Promise<Page<T, C>> {
  const size = limit ?? DEFAULT_PAGE
  const found = await read(size + 1)
  const items = found.slice(0, size)
  const last = items.at(-1)
  return { items, next: found.length > size && last !== undefined ? cursorOf(last) : null }
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** Drops the properties that are undefined: ports tell "absent" from "undefined". */
export function defined<T extends object>(value: T): Defined<T>
export function defined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}

/** Names what leaves the process, so that a field that a record gains later does not leave with it. */
export function pick<T extends object, K extends keyof T>(record: T, keys: readonly K[]): Pick<T, K>
export function pick(record: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(record).filter(([key]) => keys.includes(key)))
}
