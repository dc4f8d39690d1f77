/** `npm run chaos -- [--world mixed] [--minutes 10] [--seed 1]`: a site's invariant under lasting trouble. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reportLines } from './report.ts'
import { runWorld } from './run.ts'
import { sitePlan, WORLDS } from './sites.ts'
import { CHAOS_SETTINGS, World } from './world.ts'

const { values } = parseArgs({
  options: {
    world: { type: 'string', default: 'mixed' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    stations: { type: 'string' },
    calm: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const name = WORLDS.find((one) => one === values.world)
if (name === undefined) throw new Error(`--world is one of ${WORLDS.join(', ')}`)
const print = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`)

const dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-chaos-'))
const world = await World.start({
  dataDir,
  plan: sitePlan(name, values.stations === undefined ? undefined : Number(values.stations)),
  seed: Number(values.seed),
  settings: CHAOS_SETTINGS,
})
try {
  await world.open()
  const report = await runWorld({
    world,
    name,
    seed: Number(values.seed),
    durationMs: Number(values.minutes) * 60_000,
    settleMs: 30_000,
    calm: values.calm,
    print: values.verbose ? print : () => undefined,
  })
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else for (const line of reportLines(report)) print(line)
  process.exitCode = report.kept ? 0 : 1
} finally {
  await world.stop()
  await rm(dataDir, { recursive: true, force: true })
}
