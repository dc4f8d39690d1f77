/** A table that draws only the rows in view, so that thousands scroll like ten. */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Column<T> {
  readonly name: string
  readonly width?: string
  /** In a plain table: aligned as a number, never wrapped, or both wrapped and small. */
  readonly kind?: 'number' | 'fit' | 'small'
  readonly cell: (row: T) => ComponentChildren
}

interface VirtualTableProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
}

const ROW_PX = 42
const HEAD_PX = 38
const MOST_PX = 660
const OVERSCAN = 8

export function VirtualTable<T>({ label, columns, rows, keyOf }: VirtualTableProps<T>) {
  const [first, setFirst] = useState(0)
  const box = useRef<HTMLElement>(null)
  const [heightPx, setHeightPx] = useState(MOST_PX)
  useEffect(() => {
    const element = box.current
    if (!element) return
    // What scrolls must be reachable by keyboard, also where no row has a link.
    element.tabIndex = 0
    const observer = new ResizeObserver(() => setHeightPx(element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const from = Math.max(0, Math.min(first, rows.length - 1) - OVERSCAN)
  const to = Math.min(rows.length, first + Math.ceil(heightPx / ROW_PX) + OVERSCAN)
  return (
    <section
      class="virtual"
      aria-label={label}
      ref={box}
      style={{ height: `min(68dvh, ${Math.min(MOST_PX, rows.length * ROW_PX + HEAD_PX + 14)}px)` }}
      onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / ROW_PX))}
    >
      <table aria-rowcount={rows.length + 1}>
        <colgroup>
          {columns.map(({ name, width }) => (
            <col key={name} style={width === undefined ? {} : { width }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <Gap rows={from} columns={columns.length} />}
          {rows.slice(from, to).map((row, index) => (
            <tr key={keyOf(row)} aria-rowindex={from + index + 2} style={{ height: `${ROW_PX}px` }}>
              {columns.map(({ name, cell }) => (
                <td key={name}>{cell(row)}</td>
              ))}
            </tr>
          ))}
          {to < rows.length && <Gap rows={rows.length - to} columns={columns.length} />}
        </tbody>
      </table>
    </section>
  )
}

function Gap({ rows, columns }: { readonly rows: number; readonly columns: number }) {
  return (
    <tr class="gap">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  )
}
