import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { DomainEvent } from '../../../src/bus/ports.ts'
import { createEventFeed } from '../../../src/http/event-feed.ts'
import { createTestApi, type TestApi } from './harness.ts'

const AT = '2026-03-01T08:00:00.000Z'
const connected = (stationId: string): DomainEvent => ({ kind: 'station.connected', stationId, at: AT })
const siteUpdated = (siteId: string, load: number): DomainEvent => ({
  kind: 'site.updated',
  siteId,
  at: AT,
  status: { load },
})

interface Received {
  id?: string
  event?: string
  data?: unknown
}

/** Reads a stream until it has seen `count` events (comments and retry hints aside). */
async function readEvents(response: Response, count: number): Promise<Received[]> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const events: Received[] = []
  let buffer = ''
  while (reader && events.length < count) {
    const { value, done } = await reader.read()
    if (done) break
    buffer += value
    const frames = buffer.split('\n\n')
    buffer = frames.pop() ?? ''
    for (const frame of frames) {
      const lines = new Map(
        frame
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      const event = lines.get('event')
      if (event !== undefined)
        events.push({ id: lines.get('id') ?? '', event, data: JSON.parse(lines.get('data') ?? 'null') })
    }
  }
  await reader?.cancel()
  return events
}

describe('the event stream', () => {
  let api: TestApi
  let base: string

  beforeEach(async () => {
    api = await createTestApi({ streams: { maxClients: 3, maxUnreadBytes: 64 * 1024, heartbeatMs: 20 } })
    base = await api.listen()
  })
  afterEach(() => api.close())

  const open = (query = '', headers: Record<string, string> = {}) =>
    fetch(`${base}/api/v1/events${query}`, {
      headers: { authorization: `Bearer ${api.keys.viewer}`, ...headers },
    })

  test('sends events as they happen, with kind and number', async () => {
    const response = await open()
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    api.hub.publish(connected('CS-1'))
    api.hub.publish(siteUpdated('depot', 5))
    expect(await readEvents(response, 2)).toMatchObject([
      { event: 'station.connected', data: { stationId: 'CS-1' } },
      { event: 'site.updated', data: { status: { load: 5 } } },
    ])
  })

  test('filters by kind, station and site', async () => {
    const byKind = await open('?kinds=site.updated,limit.changed')
    const byStation = await open('?stationId=CS-2')
    const bySite = await open('?siteId=depot')
    for (const id of ['CS-1', 'CS-2']) api.hub.publish(connected(id))
    for (const id of ['other', 'depot']) api.hub.publish(siteUpdated(id, 1))
    expect(await readEvents(byKind, 2)).toMatchObject([
      { data: { siteId: 'other' } },
      { data: { siteId: 'depot' } },
    ])
    expect(await readEvents(byStation, 1)).toMatchObject([{ data: { stationId: 'CS-2' } }])
    expect(await readEvents(bySite, 1)).toMatchObject([{ data: { siteId: 'depot' } }])
  })

  test('gives a returning client what it missed, once', async () => {
    const first = await open()
    api.hub.publish(connected('CS-1'))
    const [last] = await readEvents(first, 1)
    api.hub.publish(connected('CS-2'))
    api.hub.publish(connected('CS-3'))
    const second = await open('', { 'last-event-id': last?.id ?? '' })
    api.hub.publish(connected('CS-4'))
    const events = await readEvents(second, 3)
    expect(events.map((event) => (event.data as { stationId: string }).stationId)).toEqual([
      'CS-2',
      'CS-3',
      'CS-4',
    ])
  })

  test('tells a client to start anew when it was away for too long or the service has restarted', async () => {
    api.hub.publish(connected('CS-1'))
    for (const id of ['otherprocess.1', 'nonsense', `${api.clock.now().toString(36)}.99`]) {
      const response = await open('', { 'last-event-id': id })
      expect((await readEvents(response, 1))[0]).toMatchObject({ event: 'reset' })
    }
  })

  test('needs a key, and refuses what it does not know', async () => {
    expect((await fetch(`${base}/api/v1/events`)).status).toBe(401)
    expect((await open('?kind=x')).status).toBe(400)
  })

  test('sends a heartbeat when nothing happens', async () => {
    const reader = (await open()).body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes(': heartbeat')) text += (await reader?.read())?.value ?? ''
    await reader?.cancel()
    expect(text).toContain('retry: ')
  })

  test('has a bounded number of clients, and gives the place free again', async () => {
    const streams = await Promise.all([open(), open(), open()])
    const refused = await open()
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ code: 'events.too-many-clients' })
    await streams[0]?.body?.cancel()
    await vi.waitFor(async () => {
      const again = await open()
      expect(again.status).toBe(200)
      await again.body?.cancel()
    })
    await Promise.all(streams.slice(1).map((stream) => stream.body?.cancel()))
  })

  test('drops a client that does not read, and serves the others', async () => {
    const { hostname, port } = new URL(base)
    const lazy = connect(Number(port), hostname)
    const closed = new Promise<void>((resolve) => lazy.once('close', () => resolve()))
    lazy.on('error', () => undefined)
    lazy.write(`GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.keys.viewer}\r\n\r\n`)
    await new Promise((resolve) => lazy.once('readable', resolve))
    const attentive = await open('?kinds=station.connected')
    // More than what the kernel's buffers take in addition to ours.
    const big = {
      kind: 'site.updated',
      siteId: 'depot',
      at: AT,
      status: { text: 'x'.repeat(1024 * 1024) },
    } as const
    let open_ = true
    void closed.then(() => {
      open_ = false
    })
    for (let i = 0; i < 100 && open_; i++) {
      api.hub.publish(big)
      await new Promise((resolve) => setImmediate(resolve))
      if (i % 10 === 9) lazy.read(0)
    }
    lazy.resume()
    await closed
    api.hub.publish(connected('CS-1'))
    expect(await readEvents(attentive, 1)).toMatchObject([{ data: { stationId: 'CS-1' } }])
  })

  test('ends when the service stops', async () => {
    const response = await open()
    const done = response.text()
    await api.close()
    expect(await done).toContain('retry:')
    api = await createTestApi()
  })
})

describe('the event feed', () => {
  const feedOf = (capacity: number) => {
    const hub = createEventHub((error) => {
      throw error
    })
    return { hub, feed: createEventFeed(hub, { epoch: 'e', capacity }) }
  }

  test('remembers a bounded number of events and says when some are gone', () => {
    const { hub, feed } = feedOf(3)
    for (const id of ['a', 'b', 'c', 'd']) hub.publish(connected(id))
    expect(feed.since('e.1')).toMatchObject({
      complete: true,
      entries: [{ id: 'e.2' }, { id: 'e.3' }, { id: 'e.4' }],
    })
    expect(feed.since('e.0').complete).toBe(false)
    expect(feed.since('e.4')).toEqual({ complete: true, entries: [] })
  })

  test('keeps only the latest state of a site', () => {
    const { hub, feed } = feedOf(3)
    hub.publish(connected('a'))
    for (let load = 0; load < 100; load++) hub.publish(siteUpdated('depot', load))
    const { entries, complete } = feed.since('e.0')
    expect(complete).toBe(true)
    expect(entries.map((entry) => entry.event)).toMatchObject([{ stationId: 'a' }, { status: { load: 99 } }])
  })

  test('serves clients after the publisher has gone on, in order and in one piece', async () => {
    const { hub, feed } = feedOf(10)
    const written: string[] = []
    feed.attach({ wants: () => true, write: (text) => written.push(text) })
    hub.publish(connected('a'))
    hub.publish(connected('b'))
    expect(written).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(written).toHaveLength(1)
    expect(written[0]?.match(/id: e\.\d/g)).toEqual(['id: e.1', 'id: e.2'])
  })

  test('gives a client that comes in between nothing twice and nothing from before', async () => {
    const { hub, feed } = feedOf(10)
    const early: string[] = []
    const late: string[] = []
    feed.attach({ wants: () => true, write: (text) => early.push(text) })
    hub.publish(connected('a'))
    feed.attach({ wants: () => true, write: (text) => late.push(text) })
    hub.publish(connected('b'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(early.join('').match(/CS|"stationId":"\w"/g)).toEqual(['"stationId":"a"', '"stationId":"b"'])
    expect(late.join('')).not.toContain('"a"')
  })
})
