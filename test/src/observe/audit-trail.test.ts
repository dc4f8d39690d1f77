import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCli } from '../../../src/cli.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import { AUDIT_HEAD, fileAuditHead } from '../../../src/observe/audit-head.ts'
import { keepCheckpoints, signCheckpoint, verifyAudit } from '../../../src/observe/audit-trail.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const scrypt = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
const clock = { now: () => Date.parse('2026-11-22T10:00:00Z') }

let folder: string
let store: Store

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gridkeep-audit-'))
  store = createSqliteStore(join(folder, 'gridkeep.db'))
  await fill(20)
  await sign()
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

async function fill(count: number): Promise<void> {
  const entry = { at: '2026-11-22T10:00:00.000Z', actor: 'alice', action: 'station.put', subject: 'CS1' }
  await Promise.all(Array.from({ length: count }, (_, n) => store.audit.append({ ...entry, detail: { n } })))
}

async function sign(): Promise<void> {
  const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', scrypt)
  await signCheckpoint({ store, keys, clock })
}

/** What somebody with write access to the file, but without the passphrase, does. */
function tamper(sql: string, ...args: unknown[]): void {
  const db = new Sqlite(join(folder, 'gridkeep.db'))
  db.prepare(sql).run(...args)
  db.close()
}

test('an untouched trail is whole, also after more entries and more checkpoints', async () => {
  expect(await verifyAudit(store)).toMatchObject({ ok: true, entries: 20, checkpoints: 1, signedUpTo: 20 })
  await sign()
  await fill(5)
  expect(await verifyAudit(store)).toMatchObject({ ok: true, entries: 25, checkpoints: 1, signedUpTo: 20 })
  await sign()
  const verdict = await verifyAudit(store)
  expect(verdict).toMatchObject({ ok: true, checkpoints: 2, signedUpTo: 25, problems: [] })
  expect(verdict.keyFingerprints).toHaveLength(1)
})

describe('tampering is found:', () => {
  test.each([
    ['a changed actor', "UPDATE audit SET actor = 'mallory' WHERE id = 7"],
    ['a changed time', "UPDATE audit SET at = '2026-11-22T11:00:00.000Z' WHERE id = 7"],
    ['a changed detail', "UPDATE audit SET detail = '{}' WHERE id = 1"],
    ['a removed entry', 'DELETE FROM audit WHERE id = 7'],
    ['a removed first entry', 'DELETE FROM audit WHERE id = 1'],
    ['a trail that was cut', 'DELETE FROM audit WHERE id > 15'],
    ['a trail that was emptied', 'DELETE FROM audit'],
    ['swapped entries', 'UPDATE audit SET id = CASE id WHEN 7 THEN -8 WHEN 8 THEN -7 ELSE id END'],
    ['a moved checkpoint', 'UPDATE audit_checkpoints SET last_id = 19'],
    ['a checkpoint with another hash', "UPDATE audit_checkpoints SET hash = '00'"],
    ['a checkpoint with another time', "UPDATE audit_checkpoints SET at = '2020-01-01T00:00:00.000Z'"],
    ['a checkpoint with a broken key', "UPDATE audit_checkpoints SET key = 'AAAA'"],
  ])('%s', async (_what, sql) => {
    tamper(sql)
    const verdict = await verifyAudit(store)
    expect(verdict.ok).toBe(false)
    expect(verdict.problems.length).toBeGreaterThan(0)
  })

  test('a chain that was computed anew after a change breaks the checkpoint', async () => {
    tamper("UPDATE audit SET actor = 'mallory' WHERE id = 7")
    tamper('UPDATE audit SET hash = NULL')
    const rewritten = createSqliteStore(join(folder, 'gridkeep.db'))
    await rewritten.audit.append({ at: '2026', actor: 'a', action: 'b', subject: 'c', detail: {} })
    expect(await verifyAudit(rewritten)).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('is not what the checkpoint')],
    })
    await rewritten.close()
  })

  test('a checkpoint signed anew has another key, which is noticed by its fingerprint', async () => {
    const [fingerprint = ''] = (await verifyAudit(store)).keyFingerprints
    expect(await verifyAudit(store, { key: fingerprint.toUpperCase() })).toMatchObject({ ok: true })
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    tamper('UPDATE audit_checkpoints SET key = ?', key)
    expect((await verifyAudit(store, { key: fingerprint })).problems.join(' ')).toContain('another key')
  })
})

test('entries from before the chain are chained as they are found', async () => {
  tamper('UPDATE audit SET hash = NULL')
  tamper('DELETE FROM audit_checkpoints')
  const reopened = createSqliteStore(join(folder, 'gridkeep.db'))
  await reopened.audit.append({ at: '2026', actor: 'a', action: 'b', subject: 'c', detail: {} })
  expect(await verifyAudit(reopened)).toMatchObject({ ok: true, entries: 21 })
  await reopened.close()
})

describe('the end of the trail', () => {
  const head = () => fileAuditHead(join(folder, AUDIT_HEAD))
  const run = async (during: () => Promise<void>): Promise<void> => {
    const keys = await openWrappedKeys(store.keyBlobs, 'correct horse battery', scrypt)
    const keeping = await keepCheckpoints({
      ...{ store, keys, clock, head: head(), log: pino({ level: 'silent' }) },
      ...{ intervalMs: 1_000_000, headIntervalMs: 5 },
    })
    await during()
    await keeping.stop()
  }
  /** As if the process died here: the head knows more than the last checkpoint. */
  const crashAfter = async (count: number): Promise<void> => {
    await run(async () => {
      await fill(count)
      await expect.poll(async () => (await head().read())?.lastId).toBe(20 + count)
    })
    tamper('DELETE FROM audit_checkpoints WHERE last_id > 20')
  }

  test('cannot be cut off in the database alone, checkpoints and all', async () => {
    await crashAfter(5)
    const known = await head().read()
    expect(await verifyAudit(store, { head: known })).toMatchObject({ ok: true, signedUpTo: 25 })
    tamper('DELETE FROM audit WHERE id > 22')
    expect(await verifyAudit(store)).toMatchObject({ ok: true, signedUpTo: 20 })
    const verdict = await verifyAudit(store, { head: known })
    expect(verdict.problems.join(' ')).toContain('entries up to 25 were signed, 22 is the last')
  })

  test('that was cut is on record after the next start, whose head would hide it', async () => {
    await crashAfter(5)
    tamper('DELETE FROM audit WHERE id > 22')
    const reopened = createSqliteStore(join(folder, 'gridkeep.db'))
    await store.close()
    store = reopened
    await run(async () => undefined)
    const [cut] = await store.audit.list({ action: 'audit.cut' })
    expect(cut?.detail).toMatchObject({ signedEntry: 25 })
    expect(await verifyAudit(store, { head: await head().read() })).toMatchObject({
      ok: true,
      signedUpTo: 23,
    })
  })

  test('with a head that cannot be read is not passed over', async () => {
    writeFileSync(join(folder, AUDIT_HEAD), '{"lastId":"x"}')
    await expect(head().read()).rejects.toThrow(/cannot be read/)
    await expect(run(async () => undefined)).rejects.toThrow(/cannot be read/)
  })
})

test('gridkeep audit verify says so and ends with 1 where something is wrong', async () => {
  const out: string[] = []
  const io = {
    out: (text: string) => out.push(text),
    err: (text: string) => out.push(text),
    env: {},
    interactive: false,
    signal: new AbortController().signal,
    readStdin: async () => '',
  }
  const parts = { openStore: async () => createSqliteStore(join(folder, 'gridkeep.db')) } as never
  expect(await runCli(['audit', 'verify', '--data-dir', folder], io, parts)).toBe(0)
  expect(out.join('')).toContain('The trail is whole.')
  tamper('DELETE FROM audit WHERE id = 3')
  expect(await runCli(['audit', 'verify', '--data-dir', folder, '--json'], io, parts)).toBe(1)
  expect(out.at(-1)).toContain('"ok":false')
})
