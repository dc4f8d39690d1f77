import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../../src/simulator/index.ts'
import type { Judge } from './judge.ts'
import { outsideTroubles, type Scene, serviceDies, stationTroubles, type Trouble } from './troubles.ts'
import type { World } from './world.ts'

export interface ChaosOptions {
  readonly world: World
  readonly judge: Judge
  readonly seed: number
  readonly durationMs: number
  readonly print: (line: string) => void
}

/** How many troubles of each name were had. */
export type Troubles = ReadonlyMap<string, number>

const STATION_LANES = 3

/**
 * Several stations have trouble at a time, whatever else happens; what comes from outside comes one after the other,
 * and so do the service's deaths, so that every excursion has one cause to answer for.
 */
export async function runChaos(options: ChaosOptions): Promise<Troubles> {
  const { world, judge, seed, durationMs } = options
  const endMs = Date.now() + durationMs
  const random = createRandom(seed)
  const counts = new Map<string, number>()
  const lane = async (name: string, pick: (random: Random) => Trouble): Promise<void> => {
    const own = random.fork(name)
    const scene: Scene = {
      world,
      judge,
      random: own,
      pause: (ms) => sleep(Math.max(0, Math.min(ms, endMs - Date.now()))),
    }
    while (Date.now() < endMs) {
      const trouble = pick(own)
      options.print(`${name}: ${trouble.name}`)
      await trouble.run(scene)
      counts.set(trouble.name, (counts.get(trouble.name) ?? 0) + 1)
      await scene.pause(own.between(500, 3_000))
    }
  }
  const outside = shuffled(outsideTroubles, random.fork('order'))
  let turn = 0
  await Promise.all([
    ...Array.from({ length: STATION_LANES }, (_, index) =>
      lane(`station ${index + 1}`, (own) => own.pick(stationTroubles as [Trouble, ...Trouble[]])),
    ),
    lane('outside', () => {
      const at = turn++
      return at % 2 === 0 ? serviceDies : (outside[Math.floor(at / 2) % outside.length] ?? serviceDies)
    }),
  ])
  return counts
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
