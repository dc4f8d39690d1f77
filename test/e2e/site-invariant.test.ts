import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRandom } from '../../src/simulator/index.ts'
import { Judge, RECOVERY_MS } from '../chaos/judge.ts'
import { runChaos } from '../chaos/run.ts'
import { GRID_LIMIT_A, World } from '../chaos/world.ts'

const SEED = 7
const STATIONS = 12
const TROUBLE_MS = 30_000

let dataDir: string
let world: World

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-invariant-'))
  world = await World.start({ dataDir, stations: STATIONS, seed: SEED })
})
afterEach(async () => {
  await world.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

// The long form is test/chaos/main.ts, with any seed and for as long as you like.
test('a full site stays within its limit while stations misbehave and the service is killed, and is back within 10 s after a blow from outside', async () => {
  await world.open()
  const judge = new Judge(world.site)
  const random = createRandom(SEED)
  for (const station of world.fleet.stations) world.plug(station, random)
  // The promise is worth something only where the site is full.
  await expect
    .poll(() => Math.max(...world.site.record('grid').highestA), { timeout: 60_000, interval: 250 })
    .toBeGreaterThan(0.6 * GRID_LIMIT_A)
  const troubles = await runChaos({
    world,
    judge,
    seed: SEED,
    durationMs: TROUBLE_MS,
    print: () => undefined,
  })
  expect(troubles.get('service is killed')).toBeGreaterThan(0)
  const verdicts = judge.stop()
  for (const verdict of verdicts) {
    const { nodeId, longestExcursionMs, ampereSecondsAbove } = verdict
    process.stdout.write(
      `${nodeId}: longest excursion ${longestExcursionMs.toFixed(0)} ms, ${ampereSecondsAbove.toFixed(2)} As above\n`,
    )
    expect(verdict, JSON.stringify(judge.excursions)).toMatchObject({ nodeId, unexplainedMs: 0 })
    expect(longestExcursionMs).toBeLessThanOrEqual(RECOVERY_MS)
  }
}, 150_000)
