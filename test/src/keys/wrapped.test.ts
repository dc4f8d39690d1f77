import { generateKeyPairSync, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openWrappedKeys, rotatePassphrase } from '../../../src/keys/wrapped.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const scrypt = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
const OLD = 'the old passphrase'
const NEW = 'the new passphrase'
const data = Buffer.from('to be signed')

let store: Store

beforeEach(() => {
  store = createSqliteStore(':memory:')
})
afterEach(() => store.close())

const open = (passphrase = OLD) => openWrappedKeys(store.keyBlobs, passphrase, scrypt)

test('a key is made once, found again after a restart, and signs', async () => {
  const keys = await open()
  const signer = await keys.create('authority/a/1', 'P-256')
  await expect(keys.create('authority/a/1', 'P-256')).rejects.toThrow(/already/)
  const again = await (await open()).open('authority/a/1')
  expect(Buffer.from(again?.publicKeySpki ?? [])).toEqual(Buffer.from(signer.publicKeySpki))
  const publicKey = { key: Buffer.from(signer.publicKeySpki), format: 'der', type: 'spki' } as const
  expect(verify('sha256', data, publicKey, (await again?.sign(data)) ?? data)).toBe(true)
  expect(await keys.open('authority/b/1')).toBeUndefined()
})

test('a key from elsewhere is taken in under a name that is free', async () => {
  const keys = await open()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await keys.adopt('authority/a/1', privateKey)
  await expect(keys.adopt('authority/a/1', privateKey)).rejects.toThrow(/already/)
  expect(await (await open()).open('authority/a/1')).toBeDefined()
})

describe('blobs that were tampered with', () => {
  test('do not open: a flipped octet, or a blob under the name of another key', async () => {
    const keys = await open()
    for (const name of ['authority/a/1', 'authority/b/1']) await keys.create(name, 'P-256')
    const blob = Buffer.from((await store.keyBlobs.get('key/authority/a/1')) ?? [])
    await store.keyBlobs.put('key/authority/b/1', blob)
    await expect((await open()).open('authority/b/1')).rejects.toThrow()
    const wrapped = JSON.parse(blob.toString()) as Record<string, unknown>
    for (const [field, value] of Object.entries(wrapped)) {
      if (typeof value !== 'string' || value.length < 16) continue
      const changed = { ...wrapped, [field]: `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}` }
      await store.keyBlobs.put('key/authority/a/1', Buffer.from(JSON.stringify(changed)))
      await expect((await open()).open('authority/a/1'), field).rejects.toThrow()
    }
    await store.keyBlobs.put('key/authority/a/1', Buffer.from('{'))
    await expect((await open()).open('authority/a/1')).rejects.toThrow(/backup/)
  })
})

describe('changing the passphrase', () => {
  test('keeps every key, and the old passphrase opens nothing any more', async () => {
    const keys = await open()
    const signers = await Promise.all([1, 2, 3].map((n) => keys.create(`authority/a/${n}`, 'P-256')))
    expect(await rotatePassphrase(store.keyBlobs, { from: OLD, to: NEW }, scrypt)).toEqual({ keys: 3 })
    await expect(open(OLD)).rejects.toThrow(/passphrase/)
    const after = await open(NEW)
    for (const [index, signer] of signers.entries()) {
      const found = await after.open(`authority/a/${index + 1}`)
      expect(Buffer.from(found?.publicKeySpki ?? [])).toEqual(Buffer.from(signer.publicKeySpki))
    }
  })

  test('changes nothing where the old one is wrong, the new one too short, or there is no store', async () => {
    await expect(rotatePassphrase(store.keyBlobs, { from: OLD, to: NEW }, scrypt)).rejects.toThrow(
      /no key store/,
    )
    const keys = await open()
    await keys.create('authority/a/1', 'P-256')
    const before = await store.keyBlobs.get('key/authority/a/1')
    await expect(
      rotatePassphrase(store.keyBlobs, { from: 'not the passphrase', to: NEW }, scrypt),
    ).rejects.toThrow()
    await expect(rotatePassphrase(store.keyBlobs, { from: OLD, to: 'short' }, scrypt)).rejects.toThrow(/12/)
    expect(await store.keyBlobs.get('key/authority/a/1')).toEqual(before)
  })

  test('keeps a process that knows only the old one from making keys that nobody could open', async () => {
    const running = await open()
    await running.create('authority/a/1', 'P-256')
    await rotatePassphrase(store.keyBlobs, { from: OLD, to: NEW }, scrypt)
    await expect(running.create('authority/a/2', 'P-256')).rejects.toMatchObject({ code: 'key-unavailable' })
    expect(await running.open('authority/a/1')).toBeDefined()
  })
})
