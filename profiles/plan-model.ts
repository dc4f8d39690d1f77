/** A linear program: maximise worth x columns within rows and bounds. Plain data, so that it can go to a worker. */
export interface LinearModel {
  readonly worth: readonly number[]
  readonly lower: readonly number[]
  readonly upper: readonly number[]
  readonly rows: readonly LinearRow[]
  /** Columns that are zero or within their bounds, nothing in between. */
  readonly zeroOr: readonly number[]
}

export interface LinearRow {
  readonly lower: number
  readonly upper: number
  /** Column index and coefficient. */
  readonly terms: readonly (readonly [number, number])[]
}

export class ModelBuilder {
  readonly #worth: number[] = []
  readonly #lower: number[] = []
  readonly #upper: number[] = []
  readonly #rows: LinearRow[] = []
  readonly #zeroOr: number[] = []

  /** With `zeroOr` the column may also be zero, below its lower bound. */
  column(column: {
    readonly lower: number
    readonly upper: number
    readonly worth: number
    readonly zeroOr?: boolean
  }): number {
    if (column.zeroOr) this.#zeroOr.push(this.#worth.length)
    this.#worth.push(column.worth)
    this.#lower.push(column.lower)
    this.#upper.push(column.upper)
    return this.#worth.length - 1
  }

  row(row: LinearRow): void {
    if (row.terms.length > 0) this.#rows.push(row)
  }

  build(): LinearModel {
    return {
      worth: this.#worth,
      lower: this.#lower,
      upper: this.#upper,
      rows: this.#rows,
      zeroOr: this.#zeroOr,
    }
  }
}

function sumText(terms: readonly (readonly [number, number])[]): string {
  return terms.map(([column, coeff]) => `${coeff < 0 ? '-' : '+'} ${Math.abs(coeff)} x${column}`).join(' ')
}

/** The model in CPLEX LP format, which HiGHS reads. Columns are named `x0`, `x1`, ... */
export function lpText(model: LinearModel): string {
  const objective = sumText(model.worth.map((worth, column): [number, number] => [column, worth]))
  const rows = model.rows.flatMap((row, index) => {
    const sum = sumText(row.terms)
    if (row.lower === row.upper) return [` r${index}: ${sum} = ${row.upper}`]
    const upper = Number.isFinite(row.upper) ? [` u${index}: ${sum} <= ${row.upper}`] : []
    const lower = Number.isFinite(row.lower) ? [` l${index}: ${sum} >= ${row.lower}`] : []
    return [...upper, ...lower]
  })
  const bounds = model.lower.map((lower, column) => {
    const upper = model.upper[column] ?? Number.POSITIVE_INFINITY
    return Number.isFinite(upper) ? ` ${lower} <= x${column} <= ${upper}` : ` x${column} >= ${lower}`
  })
  const semi =
    model.zeroOr.length === 0 ? [] : ['Semi-continuous', ...model.zeroOr.map((column) => ` x${column}`)]
  return ['Maximize', ` o: ${objective}`, 'Subject To', ...rows, 'Bounds', ...bounds, ...semi, 'End'].join(
    '\n',
  )
}
