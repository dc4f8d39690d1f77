import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  buildOcspRequest,
  certIdFor,
  certificateProfile,
  createSoftwareSigner,
  verifyOcspResponse,
} from '../../../pki/index.ts'
import { createGate } from '../../../src/keys/gate.ts'
import type { KeyStore } from '../../../src/keys/ports.ts'
import { routeAuthorityKeys } from '../../../src/keys/routed.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import {
  cheapScrypt,
  createTestCertificates,
  ORGANISATION,
  PASSPHRASE,
  type TestCertificates,
} from './support.ts'

/** A token that works until it stalls: signatures then never come. */
let isStalled = false
let pki: TestCertificates
let keys: KeyStore

beforeEach(async () => {
  isStalled = false
  const store = createSqliteStore(':memory:')
  const files = await openWrappedKeys(store.keyBlobs, PASSPHRASE, cheapScrypt)
  const held = new Map<string, ReturnType<typeof createSoftwareSigner>>()
  const gate = createGate({ deadlineMs: 30, maxInFlight: 2 })
  const open = async (name: string) => {
    const signer = held.get(name)
    if (!signer) return undefined
    return {
      ...signer,
      sign: (data: Uint8Array) =>
        gate.run(() =>
          isStalled ? new Promise<Uint8Array>(() => undefined) : Promise.resolve(signer.sign(data)),
        ),
    }
  }
  const token: KeyStore = {
    open,
    create: async (name, kind) => {
      held.set(name, createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: kind }).privateKey))
      return (await open(name)) ?? Promise.reject(new Error('no key'))
    },
    adopt: () => Promise.reject(new Error('not here')),
    exportForTls: async () => undefined,
  }
  keys = routeAuthorityKeys(token, files)
  pki = await createTestCertificates({ store, keys })
})
afterEach(() => pki.close())

const issue = () =>
  pki.service.issuance.issue({
    authority: pki.service.authorities.signing('cpo-sub2'),
    profile: certificateProfile('secc-leaf'),
    subject: { commonName: 'SECC-1', organization: ORGANISATION },
    publicKey: createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
      .publicKeySpki,
  })

test('a token that stalls pauses issuance, and OCSP answers on, revocations included', async () => {
  const certificate = await issue()
  const issuer = pki.service.authorities.signing('cpo-sub2').certificate
  const certId = certIdFor({ issuer, serial: certificate.serial })
  const ask = async (nonce: Uint8Array) => {
    const response = await pki.service.ocsp.respond(buildOcspRequest([certId], nonce))
    return verifyOcspResponse({ response, certId, issuer, atMs: pki.clock.now(), nonce })
  }
  isStalled = true
  await expect(issue()).rejects.toMatchObject({ code: 'key-unavailable' })
  expect(pki.service.issuance.pausedForMs()).toBeGreaterThan(0)
  const startMs = performance.now()
  await expect(issue()).rejects.toMatchObject({ code: 'key-unavailable' })
  expect(performance.now() - startMs).toBeLessThan(25)
  expect(await ask(Buffer.alloc(16, 1))).toMatchObject({ ok: true, status: { kind: 'good' } })
  expect(await pki.service.revoke(certificate.fingerprint, 'keyCompromise')).toBe('revoked')
  expect(await ask(Buffer.alloc(16, 2))).toMatchObject({ ok: true, status: { kind: 'revoked' } })
})

test('an order of a station waits for the token, and is issued when it is back', async () => {
  // A token that answers again after a stall is one that lets its last signature go; here it is another gate.
  const station = await pki.store.stations.put(
    {
      id: 'CS1',
      enrolment: 'active',
      registration: 'Accepted',
      securityProfile: 3,
      passwordHash: null,
      serialNumber: null,
      organisation: null,
      group: null,
    },
    new Date(pki.clock.now()).toISOString(),
  )
  const { encodeCsr } = await import('../../bench/csr-maker.ts')
  const csr = encodeCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {
    commonName: 'CS1',
    organization: ORGANISATION,
  })
  isStalled = true
  await pki.service.requestSigning(station, { csr, certificateType: 'ChargingStationCertificate' })
  await pki.service.orders.advance()
  const [waiting] = await pki.store.certificates.orders({ stationId: 'CS1' })
  expect(waiting).toMatchObject({ state: 'requested', detail: expect.stringContaining('key store') })
  expect(waiting?.notBefore).not.toBeNull()
})

test('a service that starts while its token is away serves everything but new certificates, and finds it again', async () => {
  const away: KeyStore = {
    ...keys,
    open: async (name) => {
      const { KeyUnavailable } = await import('../../../src/keys/ports.ts')
      if (name.startsWith('authority/') && isStalled) throw new KeyUnavailable('away', 10)
      return keys.open(name)
    },
  }
  const certificate = await issue()
  isStalled = true
  const restarted = await createTestCertificates({ store: pki.store, keys: away })
  const { service } = restarted
  expect(service.authorities.current('cpo-sub2')?.issuer).toBeUndefined()
  expect(() => service.authorities.signing('cpo-sub2')).toThrow(/does not answer/)
  const issuer = pki.service.authorities.signing('cpo-sub2').certificate
  const certId = certIdFor({ issuer, serial: certificate.serial })
  const response = await service.ocsp.respond(buildOcspRequest([certId]))
  expect(verifyOcspResponse({ response, certId, issuer, atMs: pki.clock.now() })).toMatchObject({ ok: true })
  isStalled = false
  await service.upkeep()
  expect(service.authorities.signing('cpo-sub2').issuer).toBeDefined()
  await service.stop()
})
