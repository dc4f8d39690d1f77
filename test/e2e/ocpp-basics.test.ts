import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

describe('a station on ws', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startService()
  })
  afterAll(() => service.stop())

  it('TC_B_01_CSMS: boots, is accepted and gets the time and an interval', async () => {
    const station = await service.station('CS 001')
    expect(await station.ok('BootNotification', BOOT)).toMatchObject({ status: 'Accepted', interval: 300 })
    const kept = await service.store.stations.get('CS 001')
    expect(kept?.boot).toMatchObject({ vendorName: 'Acme', model: 'M1', reason: 'PowerUp' })
    const heartbeat = await station.call('Heartbeat', {})
    expect(heartbeat).toMatchObject({ type: 3, payload: { currentTime: expect.stringMatching(/Z$/) } })
    await station.close()
  })

  it('answers a call of the CSMS', async () => {
    const station = await service.booted('CS002')
    station.answer((action) => (action === 'ClearCache' ? { status: 'Accepted' } : undefined))
    const outcome = await service.server.bus.call('CS002', 'ClearCache', {})
    expect(outcome).toEqual({ kind: 'answered', payload: { status: 'Accepted' } })
    await station.close()
  })

  it('is not spoken to before its boot is answered, whoever is in a hurry (B01)', async () => {
    const station = await service.station('CS003')
    station.answer(() => ({ status: 'Accepted' }))
    const hurried = service.server.bus.call('CS003', 'ClearCache', {})
    await station.ok('BootNotification', BOOT)
    expect(await hurried).toMatchObject({ kind: 'answered' })
    // The answer to the boot came first, the call behind it.
    expect(station.received.map(([type]) => type)).toEqual([3, 2])
    await station.close()
  })

  it('is offline at once when it has no socket', async () => {
    const outcome = await service.server.bus.call('nobody', 'ClearCache', {})
    expect(outcome).toEqual({ kind: 'offline' })
  })
})
