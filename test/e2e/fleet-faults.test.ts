import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type FaultReport, runFaults, SCHEDULE } from './support/fleet-faults.ts'

/** FLEET_STATIONS=2000 for the large run; the schedule and the seed are the same. */
const STATIONS = Number(process.env.FLEET_STATIONS ?? 12)
const SEED = Number(process.env.FLEET_SEED ?? 11)

describe(`A fleet of ${STATIONS} with faults (seed ${SEED}), the service killed in every phase`, () => {
  let dataDir = ''
  afterAll(() => rm(dataDir, { recursive: true, force: true }))

  it(
    'ends on the new root with new leaves; nobody is cut off, nothing is issued twice, and the rest is named',
    async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-faults-'))
      const say = (line: string): void => void process.stderr.write(`${line}\n`)
      const report: FaultReport = await runFaults({
        dataDir,
        stations: STATIONS,
        seed: SEED,
        ...(STATIONS > 100 ? { say } : {}),
      })
      if (STATIONS > 100) say(JSON.stringify(report, null, 1))
      expect(SCHEDULE.reduce((sum, [, share]) => sum + share, 0)).toBeLessThan(0.5)
      expect(report.kills).toContain('install')
      expect(report.kills).toContain('leaf-trigger')
      // Nobody without a way back: with the faults over, every single station connects.
      expect(report.lost).toEqual([])
      expect(report.reachable).toBe(STATIONS)
      // One certificate per order, one order per key, one key per certificate.
      expect(report.certificates).toBe(report.keys)
      expect(report.ordersIssued).toBe(report.certificates)
      // Those that refuse, have no room or live in another time are named; everyone else who can be reached is there.
      const unable = ['offline', 'rejects', 'full', 'clock-behind'].reduce(
        (sum, name) => sum + (report.faults[name] ?? 0),
        0,
      )
      expect(report.onNewRoot).toBeGreaterThanOrEqual(STATIONS - unable - (report.rollover.failed ?? 0))
      const rolled = Object.values(report.rollover).reduce((sum, count) => sum + count, 0)
      expect(rolled).toBe(STATIONS)
    },
    Math.max(300_000, STATIONS * 1500),
  )
})
