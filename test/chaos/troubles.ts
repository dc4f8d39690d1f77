import type { PhaseCurrents, Random, Station } from '../../src/simulator/index.ts'
import type { Judge } from './judge.ts'
import type { World } from './world.ts'

/** One thing that goes wrong. Ends by itself; what it starts, it undoes. */
export interface Trouble {
  readonly name: string
  /** Takes a minute or two: nothing for a short run. */
  readonly long?: true
  /** Whether this site can have it at all. */
  readonly possible?: (world: World) => boolean
  /** `NOT_NOW` where the site is in no state for it. */
  run(scene: Scene): Promise<unknown>
}

export const NOT_NOW = 'not now'

export interface Scene {
  readonly world: World
  readonly judge: Judge
  readonly random: Random
  /** Waits in real time: the service under test has no other. */
  pause(ms: number): Promise<void>
  /** For those who follow the run. */
  say(what: string): void
}

function anyStation({ world, random, say }: Scene, fit: (station: Station) => boolean = () => true): Station {
  const [first, ...rest] = world.fleet.stations.filter(fit)
  if (!first) throw new Error('A fleet without stations for this')
  const station = random.pick([first, ...rest])
  say(station.id)
  return station
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

async function changeCars({ world, random, pause }: Scene, station: Station): Promise<void> {
  for (const { id, vehicle } of station.evses) if (vehicle) station.unplug(id)
  await pause(1_500)
  world.plug(station, random)
}

/** Beyond the leases of `CHAOS_SETTINGS` and the clock differences allowed for. */
const LONG_MS = 110_000

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
      await changeCars(scene, anyStation(scene))
      await scene.pause(2_000)
    },
  },
  {
    // Longer than what it was granted last, and its cars come and go meanwhile.
    name: 'is out of reach for long',
    long: true,
    run: async (scene) => {
      const station = anyStation(scene)
      station.goOffline(LONG_MS)
      await scene.pause(LONG_MS / 2)
      await changeCars(scene, station)
      await scene.pause(LONG_MS / 2)
    },
  },
  {
    // Longer than any reading counts.
    name: 'meter falls silent for long',
    long: true,
    run: (scene) => withFault(scene, { silentMeter: true }, 60_000),
  },
]

/** A car takes what it is wrongly offered some seconds later: until then there is nothing that anybody could see. */
const BITES_WITHIN_MS = 8_000

function drawnA(station: Station): number {
  return station.evses.reduce((sum, { currents }) => sum + Math.max(...currents), 0)
}

/** One station at all it can give beside what nobody can reach: if that is too much, no other can make room for it. */
function atWorst(world: World, station: Station): ReadonlyMap<string, PhaseCurrents> {
  const draws = world.outOfReach()
  for (const { id, supply } of station.evses) {
    const { maxCurrentA, maxDcPowerW, voltageV, phases } = supply
    const currentA = supply.kind === 'DC' ? maxDcPowerW / (3 * voltageV) : maxCurrentA
    draws.set(`${station.id}/${id}`, [currentA, phases > 1 ? currentA : 0, phases > 2 ? currentA : 0])
  }
  return draws
}

/** What comes from outside: the site may be above its limit until Gridkeep has answered. */
export const outsideTroubles: readonly Trouble[] = [
  {
    name: 'limit is cut',
    run: async ({ world, judge, random, pause }) => {
      const nodeId = random.pick(world.plan.cuttable)
      const { limitA, currentA } = world.site.record(nodeId)
      // Below what flows now, and above what no profile can change.
      const fixedA = Math.max(0, ...world.site.loadedA(nodeId, world.outOfReach()))
      const flowsA = Math.max(...currentA, 0.3 * Math.max(...limitA))
      const cutA = Math.ceil(fixedA + 3 + (flowsA - fixedA) * random.between(0.3, 0.8))
      judge.disturb(`limit of ${nodeId} cut to ${cutA} A while ${flowsA.toFixed(0)} A flow`)
      world.site.setLimit(nodeId, cutA)
      await world.setLimit(nodeId, cutA)
      await pause(12_000)
      await world.clearLimit()
      world.site.setLimit(nodeId, limitA)
    },
  },
  {
    name: 'building load jumps',
    run: async ({ world, judge, random, pause }) => {
      const { buildingA, solarA } = world.plan
      const { limitA } = world.site.record('grid')
      const roomA = Math.min(...limitA) - Math.max(...world.site.loadedA('grid', world.outOfReach())) - 3
      const moreA = Math.min(random.between(8, 25), roomA)
      if (moreA < 3) return NOT_NOW
      judge.disturb(`the building takes ${moreA.toFixed(0)} A more`)
      const [one, two, three] = buildingA
      world.building([one + moreA, two + moreA * 0.8, three + moreA * 0.6], solarA)
      await pause(12_000)
      world.building(buildingA, solarA)
    },
  },
  {
    name: 'cloud covers the sun',
    possible: (world) => world.plan.solarA > 0,
    run: async ({ world, judge, random, pause }) => {
      const { buildingA, solarA } = world.plan
      const { limitA } = world.site.record('grid')
      if (Math.max(...world.site.loadedA('grid', world.outOfReach())) + solarA > Math.min(...limitA))
        return NOT_NOW
      judge.disturb('a cloud covers the sun')
      world.building(buildingA, solarA * random.between(0, 0.4))
      await pause(12_000)
      world.building(buildingA, solarA)
    },
  },
  {
    name: 'station ignores limits',
    run: async (scene) => {
      const { world, judge, pause } = scene
      // Shared power modules cannot give more than they have, whatever the station ignores.
      const shares = new Set(world.sharedModules)
      const bearable = (station: Station) =>
        !shares.has(station.id) && world.site.carries(atWorst(world, station))
      if (!world.fleet.stations.some(bearable)) return NOT_NOW
      const station = anyStation(scene, bearable)
      judge.disturb('a station ignores limits')
      const beforeA = drawnA(station)
      station.faults.set({ ignoreLimits: true })
      for (let waitedMs = 0; waitedMs < BITES_WITHIN_MS && drawnA(station) < beforeA + 1; waitedMs += 100)
        await pause(100)
      if (drawnA(station) >= beforeA + 1) judge.disturb('a station that ignores limits takes more')
      await pause(15_000)
      station.faults.set({ ignoreLimits: undefined })
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
    run: async ({ world, judge, random, pause }) => {
      const nodeId = random.pick(world.meters)
      judge.note(`the meter of ${nodeId} falls silent`)
      world.silenceMeter(nodeId, true)
      await pause(8_000)
      world.silenceMeter(nodeId, false)
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
