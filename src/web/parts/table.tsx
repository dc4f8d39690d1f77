/** A table of a few dozen rows; thousands are for `virtual-table.tsx`, which takes the same columns. */

import { Scroll } from './basics.tsx'
import type { Column } from './virtual-table.tsx'

interface TableProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
}

export function Table<T>({ label, columns, rows, keyOf }: TableProps<T>) {
  return (
    <Scroll label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ name, kind }) => (
              <th key={name} scope="col" class={kind === 'number' ? 'num' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, kind, cell }) => (
                <td key={name} class={kind === 'number' ? 'num' : kind}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
