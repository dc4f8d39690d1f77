import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type FaultName, SCHEDULE } from './support/fault-schedule.ts'
import { type FaultReport, runFaults } from './support/fleet-faults.ts'

/** What keeps a station from ending where the others do, and is not the service's to mend. */
const UNABLE: Readonly<Record<'rollover' | 'leaves', readonly FaultName[]>> = {
  rollover: ['offline', 'rejects', 'full', 'clock-behind'],
  leaves: ['offline', 'clock-behind'],
}

/** FLEET_STATIONS=2000 for the large run; the schedule and the seed are the same. */
const STATIONS = Number(process.env.FLEET_STATIONS ?? 12)
const SEED = Number(process.env.FLEET_SEED ?? 11)

const BROKEN: readonly FaultName[] = ['silent', 'drops', 'crashes']

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
      // At no moment either.
      expect(report.everWithoutRoot).toEqual([])
      // The rest are those that refuse, have no room, live in another time or never came, each by name, once. Of those
      // whose link or answers break at every turn a few run out of tries; of all others nobody.
      for (const campaign of ['rollover', 'leaves'] as const) {
        const rest = report.rest.filter((one) => one.campaign === campaign)
        const names = (faults: readonly FaultName[]) =>
          rest.filter(({ fault }) => faults.includes(fault)).map(({ stationId }) => stationId)
        const count = (faults: readonly FaultName[]) =>
          faults.reduce((sum, name) => sum + (report.faults[name] ?? 0), 0)
        expect(rest.filter(({ fault }) => ![...UNABLE[campaign], ...BROKEN].includes(fault))).toEqual([])
        expect(names(UNABLE[campaign])).toHaveLength(count(UNABLE[campaign]))
        expect(names(BROKEN).length).toBeLessThanOrEqual(count(BROKEN) * 0.1)
        expect(report[campaign].done).toBe(STATIONS - new Set(rest.map(({ stationId }) => stationId)).size)
      }
      expect(report.onNewRoot).toBe(report.rollover.done)
    },
    Math.max(300_000, STATIONS * 1500),
  )
})
