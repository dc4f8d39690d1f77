import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../../src/simulator/index.ts'
import { Ideal } from './ideal.ts'
import { Judge } from './judge.ts'
import { judgeRun, LONG_RUN_MS, type Report } from './report.ts'
import type { WorldName } from './sites.ts'
import {
  NOT_NOW,
  outsideTroubles,
  type Scene,
  serviceDies,
  stationTroubles,
  type Trouble,
} from './troubles.ts'
import type { World } from './world.ts'

export interface ChaosOptions {
  readonly world: World
  readonly name: WorldName
  readonly seed: number
  readonly durationMs: number
  /** How long cars charge in peace before the judge looks. */
  readonly settleMs: number
  readonly calm?: boolean
  readonly print: (line: string) => void
}

const STATION_LANES = 3

/** Plugs a car in everywhere, lets trouble loose, and says what became of the site. */
export async function runWorld(options: ChaosOptions): Promise<Report> {
  const { world, name, seed, durationMs } = options
  const cars = createRandom(seed).fork('cars')
  for (const station of world.fleet.stations) world.plug(station, cars)
  await sleep(options.settleMs)
  const judge = new Judge(world.site, () => world.scene())
  const ideal = new Ideal(world.site, world.fleet.stations)
  const beforeWh = world.fleet.counters().energyWh
  const troubles = await runChaos({ ...options, judge })
  return judgeRun({
    world: name,
    seed,
    minutes: durationMs / 60_000,
    troubles: Object.fromEntries(troubles),
    nodes: judge.stop(),
    excursions: judge.excursions,
    deliveredWh: world.fleet.counters().energyWh - beforeWh,
    idealWh: ideal.stop(),
  })
}

/**
 * Several stations have trouble at a time, whatever else happens; what comes from outside comes one after the other,
 * and so do the service's deaths, so that every excursion has one cause to answer for.
 */
async function runChaos(options: ChaosOptions & { judge: Judge }): Promise<ReadonlyMap<string, number>> {
  const { world, judge, seed, durationMs } = options
  const endMs = Date.now() + durationMs
  const random = createRandom(seed)
  const counts = new Map<string, number>()
  if (options.calm) {
    await sleep(durationMs)
    return counts
  }
  const lane = async (name: string, next: () => Trouble): Promise<void> => {
    const own = random.fork(name)
    const scene: Scene = {
      world,
      judge,
      random: own,
      pause: (ms) => sleep(Math.max(0, Math.min(ms, endMs - Date.now()))),
      say: (what) => options.print(`${name}: ${what}`),
    }
    while (Date.now() < endMs) {
      const trouble = next()
      scene.say(trouble.name)
      const had = (await trouble.run(scene)) !== NOT_NOW
      if (had) counts.set(trouble.name, (counts.get(trouble.name) ?? 0) + 1)
      await scene.pause(own.between(500, 3_000))
    }
  }
  const short = durationMs < LONG_RUN_MS
  const stationTurns = turns(
    stationTroubles.filter((trouble) => !(short && trouble.long)),
    random.fork('stations'),
  )
  const outside = turns(
    outsideTroubles.filter((trouble) => trouble.possible?.(world) ?? true),
    random.fork('order'),
  )
  let turn = 0
  await Promise.all([
    ...Array.from({ length: STATION_LANES }, (_, index) => lane(`station ${index + 1}`, stationTurns)),
    lane('outside', () => (turn++ % 2 === 0 ? serviceDies : outside())),
  ])
  return counts
}

/** All of them in some order, then all in another: none is left out in a run that is long enough. */
function turns(troubles: readonly Trouble[], random: Random): () => Trouble {
  let left: Trouble[] = []
  return () => {
    if (left.length === 0) left = shuffled(troubles, random)
    return left.pop() ?? serviceDies
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
