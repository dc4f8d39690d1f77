import { describe, expect, test } from 'vitest'
import { measuredCurrent } from '../../../src/energy/measured.ts'
import type { SampledValueType } from '../../../src/ocpp/v201/messages.generated.ts'

const AC = { kind: 'ac', terminals: 3, wattPerA: 690, voltageV: 230, efficiency: 1 } as const
const DC = { ...AC, kind: 'dc', efficiency: 0.9 } as const
const timestamp = '2026-11-22T10:00:00Z'
type Samples = [SampledValueType, ...SampledValueType[]]
const of = (sampledValue: Samples, evse: typeof AC | typeof DC = AC) =>
  measuredCurrent([{ timestamp, sampledValue }], evse)?.currentA
const power = (value: number, more: Partial<SampledValueType> = {}): SampledValueType => ({
  measurand: 'Power.Active.Import',
  value,
  ...more,
})
const voltage = (value: number, phase?: 'L1' | 'L2-N'): SampledValueType => ({
  measurand: 'Voltage',
  value,
  ...(phase ? { phase } : {}),
})
const current = (value: number, more: Partial<SampledValueType> = {}): SampledValueType => ({
  measurand: 'Current.Import',
  value,
  ...more,
})

describe('the current of an AC EVSE', () => {
  const basis = (samples: Samples) => measuredCurrent([{ timestamp, sampledValue: samples }], AC)?.basis
  const phases = (one: number, two: number, three?: number): Samples => [
    current(one, { phase: 'L1' }),
    current(two, { phase: 'L2' }),
    ...(three === undefined ? [] : [current(three, { phase: 'L3' })]),
  ]

  test('comes from its phases, or counts on each where it names none', () => {
    expect(of(phases(16, 15, 0))).toEqual([16, 15, 0])
    expect(basis(phases(16, 15, 0))).toBe('phases')
    expect(of([current(10)])).toEqual([10, 10, 10])
    expect(basis([current(10)])).toBe('highest')
  })

  test('on phases that are left out is the highest, unless the others carry all of the power', () => {
    expect(of(phases(16, 15))).toEqual([16, 15, 16])
    expect(basis(phases(16, 15))).toBe('highest')
    expect(of([...phases(16, 15), power(7130)])).toEqual([16, 15, 0])
    expect(basis([...phases(16, 15), power(7130)])).toBe('phases')
    expect(basis([...phases(16, 15), power(11_000)])).toBe('highest')
    // A meter that puts all on L1 and takes the power of three.
    expect(basis([...phases(16, 0, 0), power(11_000)])).toBe('highest')
    expect(basis([...phases(16, 0, 0), power(3_600)])).toBe('phases')
  })

  test('comes from the power of every phase, and from a total before a current that names no phase', () => {
    const each: Samples = [
      power(2300, { phase: 'L1' }),
      power(4600, { phase: 'L2' }),
      power(0, { phase: 'L3' }),
    ]
    expect(of(each)).toEqual([10, 20, 0])
    expect(basis(each)).toBe('phases')
    expect(of([current(30), power(6900)])).toEqual([10, 10, 10])
    expect(basis([current(30), power(6900)])).toBe('total')
  })

  test('is put together from values of the same time', () => {
    const one = (phase: 'L1' | 'L2' | 'L3', value: number) => ({
      timestamp,
      sampledValue: [current(value, { phase })] as Samples,
    })
    expect(measuredCurrent([one('L1', 16), one('L2', 0), one('L3', 0)], AC)).toMatchObject({
      currentA: [16, 0, 0],
      basis: 'phases',
    })
  })

  test('comes from power at nominal voltage, and at the measured one where the station tells it', () => {
    expect(of([power(6900)])).toEqual([10, 10, 10])
    expect(of([power(6.9, { unitOfMeasure: { unit: 'kW' } })])).toEqual([10, 10, 10])
    const [low] = of([power(6900), voltage(230, 'L1'), voltage(207, 'L2-N')]) ?? []
    expect(low).toBeCloseTo(10 / 0.9)
  })

  test('says the highest voltage of its phases against the nominal one', () => {
    const share = (samples: Samples) =>
      measuredCurrent([{ timestamp, sampledValue: samples }], AC)?.voltageShare
    expect(share([current(16), voltage(241.5, 'L1'), voltage(253, 'L2-N')])).toBeCloseTo(1.1)
    expect(share([current(16), voltage(400, 'L1')])).toBeUndefined()
  })

  test('a voltage that no grid has says nothing', () => {
    expect(of([power(6900), voltage(0)])).toEqual([10, 10, 10])
    expect(of([power(6900), voltage(400, 'L1')])).toEqual([10, 10, 10])
  })

  test('what the car measures itself does not count', () => {
    expect(of([current(16, { location: 'EV' })])).toBeUndefined()
  })
})

describe('the current of a DC EVSE, on the side of the grid', () => {
  test('comes from the power at its outlet with the losses on top, or from that at its inlet', () => {
    expect(of([power(6210)], DC)).toEqual([10, 10, 10])
    expect(of([power(6210), power(6900, { location: 'Inlet' })], DC)).toEqual([10, 10, 10])
  })

  test('never takes the amperes of the outlet for those of the grid', () => {
    expect(of([current(125), power(6210)], DC)).toEqual([10, 10, 10])
    expect(of([current(15.525), voltage(400)], DC)).toEqual([10, 10, 10])
    expect(of([current(125)], DC)).toBeUndefined()
  })
})

test('the newest of several values counts', () => {
  const at = (second: number, value: number) => ({
    timestamp: `2026-11-22T10:00:0${second}Z`,
    sampledValue: [current(value)] as Samples,
  })
  expect(measuredCurrent([at(2, 8), at(1, 16)], AC)).toEqual({
    currentA: [8, 8, 8],
    basis: 'highest',
    atMs: Date.parse('2026-11-22T10:00:02Z'),
  })
})
