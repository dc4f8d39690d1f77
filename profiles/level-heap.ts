/**
 * Rows by the level at which they fill. Levels may have risen since a row was pushed; `popBelow` asks again, and
 * puts a row back whose level rose. A row pushed twice is popped at its lower level first.
 */
export class LevelHeap {
  readonly #rows: number[] = []
  readonly #levels: number[] = []
  poppedLevel = 0

  clear(): void {
    this.#rows.length = 0
    this.#levels.length = 0
  }

  push(row: number, level: number): void {
    if (level === Number.POSITIVE_INFINITY) return
    let at = this.#rows.length
    this.#rows.push(row)
    this.#levels.push(level)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#levels[parent] ?? 0) <= level) break
      this.#move(parent, at)
      at = parent
    }
    this.#rows[at] = row
    this.#levels[at] = level
  }

  /** Takes the row that fills first, if it does so at or below `level`; -1 otherwise. */
  popBelow(level: number, levelOf: (row: number) => number): number {
    while (this.#rows.length > 0) {
      const top = this.#levels[0] ?? 0
      if (top > level) return -1
      const row = this.#rows[0] ?? 0
      this.#removeTop()
      const actual = levelOf(row)
      if (actual <= top + 1e-12 * Math.max(1, Math.abs(top))) {
        this.poppedLevel = actual
        return row
      }
      this.push(row, actual)
    }
    return -1
  }

  #move(from: number, to: number): void {
    this.#rows[to] = this.#rows[from] ?? 0
    this.#levels[to] = this.#levels[from] ?? 0
  }

  #removeTop(): void {
    const lastRow = this.#rows.pop()
    const lastLevel = this.#levels.pop()
    const size = this.#rows.length
    if (lastRow === undefined || lastLevel === undefined || size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && (this.#levels[child + 1] ?? 0) < (this.#levels[child] ?? 0)) child++
      if ((this.#levels[child] ?? 0) >= lastLevel) break
      this.#move(child, at)
      at = child
    }
    this.#rows[at] = lastRow
    this.#levels[at] = lastLevel
  }
}
