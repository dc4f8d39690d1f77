import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

const METERED = {
  eventType: 'Started',
  timestamp: '2026-01-01T10:00:00Z',
  triggerReason: 'Authorized',
  seqNo: 0,
  transactionInfo: { transactionId: 'T1' },
  evse: { id: 1, connectorId: 1 },
}

describe('the RPC framework over a real socket', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startService({
      policy: {
        maxFrameBytes: 16 * 1024,
        maxUnreadBytes: 64 * 1024,
        maxBacklog: 24,
        callTimeoutMs: 400,
        maxQueuedCalls: 2,
      },
    })
  })
  afterAll(() => service.stop())

  it.each([
    ['text that is not JSON', 'hello', '-1', 'RpcFrameworkError'],
    ['JSON that is no array', '{"a":1}', '-1', 'RpcFrameworkError'],
    ['an empty array', '[]', '-1', 'RpcFrameworkError'],
    ['a CALL with three elements', '[2,"m1","Heartbeat"]', 'm1', 'RpcFrameworkError'],
    ['a CALL with five elements', '[2,"m2","Heartbeat",{},{}]', 'm2', 'RpcFrameworkError'],
    ['an id that is a number', '[2,17,"Heartbeat",{}]', '-1', 'RpcFrameworkError'],
    ['an id that is too long', `[2,"${'i'.repeat(37)}","Heartbeat",{}]`, '-1', 'RpcFrameworkError'],
    ['an action that is no string', '[2,"m3",7,{}]', 'm3', 'RpcFrameworkError'],
    ['an unknown message type', '[7,"m4","Heartbeat",{}]', 'm4', 'MessageTypeNotSupported'],
    ['an unknown action', '[2,"m5","Dance",{}]', 'm5', 'NotImplemented'],
    ['an action in the wrong case', '[2,"m6","heartbeat",{}]', 'm6', 'NotImplemented'],
    ['the name of something every object has', '[2,"m6b","toString",{}]', 'm6b', 'NotImplemented'],
    ['an action that only the CSMS may start', '[2,"m7","Reset",{"type":"Immediate"}]', 'm7', 'NotSupported'],
    ['an unknown field', '[2,"m8","Heartbeat",{"x":1}]', 'm8', 'FormatViolation'],
    [
      'a missing field',
      '[2,"m9","BootNotification",{"reason":"PowerUp"}]',
      'm9',
      'OccurrenceConstraintViolation',
    ],
    [
      'a field of the wrong type',
      '[2,"ma","SecurityEventNotification",{"type":1,"timestamp":"2026-01-01T00:00:00Z"}]',
      'ma',
      'TypeConstraintViolation',
    ],
    [
      'a value out of the enumeration',
      '[2,"mb","FirmwareStatusNotification",{"status":"Broken"}]',
      'mb',
      'PropertyConstraintViolation',
    ],
    ['a payload that is an array', '[2,"mc","Heartbeat",[]]', 'mc', 'TypeConstraintViolation'],
  ])('refuses %s', async (_what, text, id, code) => {
    const station = await service.booted('RPC1')
    station.send(text)
    const message = await station.next((candidate) => candidate[0] === 4)
    expect(message).toEqual([4, id, code, expect.any(String), expect.any(Object)])
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 3 })
    await station.close()
  })

  it('refuses binary frames and goes on', async () => {
    const station = await service.booted('RPC2')
    station.send(Buffer.from('[2,"b1","Heartbeat",{}]'))
    expect(await station.next((m) => m[0] === 4)).toEqual([
      4,
      '-1',
      'RpcFrameworkError',
      expect.any(String),
      expect.any(Object),
    ])
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 3 })
    await station.close()
  })

  it('closes on text that is not UTF-8 (1007)', async () => {
    const station = await service.booted('RPC3')
    // A text frame, masked with zeros, that holds a lone continuation byte.
    const raw = Reflect.get(station.socket, '_socket') as { write(data: Buffer): void }
    raw.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x80]))
    expect((await station.closed()).code).toBe(1007)
  })

  it('closes on a frame that is too large (1009), and says so in the security log', async () => {
    const station = await service.booted('RPC4')
    station.send(JSON.stringify([2, 'big', 'DataTransfer', { vendorId: 'v', data: 'x'.repeat(20_000) }]))
    expect((await station.closed()).code).toBe(1009)
    const events = await service.store.events.list({ stationId: 'RPC4', kind: 'csms-security' })
    expect(events.map((event) => event.type)).toContain('OversizedFrame')
  })

  it('ignores answers that nobody waits for, and broken answers', async () => {
    const station = await service.booted('RPC5')
    for (const text of [
      '[3,"nobody",{}]',
      '[4,"nobody","GenericError","",{}]',
      '[3]',
      '[4,"a"]',
      '[3,"x",{},{}]',
    ])
      station.send(text)
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 3 })
    expect(station.received.filter((message) => message[0] === 4)).toEqual([])
    await station.close()
  })

  it('gives a repeated call the same answer, and handles it once', async () => {
    const station = await service.booted('RPC6')
    await station.call('TransactionEvent', METERED, 'same-id')
    const [first] = station.received.filter((m) => m[1] === 'same-id')
    station.send(JSON.stringify([2, 'same-id', 'TransactionEvent', METERED]))
    await expect.poll(() => station.received.filter((m) => m[1] === 'same-id').length).toBe(2)
    expect(station.received.filter((m) => m[1] === 'same-id')).toEqual([first, first])
    expect(await service.store.sessions.events('RPC6', 'T1')).toHaveLength(1)
    await station.close()
  })

  it('refuses an id that was used for another message, and says so in the security log', async () => {
    const station = await service.booted('RPC7')
    await station.call('Heartbeat', {}, 'dup')
    station.send(
      JSON.stringify([
        2,
        'dup',
        'SecurityEventNotification',
        { type: 'a', timestamp: '2026-01-01T00:00:00Z' },
      ]),
    )
    expect(await station.next((m) => m[0] === 4)).toEqual([
      4,
      'dup',
      'RpcFrameworkError',
      expect.any(String),
      expect.any(Object),
    ])
    const events = await service.store.events.list({ stationId: 'RPC7', kind: 'csms-security' })
    expect(events.map((event) => event.type)).toContain('MessageIdReused')
    await station.close()
  })

  it('answers the calls of a station in their order', async () => {
    const station = await service.booted('RPC8')
    const before = station.received.length
    const ids = Array.from({ length: 20 }, (_, i) => `o${i}`)
    for (const [i, id] of ids.entries()) {
      // Every other one is stored first, and must not be overtaken by one that is not.
      const [action, payload] =
        i % 2 === 0 ? ['TransactionEvent', { ...METERED, seqNo: i }] : ['Heartbeat', {}]
      station.send(JSON.stringify([2, id, action, payload]))
    }
    await expect.poll(() => station.received.length).toBe(before + 20)
    expect(station.received.slice(before).map((m) => m[1])).toEqual(ids)
    await station.close()
  })

  it('disconnects a station that floods it with calls instead of waiting for answers', async () => {
    const station = await service.booted('RPC9')
    const [first] = [JSON.stringify([2, 'f', 'TransactionEvent', METERED])]
    for (let i = 0; i < 400; i++) station.send(first.replace('"f"', `"f${i}"`))
    const outcome = await Promise.race([station.closed(), station.next((m) => m[1] === 'f399', 5000)])
    // Either the backlog stayed in bounds because the socket was paused, or the connection was closed: never unbounded.
    if ('code' in outcome) expect(outcome.code).toBe(1008)
    await station.close()
  })

  it('disconnects a station that does not read', async () => {
    const station = await service.booted('RPCA')
    station.socket.pause()
    const id = 'x'.repeat(30)
    for (let i = 0; i < 60_000 && station.socket.readyState === 1; i++) {
      station.send(`[2,"${id}${i}","Dance",{}]`)
      if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => service.server.bus.isOnline('RPCA'), { timeout: 10_000 }).toBe(false)
    expect(service.server.stats().closed.get('slow reader')).toBe(1)
    station.socket.terminate()
  })
})

describe('calls to a station', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startService({ policy: { callTimeoutMs: 400, maxQueuedCalls: 2 } })
  })
  afterAll(() => service.stop())

  it('go out one at a time, in order, and the queue is bounded', async () => {
    const station = await service.booted('CALL1')
    const outcomes = Promise.all([1, 2, 3, 4].map(() => service.server.bus.call('CALL1', 'ClearCache', {})))
    await station.next((m) => m[0] === 2)
    expect(station.received.filter((m) => m[0] === 2)).toHaveLength(1)
    for (let n = 1; n <= 3; n++) {
      await expect.poll(() => station.received.filter((m) => m[0] === 2).length).toBe(n)
      const [, id] = station.received.filter((m) => m[0] === 2)[n - 1] ?? []
      station.send(JSON.stringify([3, id, { status: 'Accepted' }]))
    }
    expect((await outcomes).map((outcome) => outcome.kind)).toEqual([
      'answered',
      'answered',
      'answered',
      'busy',
    ])
    await station.close()
  })

  it('end at their deadline; the late answer is ignored and the next call works', async () => {
    const station = await service.booted('CALL2')
    const outcome = await service.server.bus.call('CALL2', 'ClearCache', {}, { deadlineMs: 150 })
    expect(outcome).toEqual({ kind: 'unanswered', reason: 'deadline' })
    const [, late] = await station.next((m) => m[0] === 2)
    station.send(JSON.stringify([3, late, { status: 'Accepted' }]))
    await expect.poll(() => service.server.stats().lateAnswers).toBe(1)
    station.answer(() => ({ versionNumber: 3 }))
    expect(await service.server.bus.call('CALL2', 'GetLocalListVersion', {})).toEqual({
      kind: 'answered',
      payload: { versionNumber: 3 },
    })
    await station.close()
  })

  it('end when the socket closes, with or without a close frame', async () => {
    const station = await service.booted('CALL3')
    const outcome = service.server.bus.call('CALL3', 'ClearCache', {})
    await station.next((m) => m[0] === 2)
    station.socket.terminate()
    expect(await outcome).toEqual({ kind: 'unanswered', reason: 'disconnected' })
    expect(await service.server.bus.call('CALL3', 'ClearCache', {})).toEqual({ kind: 'offline' })
  })

  it('report what the station refuses', async () => {
    const station = await service.booted('CALL4')
    const outcome = service.server.bus.call('CALL4', 'ClearCache', {})
    const [, id] = await station.next((m) => m[0] === 2)
    station.send(JSON.stringify([4, id, 'NotSupported', 'no cache here', { a: 1 }]))
    expect(await outcome).toEqual({
      kind: 'refused',
      code: 'NotSupported',
      description: 'no cache here',
      details: { a: 1 },
    })
    await station.close()
  })

  it('are checked in both directions', async () => {
    const station = await service.booted('CALL5')
    expect(await service.server.bus.call('CALL5', 'Reset', { type: 'Now' } as never)).toMatchObject({
      kind: 'invalid',
    })
    expect(await service.server.bus.call('CALL5', 'Heartbeat', {})).toMatchObject({ kind: 'invalid' })
    station.answer(() => ({ status: 'Perhaps' }))
    expect(await service.server.bus.call('CALL5', 'ClearCache', {})).toMatchObject({ kind: 'malformed' })
    await station.close()
  })

  it('take the first of two answers', async () => {
    const station = await service.booted('CALL6')
    const outcome = service.server.bus.call('CALL6', 'ClearCache', {})
    const [, id] = await station.next((m) => m[0] === 2)
    station.send(JSON.stringify([3, id, { status: 'Accepted' }]))
    station.send(JSON.stringify([3, id, { status: 'Rejected' }]))
    expect(await outcome).toEqual({ kind: 'answered', payload: { status: 'Accepted' } })
    await station.close()
  })
})

describe('the life of a connection', () => {
  it('ends politely with 1001 when the service stops, after the call being handled is answered', async () => {
    const service = await startService()
    const station = await service.booted('LIFE1')
    const answer = station.call('TransactionEvent', METERED, 'last')
    await expect.poll(() => service.server.stats().callsIn.get('TransactionEvent')).toBe(1)
    await service.server.stop(2000)
    expect(await answer).toMatchObject({ type: 3 })
    expect(await station.closed()).toMatchObject({ code: 1001 })
    await service.store.close()
  })

  it('belongs to the newest socket of a station', async () => {
    const service = await startService()
    const older = await service.booted('LIFE2')
    const newer = await service.booted('LIFE2')
    expect((await older.closed()).code).toBe(1008)
    newer.answer(() => ({ status: 'Accepted' }))
    expect(await service.server.bus.call('LIFE2', 'ClearCache', {})).toMatchObject({ kind: 'answered' })
    expect(service.events.filter((event) => event.kind === 'station.disconnected')).toEqual([])
    await newer.close()
    await expect.poll(() => service.server.bus.isOnline('LIFE2')).toBe(false)
    await service.stop()
  })

  it('ends when a station answers no ping', async () => {
    const service = await startService({ policy: { pingIntervalMs: 300, pongTimeoutMs: 300 } })
    const alive = await service.booted('LIFE3')
    const dead = await service.station('LIFE4', { autoPong: false })
    await dead.call('BootNotification', BOOT)
    await expect.poll(() => service.server.bus.isOnline('LIFE4'), { timeout: 6000 }).toBe(false)
    expect(service.server.bus.isOnline('LIFE3')).toBe(true)
    await alive.close()
    await service.stop()
  })

  it('is refused without a sub-protocol that is spoken here: handshake without one, then closed', async () => {
    const service = await startService()
    const { WebSocket } = await import('ws')
    await service.register('LIFE5')
    const headers = {
      authorization: `Basic ${Buffer.from('LIFE5:correct-horse-battery').toString('base64')}`,
    }
    const socket = new WebSocket(`${service.url}/LIFE5`, ['ocpp1.5'], { headers })
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    // The client library calls a handshake without the offered protocol an error: it has seen exactly that.
    expect(error.message).toContain('no subprotocol')
    const without = await service.station('LIFE5', { subprotocols: [] })
    expect((await without.closed()).code).toBe(1002)
    expect(service.server.bus.isOnline('LIFE5')).toBe(false)
    const preferred = await service.station('LIFE5', { subprotocols: ['ocpp1.6', 'ocpp2.0.1'] })
    expect(preferred.socket.protocol).toBe('ocpp2.0.1')
    await preferred.close()
    await service.stop()
  })

  it('compresses where a station asks for it (RFC 7692)', async () => {
    const service = await startService()
    const station = await service.station('LIFE6', { perMessageDeflate: { threshold: 0 } })
    expect(station.socket.extensions).toContain('permessage-deflate')
    expect(await station.call('BootNotification', BOOT)).toMatchObject({ type: 3 })
    await station.close()
    await service.stop()
  })

  it('is not what a browser gets', async () => {
    const service = await startService()
    const response = await fetch(service.url.replace('ws:', 'http:'))
    expect(response.status).toBe(426)
    await service.stop()
  })
})
