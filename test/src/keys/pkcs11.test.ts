import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CERTIFICATE_KINDS,
  certificateProfile,
  createSoftwareSigner,
  validatePath,
} from '../../../pki/index.ts'
import { openPkcs11Keys, type Pkcs11Keys } from '../../../src/keys/pkcs11.ts'
import { routeAuthorityKeys } from '../../../src/keys/routed.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import { hasSoftHsm, type SoftHsm, startSoftHsm, type TestToken } from '../../support/soft-hsm.ts'
import { cheapScrypt, createTestCertificates, ORGANISATION, PASSPHRASE } from '../certificates/support.ts'

describe.skipIf(!hasSoftHsm())('a PKCS#11 token', () => {
  let hsm: SoftHsm
  let token: TestToken
  let keys: Pkcs11Keys

  beforeAll(async () => {
    hsm = await startSoftHsm()
    token = hsm.newToken()
    keys = token.keys
  })
  afterAll(() => hsm.close())

  test('makes keys of every kind that sign what other software verifies', async () => {
    const { verifySignature, PublicKey } = await import('../../../pki/index.ts')
    for (const kind of ['P-256', 'P-384', 'P-521', 'rsa-3072'] as const) {
      const signer = await keys.create(`authority/${kind}/1`, kind)
      const data = Buffer.from(`signed by ${kind}`)
      const signatures = await Promise.all(Array.from({ length: 8 }, () => signer.sign(data)))
      for (const signature of signatures)
        expect(
          verifySignature({
            identifier: signer.algorithm.identifier,
            key: PublicKey.parse(signer.publicKeySpki),
            data,
            signature,
          }),
        ).toBe(true)
    }
    await expect(keys.create('authority/P-256/1', 'P-256')).rejects.toThrow(/already/)
    expect(await keys.open('authority/none/1')).toBeUndefined()
    expect(await keys.exportForTls('authority/P-256/1')).toBeUndefined()
    await expect(keys.adopt('authority/x/1', {} as never)).rejects.toThrow(/tool of its maker/)
  })

  test('carries the whole hierarchy: every end-entity profile is issued under keys that never leave it', async () => {
    const store = createSqliteStore(':memory:')
    const files = await openWrappedKeys(store.keyBlobs, PASSPHRASE, cheapScrypt)
    const made = await createTestCertificates({ store, keys: routeAuthorityKeys(keys, files) })
    const { authorities, issuance } = made.service
    expect((await store.keyBlobs.names()).filter((name) => name.startsWith('key/authority/'))).toEqual([])
    const lines = {
      'secc-leaf': 'cpo-sub2',
      'cps-leaf': 'cps-sub2',
      contract: 'mo-sub2',
      'station-client': 'station-ca',
    } as const
    for (const kind of CERTIFICATE_KINDS) {
      const line = Object.entries(lines).find(([name]) => name === kind)?.[1]
      if (line === undefined) continue
      const certificate = await issuance.issue({
        authority: authorities.signing(line),
        profile: certificateProfile(kind),
        subject: { commonName: 'DE8AA1A2B3C4D59', organization: ORGANISATION },
        publicKey: createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
          .publicKeySpki,
      })
      const chain = authorities.chain(line).map((one) => one.certificate)
      const path = validatePath({
        leaf: certificate,
        intermediates: chain,
        anchors: chain.slice(-1),
        atMs: made.clock.now(),
      })
      expect(path, kind).toMatchObject({ ok: true })
      expect(await made.service.revoke(certificate.fingerprint, 'superseded')).toBe('revoked')
    }
    await made.service.operations.submit({ kind: 'new-generation', line: 'v2g-root' }, 'alice')
    expect(authorities.current('v2g-root')?.record.generation).toBe(2)
    // A restart finds every key again on the token.
    const again = await createTestCertificates({ store, keys: routeAuthorityKeys(keys, files) })
    expect([...again.service.authorities.values()].every(({ issuer }) => issuer !== undefined)).toBe(true)
    await again.close()
  })

  test('that is not there, or has another PIN or label, is unavailable', async () => {
    for (const wrong of [{ library: '/nowhere/nothing.so' }, { pin: '9999' }, { tokenLabel: 'another' }]) {
      const absent = openPkcs11Keys({ ...token.options, ...wrong })
      await expect(absent.open('authority/x/1')).rejects.toMatchObject({ code: 'key-unavailable' })
      absent.close()
    }
  })
})
