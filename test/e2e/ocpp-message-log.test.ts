import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 300 } })
})
afterAll(() => service.stop())

const logged = async (stationId: string, count: number) => {
  const read = async () => (await service.store.messages.list({ stationId })).items
  await vi.waitFor(async () => expect(await read()).toHaveLength(count), { timeout: 3000, interval: 50 })
  return [...(await read())].reverse()
}

describe('the message log of a running server', () => {
  it('holds both directions, calls with their answers, and none of the routine', async () => {
    const station = await service.booted('LOG-1')
    await station.ok('Heartbeat', {})
    station.answer(() => ({ status: 'Accepted' }))
    await service.server.bus.call('LOG-1', 'ClearCache', {})
    expect(await logged('LOG-1', 4)).toMatchObject([
      { direction: 'from-station', kind: 'call', action: 'BootNotification', payload: BOOT },
      {
        direction: 'to-station',
        kind: 'result',
        action: 'BootNotification',
        payload: { status: 'Accepted' },
      },
      { direction: 'to-station', kind: 'call', action: 'ClearCache', payload: {} },
      { direction: 'from-station', kind: 'result', action: 'ClearCache', payload: { status: 'Accepted' } },
    ])
    await station.close()
  })

  it('holds what went wrong: refusals, errors of stations and what could not be read', async () => {
    const station = await service.booted('LOG-2')
    await station.call('StatusNotification', { evseId: 1 })
    station.send('not json')
    await station.next((message) => message[1] === '-1')
    const calling = service.server.bus.call('LOG-2', 'ClearCache', {})
    const [, id] = await station.next((message) => message[2] === 'ClearCache')
    station.send(JSON.stringify([4, id, 'NotImplemented', '', {}]))
    await calling
    const found = (await logged('LOG-2', 7)).slice(2)
    expect(found.map(({ kind, action, errorCode }) => [kind, action, errorCode])).toEqual([
      ['call', 'StatusNotification', null],
      ['error', 'StatusNotification', 'OccurrenceConstraintViolation'],
      ['unreadable', null, 'RpcFrameworkError'],
      ['call', 'ClearCache', null],
      ['error', 'ClearCache', 'NotImplemented'],
    ])
    await station.close()
  })

  it('keeps no password that is set', async () => {
    const station = await service.booted('LOG-3')
    const variable = { component: { name: 'SecurityCtrlr' }, variable: { name: 'BasicAuthPassword' } }
    station.answer(() => ({ setVariableResult: [{ ...variable, attributeStatus: 'Rejected' }] }))
    await service.server.bus.call('LOG-3', 'SetVariables', {
      setVariableData: [{ ...variable, attributeValue: 'hunter22hunter22' }],
    })
    expect(JSON.stringify(await logged('LOG-3', 4))).not.toContain('hunter22')
    await station.close()
  })
})
