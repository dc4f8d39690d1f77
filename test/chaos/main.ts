/** `npm run chaos -- [--minutes 10] [--seed 1] [--stations 12] [--mix sockets|mixed]`: the site's invariant under lasting trouble. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createRandom } from '../../src/simulator/index.ts'
import { Judge, RECOVERY_MS } from './judge.ts'
import { runChaos } from './run.ts'
import { World } from './world.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    stations: { type: 'string', default: '12' },
    mix: { type: 'string', default: 'mixed' },
    verbose: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const print = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`)

const dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-chaos-'))
const world = await World.start({
  dataDir,
  stations: Number(values.stations),
  seed,
  mix: values.mix === 'sockets' ? 'sockets' : 'mixed',
  // Often enough that stations in trouble are asked what they hold, too.
  settings: { 'energy.readBackS': '20' },
})
try {
  await world.open()
  const judge = new Judge(world.site)
  const random = createRandom(seed).fork('cars')
  for (const station of world.fleet.stations) world.plug(station, random)
  await sleep(15_000)
  const counts = await runChaos({
    world,
    judge,
    seed,
    durationMs: Number(values.minutes) * 60_000,
    print: values.verbose ? print : () => undefined,
  })
  const verdicts = judge.stop()
  for (const excursion of judge.excursions) print(JSON.stringify(excursion))
  print(`troubles ${JSON.stringify(Object.fromEntries(counts))}`)
  for (const verdict of verdicts) print(JSON.stringify(verdict))
  const kept = verdicts.every(
    (verdict) => verdict.unexplainedMs === 0 && verdict.longestExcursionMs <= RECOVERY_MS,
  )
  const kWh = (world.fleet.counters().energyWh / 1000).toFixed(1)
  print(`${kept ? 'kept' : 'BROKEN'}: seed ${seed}, ${values.minutes} minutes, ${kWh} kWh delivered`)
  process.exitCode = kept ? 0 : 1
} finally {
  await world.stop()
  await rm(dataDir, { recursive: true, force: true })
}
