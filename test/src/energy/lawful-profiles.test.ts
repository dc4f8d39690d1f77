import { beforeEach, describe, expect, test } from 'vitest'
import type { StationBus } from '../../../src/bus/ports.ts'
import { lawfulProfiles } from '../../../src/energy/lawful-profiles.ts'
import type { Requests } from '../../../src/ocpp/v201/messages.generated.ts'

type Profile = Requests['SetChargingProfile']['chargingProfile']

const PERIOD = { startPeriod: 0, limit: 16 }
const SCHEDULE = {
  id: 1,
  startSchedule: '2026-11-22T10:00:00Z',
  chargingRateUnit: 'A' as const,
  chargingSchedulePeriod: [PERIOD] as [typeof PERIOD],
}
const PROFILE: Profile = {
  id: 7,
  stackLevel: 0,
  chargingProfilePurpose: 'TxDefaultProfile',
  chargingProfileKind: 'Absolute',
  chargingSchedule: [SCHEDULE],
}
const TX = { ...PROFILE, chargingProfilePurpose: 'TxProfile' as const }

let sent: string[]
let switching: string | null
let bus: StationBus

beforeEach(() => {
  sent = []
  switching = null
  const plain: StationBus = {
    call: async (_, action) => {
      sent.push(action)
      return { kind: 'answered', payload: { status: 'Accepted' } as never }
    },
    isOnline: () => true,
    onlineStations: () => [],
    disconnect: () => undefined,
  }
  bus = lawfulProfiles(plain, {
    variables: async () => (switching === null ? [] : [{ value: switching } as never]),
  })
})

const set = (evseId: number, chargingProfile: Profile) =>
  bus.call('CS-01', 'SetChargingProfile', { evseId, chargingProfile })
const scheduled = (more: object): Profile => ({ ...PROFILE, chargingSchedule: [{ ...SCHEDULE, ...more }] })

describe('a charging profile on its way to a station', () => {
  test.each<[string, number, Profile]>([
    ['K01.FR.03', 1, TX],
    ['K01.FR.16', 0, { ...TX, transactionId: 't' }],
    ['K01.FR.22', 1, { ...PROFILE, chargingProfilePurpose: 'ChargingStationExternalConstraints' }],
    ['K01.FR.31', 1, scheduled({ chargingSchedulePeriod: [{ startPeriod: 5, limit: 1 }] })],
    ['K01.FR.35', 1, scheduled({ chargingSchedulePeriod: [PERIOD, { startPeriod: 0, limit: 1 }] })],
    ['K01.FR.40', 1, scheduled({ startSchedule: undefined })],
    ['K01.FR.41', 1, { ...PROFILE, chargingProfileKind: 'Relative' }],
    ['K01.FR.19', 1, scheduled({ chargingSchedulePeriod: [{ ...PERIOD, numberPhases: 3, phaseToUse: 1 }] })],
    ['K01.FR.20', 1, scheduled({ chargingSchedulePeriod: [{ ...PERIOD, numberPhases: 1, phaseToUse: 1 }] })],
    ['K04.FR.03', 1, { ...PROFILE, chargingProfilePurpose: 'ChargingStationMaxProfile' }],
  ])('does not leave against %s, and the caller is told why', async (requirement, evseId, profile) => {
    const outcome = await set(evseId, profile)
    expect(outcome).toMatchObject({ kind: 'invalid' })
    expect(outcome.kind === 'invalid' ? outcome.issues.join() : '').toContain(requirement)
    expect(sent).toEqual([])
  })

  test('K05.FR.02: with a remote start is a TxProfile', async () => {
    const start = (chargingProfile: Profile) =>
      bus.call('CS-01', 'RequestStartTransaction', {
        idToken: { idToken: 'A', type: 'Central' },
        remoteStartId: 1,
        evseId: 1,
        chargingProfile,
      })
    expect(await start(PROFILE)).toMatchObject({ kind: 'invalid' })
    expect(await start(TX)).toMatchObject({ kind: 'answered' })
  })

  test('leaves where it is lawful; what only the station knows is left to the station', async () => {
    expect(await set(9, PROFILE)).toMatchObject({ kind: 'answered' })
    expect(await set(1, { ...TX, transactionId: 'unknown', stackLevel: 99 })).toMatchObject({
      kind: 'answered',
    })
    switching = 'true'
    const oneOfThree = { chargingSchedulePeriod: [{ ...PERIOD, numberPhases: 1, phaseToUse: 2 }] }
    expect(await set(1, scheduled(oneOfThree))).toMatchObject({ kind: 'answered' })
    expect(sent).toHaveLength(3)
  })

  test('is left to the check of the schema where it has no schedule or no period', async () => {
    await set(1, { ...PROFILE, chargingSchedule: undefined as never })
    await set(1, scheduled({ chargingSchedulePeriod: undefined }))
    await bus.call('CS-01', 'RequestStopTransaction', { transactionId: 't' })
    expect(sent).toHaveLength(3)
  })
})
