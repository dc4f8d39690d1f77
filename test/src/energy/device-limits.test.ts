import { describe, expect, test } from 'vitest'
import {
  DEFAULT_DEVICE,
  encodeLease,
  encodeSafe,
  openSite,
  type Push,
  type SmartChargingDevice,
  type Supply,
} from '../../../profiles/index.ts'
import { deviceOf } from '../../../src/energy/device.ts'
import { toSetChargingProfile } from '../../../src/energy/wire.ts'
import type { StoredProfile } from '../../../src/simulator/smart-charging/profile-store.ts'
import { refusesProfile } from '../../../src/simulator/smart-charging/validate.ts'
import { SiteSimulator } from '../../profiles/site-simulator.ts'

const KNOWN: SmartChargingDevice = { ...DEFAULT_DEVICE, periodsPerSchedule: 24, maxProfiles: 20 }
const AC: Supply = { kind: 'ac', rotation: [1, 2, 3], maxA: 32 }
const DC: Supply = { kind: 'dc', maxW: 22_000, minW: 4_000, efficiency: 0.95 }

interface World {
  /** What the station does. */
  readonly device: Partial<SmartChargingDevice>
  /** What is known of it; the same where left out. */
  readonly known?: Partial<SmartChargingDevice>
  readonly supply?: Supply
  readonly tuples?: number | null
}

/** Two stations on forty amperes, of which the first holds itself strictly to its device model, as stations may. */
function world({ device, known = device, supply = AC, tuples }: World) {
  const station = (id: string, evses: Supply[]) => ({
    kind: 'station' as const,
    id,
    evses: evses.map((one, index) => ({ evseId: index + 1, supply: one })),
  })
  const children = [station('A', [supply]), station('B', [AC])]
  const opened = openSite({
    id: 's',
    voltageV: 230,
    root: { kind: 'circuit', id: 'grid', limitA: 40, children },
  })
  if (!opened.ok) throw new Error('the site is fine')
  const simulator = new SiteSimulator(opened.site)
  const truth = { ...KNOWN, ...device }
  simulator.setDevice('A#1', known === device ? truth : { ...DEFAULT_DEVICE, ...known })
  const held = new Map<number, StoredProfile>()
  const refused: string[] = []
  const written: { atMs: number; push: Push }[] = []
  const judge = (push: Push): string | undefined => {
    if (push.stationId !== 'A') return undefined
    if (push.action === 'ClearChargingProfile') {
      held.delete(push.request.chargingProfileId ?? 0)
      return undefined
    }
    const { evseId, chargingProfile: profile } = toSetChargingProfile(push.request)
    const reason = refusesProfile(evseId, profile, {
      evseIds: [1],
      maxStackLevel: truth.maxStackLevel,
      maxPeriods: truth.periodsPerSchedule,
      maxEntries: truth.maxProfiles,
      rateUnits: truth.rateUnits,
      phaseSwitching: truth.phaseSwitching,
      isDc: () => supply.kind === 'dc',
      transactionOn: () => simulator.truth.get('A#1')?.car?.transactionId,
      iso15118On: () => tuples !== undefined,
      held: [...held.values()],
    })
    if (reason === undefined) {
      held.set(profile.id, { evseId, profile, source: 'CSO' })
      written.push({ atMs: simulator.nowMs, push })
    } else refused.push(`${push.slot}: ${reason}`)
    return reason
  }
  const run = (seconds: number) => {
    for (let k = 0; k < seconds; k++) {
      simulator.decide((push) => ({
        delayMs: 200,
        outcome: judge(push) === undefined ? 'accepted' : 'rejected',
      }))
      simulator.advance(1000)
      for (const phase of simulator.loadA('grid')) expect(phase).toBeLessThanOrEqual(40 + 1e-6)
    }
  }
  const car = (transactionId: string) => ({ transactionId, maxA: [36, 36, 36] })
  run(20)
  const iso = tuples === undefined ? {} : { iso15118: { maxScheduleTuples: tuples, waits: false } }
  simulator.plug('A#1', car('a'), iso)
  run(60)
  simulator.plug('B#1', car('b'))
  run(900)
  simulator.unplug('B#1')
  run(600)
  return { simulator, refused, written }
}

describe('profiles keep to the device model of a station', () => {
  test.each<[string, World, number]>([
    ['PeriodsPerSchedule 1', { device: { periodsPerSchedule: 1 } }, 32],
    [
      'PeriodsPerSchedule 1, for a car that speaks ISO 15118',
      { device: { periodsPerSchedule: 1 }, tuples: 12 },
      32,
    ],
    ['PeriodsPerSchedule 2, for such a car', { device: { periodsPerSchedule: 2 }, tuples: null }, 32],
    ['maxScheduleTuples 1', { device: {}, tuples: 1 }, 32],
    ['ProfileStackLevel 0: no hold', { device: { maxStackLevel: 0 } }, 32],
    ['ProfileStackLevel 1', { device: { maxStackLevel: 1 } }, 32],
    ['RateUnit A', { device: { rateUnits: ['A'] } }, 32],
    ['RateUnit W', { device: { rateUnits: ['W'] } }, 32],
    ['RateUnit W, for a car that speaks ISO 15118', { device: { rateUnits: ['W'] }, tuples: 12 }, 32],
    ['RateUnit W at a DC charger', { device: { rateUnits: ['W'] }, supply: DC }, 32],
    ['Entries 20', { device: { maxProfiles: 20 } }, 32],
    ['Entries 2: no room for a hold', { device: { maxProfiles: 2 } }, 32],
    ['UpdateRateLimit 60 s', { device: { minUpdateMs: 60_000 } }, 32],
    ['ACPhaseSwitchingSupported', { device: { phaseSwitching: true } }, 32],
  ])('%s: none is refused, and the car gets what there is', (_name, options, limitA) => {
    const { simulator, refused, written } = world(options)
    expect(refused).toEqual([])
    const wanted = options.supply === DC ? 22_000 / 0.95 / 690 : limitA
    expect(simulator.drawnA('A#1')[0]).toBeCloseTo(wanted, 0)
    const stations = written.filter(({ push }) => push.stationId === 'A')
    expect(stations.length).toBeGreaterThan(1)
  })

  test.each([60, 150, 600, 1_800])('UpdateRateLimit %i s: only what lowers comes sooner', (seconds) => {
    const { simulator, written } = world({ device: { minUpdateMs: seconds * 1000 } })
    const leases = written.filter(({ push }) => push.slot === 'lease')
    for (const [index, { atMs, push }] of leases.entries()) {
      const before = leases[index - 1]
      if (!before || push.direction === 'lower') continue
      expect(atMs - before.atMs).toBeGreaterThanOrEqual(seconds * 1000 - 1_000)
    }
    // Too slow for leases: what the site can keep without us is 40 less the safe 6 of the other, and no less.
    expect(simulator.drawnA('A#1')[0]).toBeGreaterThanOrEqual(seconds > 900 ? 20 : 32)
  })

  test('Enabled false: nothing is sent, and it counts with all that it could draw', () => {
    const { simulator, written } = world({ device: { enabled: false } })
    expect(written).toEqual([])
    expect(simulator.last?.grants[0]).toMatchObject({ state: 'not-steered', worstA: 32 })
  })

  test('not known: what the station refuses is learned from its refusals, in its other unit and without a hold', () => {
    const strict = { rateUnits: ['W' as const], maxStackLevel: 0, periodsPerSchedule: 1, maxProfiles: 2 }
    const { simulator, refused } = world({ device: strict, known: {} })
    expect(simulator.drawnA('A#1')[0]).toBeCloseTo(32, 0)
    expect(refused.length).toBeLessThan(12)
  })
})

describe('watts at a measured voltage', () => {
  const LOW = { ...KNOWN, rateUnits: ['W' as const], lowVoltageV: 220 }

  test('are never more amperes than meant, at the voltage of the area or at the one that is measured', () => {
    const { site } = world({ device: {} }).simulator
    const [evse] = site.evses
    if (!evse) throw new Error('there is one')
    for (let limitA = 0; limitA <= 32; limitA += 0.7) {
      const nowMs = 1_767_000_000_000
      const lease = {
        evse,
        device: LOW,
        unit: 'W' as const,
        limitA,
        nowMs,
        leaseMs: 240_000,
        transactionId: 't',
      }
      const { request, belief } = encodeLease(lease)
      const [period] = request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod ?? []
      const readAtA = (voltageV: number) => (period?.limit ?? Number.NaN) / voltageV / 3
      for (const voltageV of [230, 225, 220])
        expect(readAtA(voltageV)).toBeLessThanOrEqual(belief.limitA + 1e-9)
      // And never so little that the station, reading it at 230 V, lets no car charge.
      if (belief.limitA > 0) expect(readAtA(230)).toBeGreaterThanOrEqual(6 - 1e-3)
      expect(belief.limitA).toBeLessThanOrEqual(limitA + 1e-9)
    }
  })

  test('still let a car have its least', () => {
    const { simulator, refused } = world({ device: { rateUnits: ['W'], lowVoltageV: 220 } })
    expect(refused).toEqual([])
    expect(simulator.drawnA('A#1')[0]).toBeGreaterThan(30)
    simulator.limits = [
      {
        sourceId: 'cut',
        origin: 'operator',
        target: 'grid',
        unit: 'A',
        envelope: [{ fromMs: 0, value: 12.4 }],
      },
    ]
    for (let k = 0; k < 60; k++) {
      simulator.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
      simulator.advance(1000)
    }
    // 6.4 A at 220 V are 6.1 at 230.
    expect(simulator.last?.grants[0]?.limitA).toBeGreaterThanOrEqual(6.2)
    expect(simulator.drawnA('A#1')[0]).toBeGreaterThanOrEqual(6)
  })

  test('are written anew when the voltage falls by more than a hundredth', () => {
    const { simulator, written } = world({ device: { rateUnits: ['W'] } })
    const leases = () => written.filter(({ push }) => push.slot === 'lease').length
    const before = leases()
    const run = () => {
      const { pushes } = simulator.decide(() => ({ delayMs: 200, outcome: 'accepted' }))
      simulator.advance(1000)
      return pushes.filter((push) => push.slot === 'lease').map((push) => push.direction)
    }
    simulator.setDevice('A#1', { lowVoltageV: 229 })
    expect(run()).toEqual([])
    simulator.setDevice('A#1', { lowVoltageV: 224 })
    expect(run()).toEqual(['lower'])
    expect(run()).toEqual([])
    expect(before).toBeGreaterThan(0)
  })

  test('safe defaults stay at the voltage of the area, by which stations read them', () => {
    const [evse] = world({ device: {} }).simulator.site.evses
    if (!evse) throw new Error('there is one')
    const { request } = encodeSafe({ evse, device: LOW, unit: 'W', limitA: 6, nowMs: 0 })
    expect(request.chargingProfile.chargingSchedule[0]?.chargingSchedulePeriod[0]?.limit).toBe(6 * 230 * 3)
  })
})

describe('the device model as a station reports it', () => {
  const variable = (name: string, value: string, more = {}) => ({
    component: 'SmartChargingCtrlr',
    componentInstance: null,
    evseId: null,
    connectorId: null,
    variable: name,
    variableInstance: null,
    attributeType: 'Actual' as const,
    value,
    mutability: null,
    persistent: null,
    constant: null,
    characteristics: null,
    ...more,
  })

  test('is read, with the voltage of the site', () => {
    const device = deviceOf(
      [
        variable('RateUnit', 'W'),
        variable('ProfileStackLevel', '3'),
        variable('PeriodsPerSchedule', '7'),
        variable('UpdateRateLimit', '90'),
        variable('LimitChangeSignificance', '2.5'),
      ],
      240,
    )
    expect(device).toMatchObject({ rateUnits: ['W'], maxStackLevel: 3, periodsPerSchedule: 7 })
    expect(device).toMatchObject({ minUpdateMs: 90_000, limitChangePercent: 2.5, lineVoltageV: 240 })
  })

  test('Entries is how many profiles there are; how many there may be is its maxLimit', () => {
    const entries = { variableInstance: 'ChargingProfiles' }
    expect(deviceOf([variable('Entries', '2', entries)]).maxProfiles).toBe(DEFAULT_DEVICE.maxProfiles)
    const bounded = { ...entries, characteristics: { dataType: 'integer', maxLimit: 4 } }
    expect(deviceOf([variable('Entries', '2', bounded)]).maxProfiles).toBe(4)
  })

  test('keeps its careful default where it says nothing, or nonsense', () => {
    expect(deviceOf([])).toEqual(DEFAULT_DEVICE)
    const odd = [
      variable('RateUnit', 'kW'),
      variable('PeriodsPerSchedule', 'many'),
      variable('UpdateRateLimit', '-3'),
    ]
    expect(deviceOf(odd)).toEqual(DEFAULT_DEVICE)
  })
})
