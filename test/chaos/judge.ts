import type { SiteModel } from '../../src/simulator/index.ts'

/** What was above a node's limits. */
export interface Above {
  readonly ms: number
  readonly longestMs: number
  readonly ampereSeconds: number
  readonly highestA: number
}

/** What the physics say about one node over the whole run. */
export interface Verdict {
  readonly nodeId: string
  /** What no disturbance explains: must be nothing. */
  readonly normal: Above
  /** In the seconds that a disturbance from outside is given. */
  readonly disturbed: Above
  /** The longest in one piece, whatever explains it. */
  readonly longestExcursionMs: number
}

export interface Excursion {
  readonly nodeId: string
  readonly at: string
  readonly lastedMs: number
  readonly excessA: number
  readonly after: string
  readonly explained: boolean
  /** What was seen when it began, where it is not explained. */
  readonly scene: unknown
}

/** What a disturbance from outside is given until the site must be back within its limit. */
export const RECOVERY_MS = 10_000
const LOOK_EVERY_MS = 100

type Tally = { -readonly [Name in keyof Above]: Above[Name] } & { runMs: number }
interface Books {
  readonly normal: Tally
  readonly disturbed: Tally
  seen: { msAbove: number; ampereSecondsAbove: number }
}
interface Open {
  readonly startMs: number
  readonly after: string
  readonly scene: unknown
  excessA: number
  explained: boolean
}

/**
 * Watches the site model. Above a limit is allowed only for `RECOVERY_MS` after a disturbance from outside was
 * announced; whatever else is above is unexplained, and so is what a disturbance leaves behind for longer.
 */
export class Judge {
  readonly excursions: Excursion[] = []
  readonly #site: SiteModel
  readonly #describe: () => unknown
  readonly #timer: NodeJS.Timeout
  readonly #books = new Map<string, Books>()
  readonly #open = new Map<string, Open>()
  #last = { label: 'start', atMs: 0 }
  #graceUntilMs = 0

  constructor(site: SiteModel, describe: () => unknown = () => null) {
    this.#site = site
    this.#describe = describe
    site.reset()
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
    return this.#site.records().map(({ id, longestExcursionMs }) => {
      const { normal, disturbed } = this.#booksOf(id)
      return { nodeId: id, normal: above(normal), disturbed: above(disturbed), longestExcursionMs }
    })
  }

  #look(): void {
    const nowMs = Date.now()
    // A look later than the end of the grace still sees time that belongs to it.
    const excused = nowMs <= this.#graceUntilMs + LOOK_EVERY_MS
    for (const record of this.#site.records()) {
      const books = this.#booksOf(record.id)
      const tally = excused ? books.disturbed : books.normal
      const newMs = record.msAbove - books.seen.msAbove
      tally.ms += newMs
      tally.ampereSeconds += record.ampereSecondsAbove - books.seen.ampereSecondsAbove
      tally.highestA = Math.max(tally.highestA, record.excessA)
      tally.runMs = newMs > 0 ? tally.runMs + newMs : 0
      tally.longestMs = Math.max(tally.longestMs, tally.runMs)
      books.seen = record
      this.#follow(record.id, nowMs, excused, record.excessA)
    }
  }

  #booksOf(nodeId: string): Books {
    const known = this.#books.get(nodeId)
    if (known !== undefined) return known
    const made = { normal: nothing(), disturbed: nothing(), seen: { msAbove: 0, ampereSecondsAbove: 0 } }
    this.#books.set(nodeId, made)
    return made
  }

  #follow(nodeId: string, nowMs: number, excused: boolean, excessA: number): void {
    const open = this.#open.get(nodeId)
    if (excessA > 0) {
      if (open !== undefined) {
        open.excessA = Math.max(open.excessA, excessA)
        open.explained &&= excused
        return
      }
      const after = `${this.#last.label}, ${nowMs - this.#last.atMs} ms before`
      const scene = this.#describe()
      this.#open.set(nodeId, { startMs: nowMs, after, scene, excessA, explained: excused })
    } else if (open !== undefined) {
      this.#open.delete(nodeId)
      const { startMs, after, explained } = open
      this.excursions.push({
        nodeId,
        at: new Date(startMs).toISOString(),
        lastedMs: nowMs - startMs,
        excessA: Math.round(open.excessA * 10) / 10,
        after,
        explained,
        scene: explained ? null : open.scene,
      })
    }
  }
}

const nothing = (): Tally => ({ ms: 0, longestMs: 0, ampereSeconds: 0, highestA: 0, runMs: 0 })

function above({ ms, longestMs, ampereSeconds, highestA }: Tally): Above {
  const round = (value: number) => Math.round(value * 100) / 100
  return {
    ms: Math.round(ms),
    longestMs: Math.round(longestMs),
    ampereSeconds: round(ampereSeconds),
    highestA: round(highestA),
  }
}
