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
    const seen: string[] = []
    station.answer((action) => {
      seen.push(action)
      return { status: 'Accepted' }
    })
    const hurried = service.server.bus.call('CS003', 'ClearCache', {})
    await station.ok('BootNotification', BOOT)
    expect(seen).toEqual([])
    expect(await hurried).toMatchObject({ kind: 'answered' })
    expect(seen).toEqual(['ClearCache'])
    await station.close()
  })

  it('is offline at once when it has no socket', async () => {
    const outcome = await service.server.bus.call('nobody', 'ClearCache', {})
    expect(outcome).toEqual({ kind: 'offline' })
  })
})
