import type { Random, Station } from '../../src/simulator/index.ts'
import type { Judge } from './judge.ts'
import { CIRCUIT_LIMIT_A, GRID_LIMIT_A, type World } from './world.ts'

/** One thing that goes wrong. Ends by itself; what it starts, it undoes. */
export interface Trouble {
  readonly name: string
  run(scene: Scene): Promise<void>
}

export interface Scene {
  readonly world: World
  readonly judge: Judge
  readonly random: Random
  /** Waits in real time: the service under test has no other. */
  pause(ms: number): Promise<void>
}

function anyStation({ world, random }: Scene): Station {
  const [first, ...rest] = world.fleet.stations
  if (!first) throw new Error('A fleet without stations')
  return random.pick([first, ...rest])
}

async function withFault(
  scene: Scene,
  faults: Parameters<Station['faults']['set']>[0],
  lastsMs: number,
): Promise<void> {
  const station = anyStation(scene)
  station.faults.set(faults)
  await scene.pause(lastsMs)
  station.faults.set(Object.fromEntries(Object.keys(faults).map((name) => [name, undefined])))
}

/** Which stations cannot answer in time is their affair: none of these excuses an excursion. */
export const stationTroubles: readonly Trouble[] = [
  {
    name: 'answers late',
    run: (scene) => withFault(scene, { answerDelayMs: { minMs: 500, maxMs: 6_000 } }, 8_000),
  },
  { name: 'refuses half', run: (scene) => withFault(scene, { rejectProbability: 0.5 }, 8_000) },
  { name: 'stays silent', run: (scene) => withFault(scene, { silenceProbability: 0.7 }, 8_000) },
  { name: 'drops the link', run: (scene) => withFault(scene, { dropProbability: 0.5 }, 6_000) },
  {
    name: 'goes offline',
    run: async (scene) => {
      anyStation(scene).goOffline(5_000)
      await scene.pause(6_000)
    },
  },
  {
    name: 'reboots',
    run: async (scene) => {
      anyStation(scene).reboot('Watchdog')
      await scene.pause(5_000)
    },
  },
  { name: 'draws under', run: (scene) => withFault(scene, { drawFactor: 0.4 }, 8_000) },
  { name: 'meter freezes', run: (scene) => withFault(scene, { frozenMeter: true }, 8_000) },
  { name: 'meter falls silent', run: (scene) => withFault(scene, { silentMeter: true }, 8_000) },
  { name: 'clock runs ahead', run: (scene) => withFault(scene, { clockSkewMs: 25_000 }, 15_000) },
  { name: 'clock runs behind', run: (scene) => withFault(scene, { clockSkewMs: -25_000 }, 15_000) },
  {
    name: 'car leaves and another comes',
    run: async (scene) => {
      const station = anyStation(scene)
      for (const { id, vehicle } of station.evses) if (vehicle) station.unplug(id)
      await scene.pause(1_500)
      scene.world.plug(station, scene.random)
      await scene.pause(2_000)
    },
  },
]

/** What comes from outside: the site may be above its limit until Gridkeep has answered. */
export const outsideTroubles: readonly Trouble[] = [
  {
    name: 'limit is cut',
    run: async ({ world, judge, random, pause }) => {
      const node = random.pick(['grid', 'garage'] as const)
      const limitA = node === 'grid' ? GRID_LIMIT_A : CIRCUIT_LIMIT_A
      const cutA = Math.round(limitA * random.between(0.3, 0.7))
      judge.disturb(`limit of ${node} cut to ${cutA} A`)
      world.site.setLimit(node, cutA)
      await world.setLimit(node, cutA)
      await pause(12_000)
      await world.clearLimit()
      world.site.setLimit(node, limitA)
    },
  },
  {
    name: 'building load jumps',
    run: async ({ world, judge, random, pause }) => {
      const loadA = random.between(10, 30)
      judge.disturb(`building load jumps to ${loadA.toFixed(0)} A`)
      world.site.setBaseLoad('grid', [loadA, loadA * 0.8, loadA * 0.6])
      await pause(12_000)
      world.site.setBaseLoad('grid', [5, 4, 3])
    },
  },
  {
    name: 'station ignores limits',
    run: async (scene) => {
      scene.judge.disturb('a station ignores limits')
      await withFault(scene, { ignoreLimits: true }, 15_000)
    },
  },
  {
    name: 'station lies about phases',
    run: async (scene) => {
      scene.judge.disturb('a station lies about phases')
      await withFault(
        scene,
        { phaseLie: scene.random.pick(['rotate', 'l1-only', 'spread'] as const) },
        12_000,
      )
      // What was learned from the lie is wrong until it has been measured again.
      scene.judge.disturb('a station stops lying about phases')
    },
  },
  {
    name: 'meter of the site falls silent',
    run: async ({ world, judge, pause }) => {
      judge.note('the meter falls silent')
      world.silenceMeter('grid', true)
      await pause(8_000)
      world.silenceMeter('grid', false)
    },
  },
]

/** The service dies under load and comes back. Nobody outside changed anything: it excuses nothing. */
export const serviceDies: Trouble = {
  name: 'service is killed',
  run: async ({ world, judge, random, pause }) => {
    judge.note('the service is killed')
    await world.killService()
    await pause(random.between(500, 4_000))
    await world.restartService()
    judge.note('the service is back')
    await pause(4_000)
  },
}
