import { describe, expect, it } from 'vitest'
import { FaultPanel } from '../../../src/simulator/faults.ts'
import { createRandom, createVehicle } from '../../../src/simulator/index.ts'
import { QUICK_CAR, useBench } from './bench.ts'

describe('the fault panel', () => {
  it('switches faults one by one and repeats the same chances from the same seed', () => {
    const draw = (seed: number) => {
      const panel = new FaultPanel(createRandom(seed))
      panel.set({ rejectProbability: 0.5, ignoreLimits: true })
      const rejected = Array.from({ length: 40 }, () => panel.rejects('SetChargingProfile'))
      panel.set({ rejectProbability: undefined })
      expect(panel.active).toEqual({ ignoreLimits: true })
      expect(panel.rejects('SetChargingProfile')).toBe(false)
      return rejected
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    expect(new Set(draw(7)).size).toBe(2)
  })

  it('lies about phases without changing the total, except by leaving two of them out', () => {
    const panel = new FaultPanel(createRandom(1))
    const currents = [16, 10, 0] as const
    expect(panel.reportedCurrents(currents)).toEqual([16, 10, 0])
    panel.set({ phaseLie: 'rotate' })
    expect(panel.reportedCurrents(currents)).toEqual([0, 16, 10])
    panel.set({ phaseLie: 'spread' })
    expect(panel.reportedCurrents([9, 0, 0])).toEqual([3, 3, 3])
    panel.set({ phaseLie: 'l1-only' })
    expect(panel.reportedCurrents(currents)).toEqual([16, 0, 0])
  })
})

const limit = (transactionId: string, limitA: number, startMs = Date.now() - 1000) => ({
  evseId: 1,
  chargingProfile: {
    id: 7,
    stackLevel: 1,
    chargingProfilePurpose: 'TxProfile' as const,
    chargingProfileKind: 'Absolute' as const,
    transactionId,
    chargingSchedule: [
      {
        id: 7,
        startSchedule: new Date(startMs).toISOString(),
        duration: 600,
        chargingRateUnit: 'A' as const,
        chargingSchedulePeriod: [{ startPeriod: 0, limit: limitA }],
      },
    ],
  },
})

describe('a station with a fault', () => {
  const bench = useBench()

  async function charging(variables: Record<string, string> = {}): Promise<string> {
    const station = await bench.launch({ variables, callTimeoutMs: 2000 })
    station.plugIn(1, createVehicle({ ...QUICK_CAR }))
    await bench.csms.until('full rate', () => station.currents(1)[0] === 16)
    return station.evse(1).transaction?.id ?? ''
  }

  it('says Accepted and goes on at full rate when it ignores limits', async () => {
    const transactionId = await charging()
    const { csms, station } = bench
    station.faults.set({ ignoreLimits: true })
    expect(await csms.call('SetChargingProfile', limit(transactionId, 6))).toEqual({ status: 'Accepted' })
    await csms.until('another reading', () => station.evse(1).offeredA === 32)
    expect(station.currents(1)[0]).toBe(16)
    station.faults.clear()
    await csms.until('obeyed at last', () => station.currents(1)[0] === 6)
  })

  it('refuses, fails, keeps silent or answers late as told', async () => {
    const transactionId = await charging()
    const { csms, station } = bench
    station.faults.set({ reject: ['SetChargingProfile'] })
    expect(await csms.call('SetChargingProfile', limit(transactionId, 6))).toEqual({ status: 'Rejected' })
    expect(await csms.call('GetLocalListVersion', {})).toEqual({ versionNumber: 0 })
    station.faults.set({ reject: undefined, callError: true })
    await expect(csms.call('GetLocalListVersion', {})).rejects.toThrow('InternalError')
    station.faults.set({ callError: undefined, silenceProbability: 1 })
    void csms.call('SetChargingProfile', limit(transactionId, 9)).catch(() => {})
    await csms.until('done without a word', () => station.currents(1)[0] === 9)
    station.faults.set({ silenceProbability: undefined, answerDelayMs: 150 })
    const askedMs = performance.now()
    await csms.call('GetLocalListVersion', {})
    expect(performance.now() - askedMs).toBeGreaterThanOrEqual(140)
  })

  it('breaks the link instead of answering, and comes back', async () => {
    const transactionId = await charging()
    const { csms, station } = bench
    station.faults.set({ dropProbability: 1 })
    void csms.call('SetChargingProfile', limit(transactionId, 9)).catch(() => {})
    await csms.until('back', () => csms.authorizations.length === 2)
    expect(station.profiles).toHaveLength(1)
    expect(csms.of('BootNotification')).toHaveLength(1)
  })

  it('plays an absolute profile too early or too late when its clock is wrong', async () => {
    const transactionId = await charging()
    const { csms, station } = bench
    await csms.call('SetChargingProfile', limit(transactionId, 8))
    await csms.until('obeyed', () => station.currents(1)[0] === 8)
    station.faults.set({ clockSkewMs: 700_000 })
    await csms.until('lease run out', () => station.currents(1)[0] === 16)
    station.faults.set({ clockSkewMs: -60_000 })
    await csms.until('not begun', () => station.evse(1).offeredA === 32)
    const stampedMs = Date.parse(csms.of('TransactionEvent').at(-1)?.timestamp ?? '')
    expect(stampedMs).toBeLessThan(Date.now() + 700_001)
    station.faults.set({ clockSkewMs: undefined })
    await csms.until('obeyed again', () => station.currents(1)[0] === 8)
  })

  it('freezes its meter while the car goes on, or measures nothing at all', async () => {
    await charging({ 'SampledDataCtrlr.TxUpdatedInterval': '0' })
    const { csms, station } = bench
    station.faults.set({ frozenMeter: true })
    const energies = async () => {
      const before = csms.of('TransactionEvent').length
      await csms.call('TriggerMessage', { requestedMessage: 'TransactionEvent' })
      await csms.until('reading', () => csms.of('TransactionEvent').length > before)
      const values = csms.of('TransactionEvent').at(-1)?.meterValue?.[0]?.sampledValue
      return values?.find((each) => each.measurand === 'Energy.Active.Import.Register')?.value
    }
    const first = await energies()
    const trueWh = station.evse(1).energyWh
    await csms.until('energy flows on', () => station.evse(1).energyWh > trueWh + 0.2)
    expect(await energies()).toBe(first)
    station.faults.set({ frozenMeter: undefined })
    expect(await energies()).toBeGreaterThan(first ?? Number.POSITIVE_INFINITY)
    station.faults.set({ silentMeter: true })
    expect(await energies()).toBeUndefined()
  })

  it('lets cars draw less than they could', async () => {
    await charging()
    bench.station.faults.set({ drawFactor: 0.5 })
    await bench.csms.until('half', () => bench.station.currents(1)[0] === 8)
  })

  it('reboots by itself, loses the transaction, and the driver starts anew', async () => {
    const transactionId = await charging()
    const { csms, station } = bench
    station.reboot('Watchdog')
    expect(station.currents(1)).toEqual([0, 0, 0])
    await csms.until('charging again', () => station.currents(1)[0] === 16)
    const ended = csms.of('TransactionEvent').find((each) => each.eventType === 'Ended')
    expect(ended).toMatchObject({
      offline: true,
      transactionInfo: { transactionId, stoppedReason: 'Reboot' },
    })
    expect(station.evse(1).transaction?.id).not.toBe(transactionId)
    expect(csms.of('BootNotification')[1]?.reason).toBe('Watchdog')
  })

  it('reports a defect of an EVSE and its repair', async () => {
    await charging()
    const { csms, station } = bench
    station.setFaulted(1, true)
    await csms.until('faulted', () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Faulted')
    expect(station.currents(1)).toEqual([0, 0, 0])
    station.setFaulted(1, false)
    await csms.until('repaired', () => csms.of('StatusNotification').at(-1)?.connectorStatus === 'Occupied')
  })
})
