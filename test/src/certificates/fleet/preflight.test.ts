import { expect, it } from 'vitest'
import { inWaves } from '../../../../src/certificates/fleet/plan.ts'
import { benchFleet } from '../../../bench/fleet-preflight.ts'

/** FLEET_BENCH=10000 for the figures of the benchmark. */
const STATIONS = Number(process.env.FLEET_BENCH ?? 500)

it(`plans a campaign of ${STATIONS} stations in time, and a step costs little`, async () => {
  const result = await benchFleet(STATIONS, Math.min(STATIONS, 1000))
  if (process.env.FLEET_BENCH !== undefined) process.stderr.write(`${JSON.stringify(result)}\n`)
  expect(result.preflightMs).toBeLessThan(10_000)
  expect(result.stationsDone).toBe(Math.min(STATIONS, 1000))
}, 120_000)

it('puts every station into one wave, the same ones each time, the canary first and small', () => {
  const ids = Array.from({ length: 100 }, (_, index) => `CS-${index}`)
  const waves = inWaves('c', ids, [{ stations: 3 }, { percent: 50 }])
  expect([...waves.values()].filter((wave) => wave === 0)).toHaveLength(3)
  expect([...waves.values()].filter((wave) => wave === 1)).toHaveLength(47)
  expect(waves.size).toBe(100)
  expect(inWaves('c', [...ids].reverse(), [{ stations: 3 }, { percent: 50 }]).get('CS-5')).toBe(
    waves.get('CS-5'),
  )
  expect(inWaves('c', [], [{ stations: 3 }]).size).toBe(0)
})
