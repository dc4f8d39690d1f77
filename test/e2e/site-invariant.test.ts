import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RECOVERY_MS } from '../chaos/judge.ts'
import { reportLines } from '../chaos/report.ts'
import { runWorld } from '../chaos/run.ts'
import { sitePlan, WORLDS } from '../chaos/sites.ts'
import { World } from '../chaos/world.ts'

const SEED = 7
const TROUBLE_MS = 20_000
const SETTLE_MS = 10_000

// The long form is test/chaos/main.ts, with any seed and for as long as you like.
test.concurrent.each(WORLDS)(
  'a full site (%s) stays within its limit while stations misbehave and the service is killed, is back within 10 s after a blow from outside, and cars charge all the while',
  async (name) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-invariant-'))
    const world = await World.start({ dataDir, plan: sitePlan(name), seed: SEED })
    try {
      await world.open()
      const report = await runWorld({
        world,
        name,
        seed: SEED,
        durationMs: TROUBLE_MS,
        settleMs: SETTLE_MS,
        print: () => undefined,
      })
      const said = reportLines(report).join('\n')
      process.stdout.write(`${said}\n`)
      expect(report.troubles['service is killed']).toBeGreaterThan(0)
      for (const { nodeId, normal, longestExcursionMs } of report.nodes) {
        expect({ nodeId, ms: normal.ms }, said).toEqual({ nodeId, ms: 0 })
        expect(longestExcursionMs, said).toBeLessThanOrEqual(RECOVERY_MS)
      }
      expect(report.kept, said).toBe(true)
    } finally {
      await world.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
  150_000,
)
