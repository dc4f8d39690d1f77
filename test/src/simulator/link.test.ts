import { describe, expect, it } from 'vitest'
import { createManualScheduler, createVehicle } from '../../../src/simulator/index.ts'
import { QUICK_CAR, useBench } from './bench.ts'
import { NEVER } from './test-csms.ts'

const bench = useBench()

describe('registration', () => {
  it('asks again after the interval while it is pending, and sends nothing unasked until then', async () => {
    const scheduler = createManualScheduler(Date.now())
    let boots = 0
    bench.csms.answers.BootNotification = () => ({
      status: ++boots < 3 ? 'Pending' : 'Accepted',
      currentTime: new Date().toISOString(),
      interval: 20,
    })
    const station = bench.begin({ scheduler, followCsmsTime: false })
    const { csms } = bench
    await csms.until('pending', () => station.registration === 'Pending')
    expect(await csms.call('GetBaseReport', { requestId: 1, reportBase: 'SummaryInventory' })).toEqual({
      status: 'Accepted',
    })
    await csms.until('report while pending', () => csms.of('NotifyReport').length > 0)
    await scheduler.advance(19_000)
    expect(boots).toBe(1)
    expect(await csms.call('TriggerMessage', { requestedMessage: 'BootNotification' })).toEqual({
      status: 'Accepted',
    })
    await csms.until('triggered boot', () => csms.of('BootNotification').length === 2)
    expect(csms.of('BootNotification')[1]?.reason).toBe('Triggered')
    expect(csms.of('StatusNotification')).toEqual([])
    await csms.until('second answer', () => station.registration === 'Pending')
    await csms.call('GetLocalListVersion', {})
    await scheduler.advance(20_000)
    await csms.until('accepted', () => csms.of('StatusNotification').length === 1)
  })

  it('takes no calls while it is rejected', async () => {
    bench.csms.answers.BootNotification = () => ({
      status: 'Rejected',
      currentTime: new Date().toISOString(),
      interval: 3600,
    })
    const station = bench.begin()
    await bench.csms.until('rejected', () => station.registration === 'Rejected')
    await expect(bench.csms.call('GetLocalListVersion', {})).rejects.toThrow('SecurityError')
  })

  it('beats in the interval that the CSMS gave', async () => {
    const scheduler = createManualScheduler(Date.now())
    bench.csms.answers.BootNotification = () => ({
      status: 'Accepted',
      currentTime: new Date().toISOString(),
      interval: 30,
    })
    await bench.launch({ scheduler, followCsmsTime: false })
    const { csms } = bench
    for (let beat = 1; beat <= 4; beat++) {
      await scheduler.advance(30_000)
      await csms.until(`beat ${beat}`, () => csms.of('Heartbeat').length === beat)
    }
  })
})

describe('the link', () => {
  it('is tried again at growing distances, never all at the same moment', async () => {
    const scheduler = createManualScheduler(Date.now())
    const station = await bench.launch({
      scheduler,
      followCsmsTime: false,
      backOff: { minimumMs: 1000, randomRangeMs: 500, repeatTimes: 2 },
    })
    const { csms } = bench
    const lost = new Promise<void>((resolve) => void station.on('disconnected', () => resolve()))
    await csms.stop()
    await lost
    const attempts: number[] = []
    const startMs = scheduler.now()
    station.on('connectionFailed', () => attempts.push(scheduler.now() - startMs))
    for (let step = 0; step < 200; step++) {
      await scheduler.advance(100)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    expect(attempts.length).toBeGreaterThanOrEqual(4)
    expect(attempts.length).toBeLessThanOrEqual(7)
    const [first = 0, second = 0] = attempts
    expect(first).toBeGreaterThanOrEqual(1000)
    expect(second - first).toBeGreaterThanOrEqual(1900)
    expect((attempts.at(-1) ?? 0) - (attempts.at(-2) ?? 0)).toBeLessThanOrEqual(4800)
  })

  it('is cut when the CSMS stops answering pings', async () => {
    const scheduler = createManualScheduler(Date.now())
    const station = await bench.launch({
      scheduler,
      followCsmsTime: false,
      variables: { 'OCPPCommCtrlr.WebSocketPingInterval': '10' },
    })
    const { csms } = bench
    // Two pings within one turn: the second finds the first unanswered.
    const lost = new Promise<void>((resolve) => void station.on('disconnected', () => resolve()))
    csms.freeze()
    await scheduler.advance(10_000)
    await scheduler.advance(10_000)
    await lost
    csms.thaw()
    expect(station.counters.disconnects).toBe(1)
  })

  it('carries one call at a time, in the order they were made', async () => {
    const station = await bench.launch()
    const { csms } = bench
    const calls = Array.from({ length: 20 }, (_, index) =>
      station.call('DataTransfer', { vendorId: 'v', messageId: String(index) }),
    )
    csms.answers.DataTransfer = () => ({ status: 'Accepted' })
    await Promise.all(calls)
    expect(csms.of('DataTransfer').map((each) => each.messageId)).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index)),
    )
  })

  it('gives a call up at its deadline and ignores the answer that comes later', async () => {
    const station = await bench.launch({ callTimeoutMs: 80 })
    const { csms } = bench
    csms.answers.DataTransfer = NEVER
    await expect(station.call('DataTransfer', { vendorId: 'v' })).rejects.toMatchObject({ code: 'deadline' })
    csms.sendRaw('[3,"long gone",{}]')
    csms.answers.DataTransfer = () => ({ status: 'Accepted' })
    expect(await station.call('DataTransfer', { vendorId: 'v' })).toEqual({ status: 'Accepted' })
    expect(station.counters.timeouts).toBe(1)
  })

  it('answers broken frames and unknown or misplaced actions with the right error', async () => {
    const station = await bench.launch()
    const { csms } = bench
    await expect(csms.call('Heartbeat', {})).rejects.toThrow('NotSupported')
    await expect(csms.callRaw('MakeCoffee', {})).rejects.toThrow('NotImplemented')
    await expect(csms.callRaw('Reset', { type: 'Softly' })).rejects.toThrow('PropertyConstraintViolation')
    csms.sendRaw('{"not":"a frame"}')
    expect(await csms.call('GetLocalListVersion', {})).toEqual({ versionNumber: 0 })
    expect(station.counters.problems).toBe(4)
  })
})

describe('transaction events that the CSMS does not take', () => {
  it('are tried again and given up in the end, without holding up the next ones', async () => {
    const scheduler = createManualScheduler(Date.now())
    const { csms } = bench
    const refused: number[] = []
    const station = await bench.launch({
      scheduler,
      networkScheduler: scheduler,
      followCsmsTime: false,
      variables: {
        'OCPPCommCtrlr.MessageAttempts[TransactionEvent]': '3',
        'OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]': '5',
      },
    })
    csms.answers.TransactionEvent = ({ seqNo, eventType }) => {
      if (eventType !== 'Started') return {}
      refused.push(seqNo)
      // An answer that breaks the schema is no answer.
      return { totalCost: 'free' } as never
    }
    const { token, ...car } = QUICK_CAR
    station.plugIn(1, createVehicle(car))
    await station.presentToken(1, token)
    await csms.until('first attempt', () => refused.length === 1)
    station.unplug(1)
    for (let step = 0; step < 30; step++) {
      await scheduler.advance(1000)
      await csms.call('GetLocalListVersion', {})
    }
    await csms.until('all through', () => station.queuedEvents === 0)
    expect(refused).toHaveLength(3)
    expect(csms.of('TransactionEvent').at(-1)?.eventType).toBe('Ended')
    expect(station.counters.transactionEventsLost).toBe(1)
  })
})
