import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCommandKeys } from '../../../src/keys/command.ts'
import { createTestCertificates } from '../certificates/support.ts'

/** A signer of twenty lines, as an operator might write one around a vault; here around openssl. */
const SCRIPT = `#!/bin/sh
set -e
cd "$(dirname "$0")"
file=$(printf %s "$2" | tr / _)
case "$1" in
  public-key) [ -f "$file.key" ] || exit 3; openssl pkey -in "$file.key" -pubout ;;
  create) openssl ecparam -name $(echo "$3" | sed 's/P-256/prime256v1/; s/P-384/secp384r1/; s/P-521/secp521r1/') -genkey -noout -out "$file.key"; openssl pkey -in "$file.key" -pubout ;;
  sign) [ -f stall ] && exec sleep 2; [ -f nonsense ] && { echo nonsense; exit 0; }
    openssl dgst "-$(printf %s "$3" | sed 's/.*with-//' | tr A-Z a-z)" -sign "$file.key" ;;
esac
`

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gridkeep-signer-'))
  writeFileSync(join(folder, 'signer.sh'), SCRIPT)
  chmodSync(join(folder, 'signer.sh'), 0o755)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const keysOf = (deadlineMs = 5000) => openCommandKeys({ command: [join(folder, 'signer.sh')], deadlineMs })

test('a program signs for the authorities: the whole hierarchy comes up on it', async () => {
  const keys = keysOf()
  expect(await keys.open('authority/x/1')).toBeUndefined()
  const made = await keys.create('authority/x/1', 'P-256')
  const again = await keys.open('authority/x/1')
  expect(Buffer.from(again?.publicKeySpki ?? [])).toEqual(Buffer.from(made.publicKeySpki))
  await expect(keys.adopt('authority/y/1', {} as never)).rejects.toThrow(/yourself/)
})

test('a wrong signature is noticed before anything is issued with it', async () => {
  const { routeAuthorityKeys } = await import('../../../src/keys/routed.ts')
  const { openWrappedKeys } = await import('../../../src/keys/wrapped.ts')
  const { createSqliteStore } = await import('../../../src/store/sqlite/index.ts')
  const { cheapScrypt, PASSPHRASE } = await import('../certificates/support.ts')
  const store = createSqliteStore(':memory:')
  const files = await openWrappedKeys(store.keyBlobs, PASSPHRASE, cheapScrypt)
  const test = await createTestCertificates({
    store,
    keys: routeAuthorityKeys(keysOf(), files),
    offlineLines: ['mo-root', 'csms-root', 'v2g-root'],
  })
  expect(test.service.authorities.current('station-ca')).toBeDefined()
  writeFileSync(join(folder, 'nonsense'), '')
  const done = await test.service.operations.submit({ kind: 'new-generation', line: 'station-ca' }, 'alice')
  expect(done.state).toBe('failed')
  expect(test.service.authorities.current('station-ca')?.record.generation).toBe(1)
  await test.close()
})

test('a program that is missing, fails or stalls is a key store that is unavailable, not a crash', async () => {
  const missing = openCommandKeys({ command: [join(folder, 'nothing')], deadlineMs: 1000 })
  await expect(missing.open('authority/x/1')).rejects.toMatchObject({ code: 'key-unavailable' })
  const failing = openCommandKeys({ command: ['false'], deadlineMs: 1000 })
  await expect(failing.open('authority/x/1')).rejects.toMatchObject({ code: 'key-unavailable' })
  const talking = openCommandKeys({ command: ['echo'], deadlineMs: 1000 })
  await expect(talking.open('authority/x/1')).rejects.toMatchObject({ code: 'key-unavailable' })
  const signer = await keysOf(300).create('authority/x/1', 'P-256')
  writeFileSync(join(folder, 'stall'), '')
  await expect(signer.sign(Buffer.from('data'))).rejects.toMatchObject({ code: 'key-unavailable' })
  expect(() => openCommandKeys({ command: [], deadlineMs: 1 })).toThrow(/empty/)
})
