import { afterEach, beforeEach, expect } from 'vitest'
import { createStation, type Station, type StationOptions } from '../../../src/simulator/index.ts'
import { startTestCsms, type TestCsms } from './test-csms.ts'

export const TOKEN = { idToken: 'AA01', type: 'ISO14443' } as const

/** A car that reacts within a step or two, so that tests wait for conditions and not for cars. */
export const QUICK_CAR = {
  reactionMs: 5,
  startDelayMs: 5,
  rampAPerS: 10_000,
  shortfallA: 0,
  token: TOKEN,
} as const

const FAST = {
  stepMs: 15,
  bootDurationMs: 20,
  driverDelayMs: 5,
  transferStepMs: 40,
  backOff: { minimumMs: 15, randomRangeMs: 10, repeatTimes: 2 },
} as const

export interface Bench {
  readonly csms: TestCsms
  readonly station: Station
  /** Starts the station and waits until it is accepted and has said so. */
  launch(options?: Partial<StationOptions>): Promise<Station>
  /** Starts the station without waiting. */
  begin(options?: Partial<StationOptions>): Station
}

/** A station on a test CSMS around each test; whatever breaks a schema fails the test. */
export function useBench(): Bench {
  let csms: TestCsms | undefined
  let station: Station | undefined
  beforeEach(async () => {
    csms = await startTestCsms()
    station = undefined
  })
  afterEach(async () => {
    await station?.stop()
    await csms?.stop()
    expect(csms?.violations).toEqual([])
  })
  const theCsms = () => {
    if (csms === undefined) throw new Error('The test CSMS runs inside tests only.')
    return csms
  }
  const begin = (options: Partial<StationOptions> = {}) => {
    const created = createStation({
      id: 'CS-1',
      endpoint: { url: theCsms().url, securityProfile: 1, password: 'long-enough-secret' },
      ...FAST,
      ...options,
    })
    station = created
    created.start()
    return created
  }
  return {
    get csms() {
      return theCsms()
    },
    get station() {
      if (station === undefined) throw new Error('Launch the station first.')
      return station
    },
    begin,
    launch: async (options) => {
      const created = begin(options)
      await theCsms().until('startup reported', () => theCsms().of('SecurityEventNotification').length > 0)
      return created
    },
  }
}
