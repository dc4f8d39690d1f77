import type { Row, SqlValue } from './database.ts'

/** Readers of columns: a value of another type than the schema promises is a defect, and says so. */

function mismatch(column: string, wanted: string, value: SqlValue | undefined): never {
  throw new TypeError(
    `Column ${column} should hold ${wanted}, but holds ${value === undefined ? 'nothing' : typeof value}`,
  )
}

export function text(row: Row, column: string): string {
  const value = row[column]
  return typeof value === 'string' ? value : mismatch(column, 'text', value)
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

export function int(row: Row, column: string): number {
  const value = row[column]
  return typeof value === 'number' ? value : mismatch(column, 'a number', value)
}

export function intOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : int(row, column)
}

export function flag(row: Row, column: string): boolean {
  return int(row, column) === 1
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  return value instanceof Uint8Array ? value : mismatch(column, 'bytes', value)
}

/** JSON that this adapter wrote itself: the type is the one that was put in. */
export function json<T>(row: Row, column: string): T {
  return JSON.parse(text(row, column)) as T
}

export function jsonOrNull<T>(row: Row, column: string): T | null {
  return row[column] === null ? null : json<T>(row, column)
}

/** Text column with a closed set of values, as the port declares it. */
export function oneOf<T extends string>(row: Row, column: string): T {
  return text(row, column) as T
}

/** WHERE clause from the conditions that apply. */
export function where(conditions: readonly (readonly [sql: string, value: SqlValue | undefined])[]): {
  clause: string
  args: SqlValue[]
} {
  const used = conditions.filter(
    (condition): condition is readonly [string, SqlValue] => condition[1] !== undefined,
  )
  return {
    clause: used.length === 0 ? '' : `WHERE ${used.map(([sql]) => sql).join(' AND ')}`,
    args: used.map(([, value]) => value),
  }
}

/** Oldest first where nothing is said. */
export function byId(order: 'oldest' | 'newest' | undefined): string {
  return order === 'newest' ? 'id DESC' : 'id'
}

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 10_000

/** Page size within bounds: no query reads without one. */
export function pageSize(limit: number | undefined): number {
  return Math.max(1, Math.min(limit ?? DEFAULT_PAGE, LARGEST_PAGE))
}
