import type { SiteModel } from '../../src/simulator/index.ts'

/** What the physics say about one node over the whole run. */
export interface Verdict {
  readonly nodeId: string
  readonly longestExcursionMs: number
  readonly ampereSecondsAbove: number
  readonly highestExcessA: number
  /** Time above the limit that no disturbance explains: must be 0. */
  readonly unexplainedMs: number
}

export interface Excursion {
  readonly nodeId: string
  readonly at: string
  readonly lastedMs: number
  readonly excessA: number
  readonly after: string
  readonly explained: boolean
}

/** What a disturbance from outside is given until the site must be back within its limit. */
export const RECOVERY_MS = 10_000
const LOOK_EVERY_MS = 100

/**
 * Watches the site model. Above a limit is allowed only for `RECOVERY_MS` after a disturbance from outside was
 * announced; whatever else is above is unexplained, and so is what a disturbance leaves behind for longer.
 */
export class Judge {
  readonly excursions: Excursion[] = []
  readonly #site: SiteModel
  readonly #timer: NodeJS.Timeout
  readonly #aboveMs = new Map<string, number>()
  readonly #unexplainedMs = new Map<string, number>()
  readonly #open = new Map<string, { startMs: number; excessA: number; after: string; explained: boolean }>()
  #last = { label: 'start', atMs: 0 }
  #graceUntilMs = 0

  constructor(site: SiteModel) {
    this.#site = site
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** Something happens to the site that Gridkeep can only answer. */
  disturb(label: string): void {
    this.#look()
    this.#last = { label, atMs: Date.now() }
    this.#graceUntilMs = Date.now() + RECOVERY_MS
  }

  /** Remembered beside excursions, but excuses none. */
  note(label: string): void {
    this.#last = { label, atMs: Date.now() }
  }

  stop(): Verdict[] {
    clearInterval(this.#timer)
    this.#look()
    return this.#site.records().map((record) => ({
      nodeId: record.id,
      longestExcursionMs: record.longestExcursionMs,
      ampereSecondsAbove: record.ampereSecondsAbove,
      highestExcessA: record.highestExcessA,
      unexplainedMs: this.#unexplainedMs.get(record.id) ?? 0,
    }))
  }

  #look(): void {
    const nowMs = Date.now()
    for (const record of this.#site.records()) {
      const newMs = record.msAbove - (this.#aboveMs.get(record.id) ?? 0)
      this.#aboveMs.set(record.id, record.msAbove)
      // A look later than the end of the grace still sees time that belongs to it.
      const excused = nowMs <= this.#graceUntilMs + LOOK_EVERY_MS
      if (newMs > 0 && !excused)
        this.#unexplainedMs.set(record.id, (this.#unexplainedMs.get(record.id) ?? 0) + newMs)
      this.#follow(record.id, nowMs, excused, excessOf(record))
    }
  }

  #follow(nodeId: string, nowMs: number, excused: boolean, excessA: number): void {
    const open = this.#open.get(nodeId)
    if (excessA > 0) {
      const after = open?.after ?? `${this.#last.label}, ${nowMs - this.#last.atMs} ms before`
      this.#open.set(nodeId, {
        startMs: open?.startMs ?? nowMs,
        excessA: Math.max(open?.excessA ?? 0, excessA),
        after,
        explained: (open?.explained ?? true) && excused,
      })
    } else if (open) {
      this.#open.delete(nodeId)
      const { startMs, after, explained } = open
      this.excursions.push({
        nodeId,
        at: new Date(startMs).toISOString(),
        lastedMs: nowMs - startMs,
        excessA: Math.round(open.excessA * 10) / 10,
        after,
        explained,
      })
    }
  }
}

function excessOf(record: { currentA: readonly number[]; limitA: readonly number[] }): number {
  return Math.max(
    0,
    ...record.currentA.map((value, phase) => {
      const above = value - (record.limitA[phase] ?? 0)
      return above > 1e-6 ? above : 0
    }),
  )
}
