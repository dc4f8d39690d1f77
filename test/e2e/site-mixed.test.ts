import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { components } from '../../src/http/api.generated.ts'
import { createRandom } from '../../src/simulator/index.ts'
import { sitePlan } from '../chaos/sites.ts'
import { SITE_ID, World } from '../chaos/world.ts'

type Schemas = components['schemas']

let dataDir: string
let world: World

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-mixed-'))
  world = await World.start({
    dataDir,
    plan: sitePlan('mixed', 6),
    seed: 3,
    settings: { 'energy.readBackS': '2' },
  })
})
afterEach(async () => {
  await world.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

test('DC chargers, pairs and single sockets share a site within its limit, and hold and compute what we believe they do', async () => {
  await world.open()
  const random = createRandom(3)
  for (const station of world.fleet.stations) world.plug(station, random, { maxDcPowerW: 50_000 })
  const held = (id: string) =>
    world.api('GET', `/sites/${SITE_ID}/stations/${id}/profiles`) as Promise<Schemas['HeldProfiles']>
  for (const { id, evses } of world.fleet.stations) {
    const computed = async () => (await held(id)).readBack?.computed.map(({ evseId }) => evseId)
    await expect.poll(computed, { timeout: 40_000, interval: 200 }).toEqual(evses.map((evse) => evse.id))
  }
  await expect
    .poll(() => Math.max(...world.site.record('grid').highestA), { timeout: 30_000, interval: 250 })
    .toBeGreaterThan(60)
  for (const { id } of world.fleet.stations) {
    const { readBack, trust } = await held(id)
    expect(trust).toEqual({ avoidUnit: null, distrusted: false })
    expect(readBack).toMatchObject({ result: 'kept', findings: [] })
  }
  const { alarms } = (await world.api('GET', `/sites/${SITE_ID}/status`)) as Schemas['SiteStatus']
  expect(alarms).toEqual([])
  for (const record of world.site.records()) expect(record).toMatchObject({ msAbove: 0 })
}, 120_000)
