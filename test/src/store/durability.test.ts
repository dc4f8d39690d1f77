import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { TransactionEventRequest } from '../../../src/ocpp/v201/messages.generated.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { createLogSync } from '../../../src/store/sqlite/log-sync.ts'

const directories: string[] = []
function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gridkeep-store-'))
  directories.push(path)
  return path
}
afterEach(() => {
  for (const path of directories.splice(0)) rmSync(path, { recursive: true })
})

const AT = '2026-03-01T10:00:00Z'
function event(seqNo: number, change: Partial<TransactionEventRequest> = {}): TransactionEventRequest {
  return {
    eventType: seqNo === 0 ? 'Started' : 'Updated',
    timestamp: AT,
    triggerReason: 'MeterValuePeriodic',
    seqNo,
    transactionInfo: { transactionId: 'T' },
    ...change,
  }
}

describe('a write', () => {
  it('has been committed to the file when its promise resolves', async () => {
    const path = join(directory(), 'a.db')
    const store = createSqliteStore(path)
    await store.sessions.record('S', event(0), AT)
    // A second connection sees only what is committed.
    const other = createSqliteStore(path)
    expect(await other.sessions.events('S', 'T')).toHaveLength(1)
    await other.close()
    await store.close()
  })

  it('that fails undoes itself and nothing of its neighbours, and the session is as if it had never been', async () => {
    const store = createSqliteStore(join(directory(), 'b.db'))
    await store.sessions.record('S', event(0), AT)
    const circular: Record<string, unknown> = { vendorId: 'v' }
    circular.self = circular
    const outcomes = await Promise.allSettled([
      store.sessions.record('S', event(1), AT),
      store.sessions.record('S', event(2, { customData: circular as { vendorId: string } }), AT),
      store.sessions.record('S', event(3), AT),
    ])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await store.sessions.events('S', 'T')).map(({ seqNo }) => seqNo)).toEqual([0, 1, 3])
    expect(await store.sessions.get('S', 'T')).toMatchObject({ lastSeqNo: 3, missingSeqNos: 1 })
    await store.sessions.record('S', event(2), AT)
    expect(await store.sessions.get('S', 'T')).toMatchObject({ lastSeqNo: 3, missingSeqNos: 0 })
    await store.close()
  })

  it('of an event that came before is recognised, also after a restart', async () => {
    const path = join(directory(), 'c.db')
    const first = createSqliteStore(path)
    await first.sessions.record('S', event(0), AT)
    await first.sessions.record('S', event(5), AT)
    expect(await first.sessions.record('S', event(5), AT)).toMatchObject({ repeated: true })
    await first.close()
    const second = createSqliteStore(path)
    expect(await second.sessions.record('S', event(0), AT)).toMatchObject({ repeated: true })
    expect(await second.sessions.record('S', event(3), AT)).toMatchObject({ repeated: false })
    expect(await second.sessions.get('S', 'T')).toMatchObject({ lastSeqNo: 5, missingSeqNos: 3 })
    await second.close()
  })

  it('of values that came before the EVSE was known is found with its event', async () => {
    const store = createSqliteStore(':memory:')
    const meterValue = [{ timestamp: AT, sampledValue: [{ value: 7 }] }]
    await store.sessions.record('S', event(0, { meterValue }), AT)
    await store.sessions.record('S', event(1, { evse: { id: 2 } }), AT)
    expect(await store.sessions.events('S', 'T')).toMatchObject([{ event: { meterValue } }, { seqNo: 1 }])
    await store.close()
  })
})

describe('the sync of the log', () => {
  it('calls back in order, once each, and shares syncs', async () => {
    const path = join(directory(), 'log')
    writeFileSync(path, 'x')
    const sync = createLogSync(path)
    const called: number[] = []
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 100; i++)
        sync.afterSync((error) => {
          expect(error).toBeNull()
          called.push(i)
          if (i === 99) resolve()
        })
    })
    expect(called).toEqual(Array.from({ length: 100 }, (_, i) => i))
    sync.close()
    expect(readFileSync(path, 'utf8')).toBe('x')
  })

  it('fails whoever waits where the file cannot be opened', async () => {
    const sync = createLogSync(join(directory(), 'nowhere', 'log'))
    const error = await new Promise<Error | null>((resolve) => sync.afterSync(resolve))
    expect(error?.message).toContain('ENOENT')
  })

  it('leaves nobody waiting when it is closed', () => {
    const path = join(directory(), 'log')
    writeFileSync(path, 'x')
    const sync = createLogSync(path)
    let called = 0
    sync.afterSync(() => called++)
    sync.afterSync(() => called++)
    sync.close()
    expect(called).toBe(2)
  })
})
