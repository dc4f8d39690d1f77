const DAY_S = 86_400
/** A limit that is not as usual is expected to come back to it within some hours. */
const MEMORY_S = 3 * 3600
/** What counts as now, as usual today, and as around the same time, in seconds. */
const NOW_S = 900
const TODAY_S = 8 * 3600
const AROUND_S = 1_800

/** Limits of the past two days by step, for saying what they will be. Keeps no more than that. */
export class LimitHistory {
  readonly #stepS: number
  readonly #limits = new Map<number, Float64Array>()

  constructor(stepS: number) {
    this.#stepS = stepS
  }

  /** Steps count in `stepS` from any time on. */
  add(step: number, limits: Float64Array): void {
    this.#limits.set(step, limits)
    const oldest = step - (2 * DAY_S) / this.#stepS
    for (const key of this.#limits.keys()) {
      if (key >= oldest) break
      this.#limits.delete(key)
    }
  }

  /**
   * Mean limits to expect from `startS` after step `now` for `durationS`: as yesterday at the same time, or as today so
   * far where there is no yesterday, shifted by how far the present is from what that would have said for now. The
   * shift fades: a cut that comes later than yesterday or not at all is neither believed in until its hour is over nor
   * forgotten at once. `caution` takes off that many standard deviations of the limits around that time.
   */
  expected(options: {
    readonly now: number
    readonly startS: number
    readonly durationS: number
    readonly caution: number
  }): Float64Array {
    const { now, caution } = options
    const day = this.#steps(DAY_S)
    const lead = this.#steps(options.startS)
    const steps = Math.max(1, this.#steps(options.durationS))
    const from = now + lead - day
    const few = Math.max(1, this.#steps(NOW_S))
    const recent = this.#between(now - few + 1, now + 1)
    const yesterday = this.#between(from, from + steps)
    const known = yesterday.length > 0
    const sameTime = known
      ? this.#between(now - day - few + 1, now - day + 1)
      : this.#between(now - this.#steps(TODAY_S), now + 1)
    const usual = known ? yesterday : sameTime
    const believed = sameTime.length > 0 ? sameTime : recent
    const around = known
      ? this.#between(from - this.#steps(AROUND_S), from + steps + this.#steps(AROUND_S))
      : this.#between(now - 2 * this.#steps(AROUND_S), now + 1)
    const memory = Math.max(1, this.#steps(MEMORY_S))
    const kept = (memory * (Math.exp(-lead / memory) - Math.exp(-(lead + steps) / memory))) / steps
    const latest = recent.at(-1) ?? new Float64Array(0)
    return latest.map((_, row) => {
      const at = (limits: Float64Array) => limits[row] ?? 0
      const offUsual = average(recent.map(at)) - average(believed.map(at))
      const spread = caution === 0 ? 0 : deviation(around.map(at))
      return Math.max(0, average(usual.map(at)) + kept * offUsual - caution * spread)
    })
  }

  #steps(seconds: number): number {
    return Math.max(0, Math.round(seconds / this.#stepS))
  }

  #between(from: number, to: number): Float64Array[] {
    const found: Float64Array[] = []
    for (let step = from; step < to; step++) {
      const limits = this.#limits.get(step)
      if (limits) found.push(limits)
    }
    return found
  }
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

function deviation(values: readonly number[]): number {
  const mean = average(values)
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)))
}
