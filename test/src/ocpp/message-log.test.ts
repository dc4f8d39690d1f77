import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMessageLog, type MessageLogMode, type WireMessage } from '../../../src/ocpp/message-log.ts'
import { keepable } from '../../../src/ocpp/message-redaction.ts'
import { createMetrics } from '../../../src/ocpp/metrics.ts'
import type { MessageStore, NewMessage } from '../../../src/store/messages.ts'

function setup(mode: MessageLogMode = 'notable') {
  const written: NewMessage[] = []
  const store: MessageStore & { failing: boolean } = {
    failing: false,
    async append(batch) {
      if (store.failing) throw new Error('disk full')
      written.push(...batch)
    },
    list: async () => ({ items: [], next: null }),
  }
  const metrics = createMetrics()
  const log = createMessageLog({
    policy: { mode, keep: 1000 },
    messages: store,
    metrics,
    clock: { now: () => 1000 },
    log: pino({ level: 'silent' }),
  })
  return { written, store, metrics, log }
}

const call = (messageId: string, payload: unknown = {}): WireMessage => ({
  stationId: 'CS-1',
  direction: 'from-station',
  kind: 'call',
  messageId,
  action: 'DataTransfer',
  payload,
})

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the log of OCPP messages', () => {
  it('writes in batches, in order', async () => {
    const { written, log } = setup()
    for (let i = 0; i < 600; i++) log.record(call(`m${i}`))
    expect(written).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(250)
    expect(written).toHaveLength(500)
    await vi.advanceTimersByTimeAsync(250)
    expect(written.map((one) => one.messageId)).toEqual(Array.from({ length: 600 }, (_, i) => `m${i}`))
    await log.stop()
  })

  it('drops and counts what is more than it can write, and what the store did not take', async () => {
    const { written, store, metrics, log } = setup()
    for (let i = 0; i < 5_010; i++) log.record(call(`m${i}`))
    expect(metrics.messagesUnlogged).toBe(10)
    store.failing = true
    await vi.advanceTimersByTimeAsync(250)
    expect(metrics.messagesUnlogged).toBe(510)
    store.failing = false
    await log.stop()
    expect(written).toHaveLength(4_500)
  })

  it('leaves out heartbeats and periodic meter values by default', () => {
    const { log } = setup()
    const event = (eventType: string, triggerReason: string) =>
      log.wants('TransactionEvent', { eventType, triggerReason })
    expect(log.wants('Heartbeat', {})).toBe(false)
    expect(log.wants('MeterValues', {})).toBe(false)
    expect(event('Updated', 'MeterValuePeriodic')).toBe(false)
    expect(event('Updated', 'ChargingStateChanged')).toBe(true)
    expect(event('Ended', 'MeterValuePeriodic')).toBe(true)
    expect(log.wants('TransactionEvent', null)).toBe(true)
    expect(log.wants('BootNotification', {})).toBe(true)
    expect(setup('all').log.wants('Heartbeat', {})).toBe(true)
    expect(setup('off').log.wants('BootNotification', {})).toBe(false)
  })

  it('keeps a message that is too large without its payload', async () => {
    const { written, log } = setup()
    log.record(call('m0', { data: 'x'.repeat(70_000) }))
    await log.stop()
    expect(written).toMatchObject([{ messageId: 'm0', payload: null }])
  })
})

describe('what is kept of a payload', () => {
  it('has no password, wherever it stands', () => {
    const variable = { component: { name: 'SecurityCtrlr' }, variable: { name: 'BasicAuthPassword' } }
    const kept = JSON.stringify(
      keepable({
        setVariableData: [{ ...variable, attributeValue: 'hunter22' }],
        reportData: [{ ...variable, variableAttribute: [{ value: 'hunter22' }] }],
        eventData: [{ ...variable, actualValue: 'hunter22' }],
        connectionData: {
          vpn: { user: 'hunter22', key: 'hunter22', password: 'hunter22' },
          apn: { apnPassword: 'hunter22' },
        },
        log: { remoteLocation: 'ftp://me:hunter22@logs.example/x' },
      }),
    )
    expect(kept).not.toContain('hunter22')
    expect(kept).toContain('logs.example/x')
    expect(kept).toContain('BasicAuthPassword')
  })

  it('has no EXI of a contract, and leaves the rest as it was', () => {
    expect(keepable({ exiResponse: 'AAAA', status: 'Accepted', list: [1, null, true, 'a@b'] })).toEqual({
      exiResponse: '[4 characters]',
      status: 'Accepted',
      list: [1, null, true, 'a@b'],
    })
  })

  it('ends where a payload nests too deep', () => {
    let deep: unknown = 1
    for (let i = 0; i < 60; i++) deep = { deep }
    expect(JSON.stringify(keepable(deep))).toContain('[too deep]')
  })
})
