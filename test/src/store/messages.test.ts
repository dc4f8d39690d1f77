import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MessageQuery, MessageStore, NewMessage } from '../../../src/store/messages.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const START_MS = Date.parse('2026-03-01T08:00:00Z')
let store: Store
let messages: MessageStore

function message(index: number, fields: Partial<NewMessage> = {}): NewMessage {
  return {
    stationId: `CS-${index % 2}`,
    atMs: START_MS + index * 1000,
    direction: 'from-station',
    kind: 'call',
    messageId: `m${index}`,
    action: 'StatusNotification',
    errorCode: null,
    payload: JSON.stringify({ evseId: index }),
    ...fields,
  }
}

const many = (count: number, from = 0) => Array.from({ length: count }, (_, index) => message(from + index))

beforeEach(() => {
  store = createSqliteStore(':memory:')
  ;({ messages } = store)
})
afterEach(() => store.close())

describe('the message log', () => {
  it('is read newest first, in pages that end', async () => {
    await messages.append(many(5), 1000)
    const first = await messages.list({ limit: 3 })
    expect(first.items.map((one) => one.messageId)).toEqual(['m4', 'm3', 'm2'])
    const second = await messages.list({ limit: 3, before: first.next ?? 0 })
    expect(second.items.map((one) => one.messageId)).toEqual(['m1', 'm0'])
    expect(second.next).toBeNull()
  })

  it('is searched by station, action, direction, kind, message id, time and text of the payload', async () => {
    await messages.append(
      [
        ...many(4),
        message(4, { action: 'Authorize', payload: '{"idToken":{"idToken":"ab%12"}}' }),
        message(5, { kind: 'error', direction: 'to-station', errorCode: 'InternalError', payload: null }),
      ],
      1000,
    )
    const found = async (query: MessageQuery) =>
      (await messages.list(query)).items.map((one) => one.messageId)
    expect(await found({ stationId: 'CS-0' })).toEqual(['m4', 'm2', 'm0'])
    expect(await found({ action: 'Authorize' })).toEqual(['m4'])
    expect(await found({ direction: 'to-station' })).toEqual(['m5'])
    expect(await found({ kind: 'error' })).toEqual(['m5'])
    expect(await found({ messageId: 'm2' })).toEqual(['m2'])
    expect(await found({ from: '2026-03-01T08:00:01Z', to: '2026-03-01T08:00:03Z' })).toEqual(['m2', 'm1'])
    expect(await found({ from: '2027-01-01T00:00:00Z' })).toEqual([])
    expect(await found({ text: 'AB%1' })).toEqual(['m4'])
    expect(await found({ text: 'a_%' })).toEqual([])
    expect(await found({ text: 'ab%', textActions: ['Reset'] })).toEqual([])
  })

  it('goes on after a page without a find: a search looks at a bounded part', async () => {
    await messages.append([message(0, { action: 'Reset' }), ...many(10_500, 1)], 100_000)
    const first = await messages.list({ action: 'Reset' })
    expect(first.items).toEqual([])
    const second = await messages.list({ action: 'Reset', before: first.next ?? 0 })
    expect(second.items).toHaveLength(1)
    expect(second.next).toBeNull()
  })

  it('keeps the newest so many', async () => {
    await messages.append(many(10), 4)
    expect((await messages.list()).items.map((one) => one.messageId)).toEqual(['m9', 'm8', 'm7', 'm6'])
  })

  it('loses what is older than its days, but not its count of ids', async () => {
    await messages.append(many(3), 1000)
    const newest = (await messages.list()).items[0]?.id
    expect(await store.retention.prune('station-messages', '2027-01-01T00:00:00Z', 500)).toBe(2)
    expect((await messages.list()).items.map((one) => one.id)).toEqual([newest])
  })
})
