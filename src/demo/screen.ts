/** What the demo shows: what happens, line by line, and every few seconds where the site stands. */

import type { CliIo } from '../cli/io.ts'

const BAR_CELLS = 30

export interface Standing {
  readonly elapsedMs: number
  readonly loadA: readonly number[]
  readonly limitA: number
  readonly charging: number
  readonly online: number
  readonly stations: number
  readonly certificates: number
  readonly contracts: number
  readonly kWh: number
}

export class Screen {
  readonly #io: CliIo
  readonly #startedMs: number

  constructor(io: CliIo, startedMs: number) {
    this.#io = io
    this.#startedMs = startedMs
  }

  event(nowMs: number, text: string): void {
    this.#io.err(`${clock(nowMs - this.#startedMs)}  ${text}\n`)
  }

  standing(now: Standing): void {
    const head = `${clock(now.elapsedMs)}  site: ${now.charging} charging, ${now.online}/${now.stations} stations online, ${now.certificates} certificates issued, ${now.contracts} contracts installed, ${now.kWh.toFixed(2)} kWh`
    const phases = now.loadA.map((loadA, index) => {
      const cells = Math.max(0, Math.min(BAR_CELLS, Math.round((loadA / now.limitA) * BAR_CELLS)))
      return `         L${index + 1} ${'#'.repeat(cells).padEnd(BAR_CELLS, '.')} ${loadA.toFixed(1).padStart(5)} A of ${now.limitA} A`
    })
    this.#io.err(`${[head, ...phases].join('\n')}\n`)
  }
}

function clock(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1000))
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}
