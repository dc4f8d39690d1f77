/** Fields above a list; what is chosen is in the address, so that a filtered list can be sent to somebody. */

import type { ComponentChildren } from 'preact'
import { route, setQuery } from '../router.ts'
import { useSignal } from '../signal.ts'

export interface Filters {
  readonly query: Readonly<Record<string, string>>
  set(name: string, value: string): void
}

export function useFilters(): Filters {
  const { query } = useSignal(route)
  return { query, set: (name, value) => setQuery({ ...query, [name]: value }) }
}

export function Toolbar({ children }: { readonly children: ComponentChildren }) {
  return (
    <search class="toolbar" aria-label="Filters">
      {children}
    </search>
  )
}

interface FieldProps {
  readonly filters: Filters
  readonly name: string
  readonly label: string
}

export function Search({ filters, name, label, hint }: FieldProps & { readonly hint?: string }) {
  return (
    <div class="field grow">
      <label for={`filter-${name}`}>{label}</label>
      <input
        id={`filter-${name}`}
        type="search"
        placeholder={hint ?? ''}
        value={filters.query[name] ?? ''}
        onInput={(event) => filters.set(name, event.currentTarget.value)}
      />
    </div>
  )
}

export function Choice({
  filters,
  name,
  label,
  options,
}: FieldProps & { readonly options: readonly (readonly [value: string, text: string])[] }) {
  return (
    <div class="field">
      <label for={`filter-${name}`}>{label}</label>
      <select
        id={`filter-${name}`}
        value={filters.query[name] ?? ''}
        onChange={(event) => filters.set(name, event.currentTarget.value)}
      >
        <option value="">All</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

export function matches(
  wanted: string | undefined,
  ...texts: readonly (string | null | undefined)[]
): boolean {
  if (!wanted) return true
  const needle = wanted.toLowerCase()
  return texts.some((text) => text?.toLowerCase().includes(needle))
}

/** Saves what is shown as a file. */
export function download(name: string, text: string, type = 'application/json'): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1_000)
}

export function toCsv(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows.map((row) => row.map((value) => quoted(String(value ?? ''))).join(',')).join('\r\n')
}

/** A spreadsheet must not run what a station sent as a formula. */
function quoted(text: string): string {
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
}
