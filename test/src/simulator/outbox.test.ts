import { describe, expect, it } from 'vitest'
import type { TransactionEventRequest } from '../../../src/ocpp/v201/messages.generated.ts'
import { createCounters } from '../../../src/simulator/context.ts'
import { createVehicle } from '../../../src/simulator/index.ts'
import { TransactionOutbox } from '../../../src/simulator/outbox.ts'
import { createManualScheduler } from '../../../src/simulator/scheduler.ts'
import { QUICK_CAR, useBench } from './bench.ts'

function event(seqNo: number, more: Partial<TransactionEventRequest> = {}): TransactionEventRequest {
  return {
    eventType: 'Updated',
    timestamp: '2026-01-01T00:00:00Z',
    triggerReason: 'MeterValuePeriodic',
    seqNo,
    transactionInfo: { transactionId: 'tx-1' },
    ...more,
  }
}

describe('the outbox', () => {
  it('thins out periodic readings when it is full, and keeps beginnings, ends and their order', async () => {
    let online = false
    const sent: TransactionEventRequest[] = []
    const counters = createCounters()
    const outbox = new TransactionOutbox({
      scheduler: createManualScheduler(0),
      counters,
      online: () => online,
      send: async (request) => {
        sent.push(request)
        return {}
      },
      attempts: () => 3,
      attemptIntervalS: () => 10,
      answered: () => {},
      problem: () => {},
    })
    outbox.push(event(0, { eventType: 'Started', triggerReason: 'Authorized' }))
    for (let seqNo = 1; seqNo < 6000; seqNo++) {
      outbox.push(seqNo % 500 === 0 ? event(seqNo, { triggerReason: 'ChargingStateChanged' }) : event(seqNo))
    }
    outbox.push(event(6000, { eventType: 'Ended', triggerReason: 'EVCommunicationLost' }))
    expect(outbox.size).toBeLessThanOrEqual(2000)
    expect(outbox.holds('tx-1')).toBe(true)
    expect(outbox.holds('tx-2')).toBe(false)
    online = true
    outbox.flush()
    while (outbox.size > 0) await new Promise<void>((resolve) => setImmediate(resolve))
    const numbers = sent.map((each) => each.seqNo)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(sent[0]?.eventType).toBe('Started')
    expect(sent.at(-1)?.eventType).toBe('Ended')
    expect(sent.filter((each) => each.triggerReason === 'ChargingStateChanged')).toHaveLength(11)
    expect(sent.length + counters.transactionEventsLost).toBe(6001)
  })
})

describe('a long outage', () => {
  const bench = useBench()

  it('is followed by the state of all connectors, a short one by what has changed', async () => {
    const { csms } = bench
    const station = await bench.launch({
      evses: [{}, {}, {}],
      variables: { 'OCPPCommCtrlr.OfflineThreshold': '1' },
    })
    const reported = () => csms.of('StatusNotification').length
    await csms.until('all connectors', () => reported() === 3)
    station.goOffline(50)
    await csms.until('link lost', () => !station.connected)
    station.plugIn(2, createVehicle({ ...QUICK_CAR }))
    await csms.until('the change', () => reported() === 4)
    expect(csms.of('StatusNotification').at(-1)).toMatchObject({ evseId: 2, connectorStatus: 'Occupied' })
    station.goOffline(1200)
    await csms.until('everything', () => reported() === 7)
  })

  it('leaves a station following the time of the CSMS', async () => {
    bench.csms.answers.BootNotification = () => ({
      status: 'Accepted',
      currentTime: new Date(Date.now() + 7_200_000).toISOString(),
      interval: 300,
    })
    await bench.launch()
    const [startup] = bench.csms.of('SecurityEventNotification')
    const aheadMs = Date.parse(startup?.timestamp ?? '') - Date.now()
    expect(Math.abs(aheadMs - 7_200_000)).toBeLessThan(5000)
  })
})
