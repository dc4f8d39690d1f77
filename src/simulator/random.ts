/** Seeded randomness (xoshiro128**): the same seed gives the same fleet, faults and back-off. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform in [min, max). */
  between(min: number, max: number): number
  /** Uniform integer in [min, max]. */
  integer(min: number, max: number): number
  /** True with the given probability. */
  chance(probability: number): boolean
  pick<T>(items: readonly [T, ...T[]]): T
  /** Normal distribution, for cars and arrivals. */
  normal(mean: number, deviation: number): number
  /** An independent stream, so that one consumer's draws do not shift another's. */
  fork(label: string): Random
}

/** FNV-1a, to turn labels such as station ids into seeds. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

function splitMix(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}

export function createRandom(seed: number): Random {
  const fill = splitMix(seed)
  let a = fill()
  let b = fill()
  let c = fill()
  let d = fill()
  const rotl = (value: number, by: number) => (value << by) | (value >>> (32 - by))
  const next = () => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotl(d, 11)
    return result / 2 ** 32
  }
  const between = (min: number, max: number) => min + next() * (max - min)
  return {
    next,
    between,
    integer: (min, max) => Math.floor(between(min, max + 1)),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    normal: (mean, deviation) => {
      const radius = Math.sqrt(-2 * Math.log(1 - next()))
      return mean + deviation * radius * Math.cos(2 * Math.PI * next())
    },
    fork: (label) => createRandom((seedOf(label) ^ Math.imul(seed, 0x9e3779b1)) >>> 0),
  }
}
