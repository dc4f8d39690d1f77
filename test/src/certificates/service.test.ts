import 'reflect-metadata'
import { randomBytes, randomUUID, webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Certificate,
  certIdFor,
  certificateHashData,
  parseOcspResponse,
  verifyOcspResponse,
} from '../../../pki/index.ts'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { CallOutcome, StationBus } from '../../../src/bus/ports.ts'
import { type CertificateService, createCertificateService } from '../../../src/certificates/service.ts'
import { openWrappedKeys } from '../../../src/keys/wrapped.ts'
import type { CertificateSignedRequest } from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import type { Station } from '../../../src/store/stations.ts'
import { cheapScrypt, openTestKeys } from '../../support/key-stores.ts'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

let store: Store
let nowMs: number
let service: CertificateService
let sent: CertificateSignedRequest[]
let answer: CallOutcome<'CertificateSigned'>
let online: boolean
let disconnected: string[]
let station: Station

const bus: StationBus = {
  call: async (_id, action, payload) => {
    expect(action).toBe('CertificateSigned')
    sent.push(payload as CertificateSignedRequest)
    return answer as never
  },
  isOnline: () => online,
  onlineStations: () => (online ? ['CS1'] : []),
  disconnect: (id) => disconnected.push(id),
}

async function start(): Promise<CertificateService> {
  const keys = await openTestKeys(store.keyBlobs)
  const created = await createCertificateService({
    store,
    keys,
    hub: createEventHub((error) => {
      throw error
    }),
    clock: { now: () => nowMs },
    log: pino({ level: 'silent' }),
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: 'Example CPO',
    sweepMs: 1_000_000,
  })
  created.start(bus)
  return created
}

async function keyPair() {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
}

async function csrFor(name: string, keys?: webcrypto.CryptoKeyPair): Promise<string> {
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys: keys ?? (await keyPair()),
    signingAlgorithm: ecdsa,
  })
  return csr.toString('pem')
}

beforeEach(async () => {
  store = createSqliteStore(':memory:')
  nowMs = Date.parse('2026-11-22T10:00:00Z')
  sent = []
  answer = { kind: 'answered', payload: { status: 'Accepted' } }
  online = true
  disconnected = []
  station = await store.stations.put(
    {
      id: 'CS1',
      enrolment: 'active',
      registration: 'Accepted',
      securityProfile: 3,
      passwordHash: null,
      serialNumber: 'SN-1',
      organisation: null,
      group: null,
    },
    '2026-11-22T09:00:00Z',
  )
  service = await start()
})

afterEach(async () => {
  await service.stop()
  await store.close()
})

/** What the loop does on its own in the service, awaited here. */
async function settled(): Promise<void> {
  await service.stop()
}

describe('a first start', () => {
  test('makes a hierarchy that openssl-like checks accept: each authority is signed by its issuer', () => {
    expect([...service.authorities.keys()]).toEqual(
      expect.arrayContaining(['v2g-root', 'cpo-sub1', 'cpo-sub2', 'station-ca', 'csms-ca']),
    )
    for (const { record, certificate } of service.authorities.values()) {
      const issuer = service.authorities.get(record.issuerId ?? record.id)
      expect(
        certificate.toNode().verify(issuer?.certificate.toNode().publicKey ?? certificate.toNode().publicKey),
        record.id,
      ).toBe(true)
    }
  })

  test('is done once: a second start has the same authorities', async () => {
    const again = await start()
    const fingerprints = (of: CertificateService) =>
      [...of.authorities.values()].map((authority) => authority.certificate.fingerprint).sort()
    expect(fingerprints(again)).toEqual(fingerprints(service))
    await again.stop()
  })

  test('keeps no key in the clear, and a wrong passphrase opens nothing', async () => {
    for (const name of await store.keyBlobs.names()) {
      const blob = Buffer.from((await store.keyBlobs.get(name)) ?? [])
      expect(blob.toString('latin1')).not.toMatch(/PRIVATE KEY/)
    }
    await expect(openWrappedKeys(store.keyBlobs, 'not the passphrase', cheapScrypt)).rejects.toThrow(
      /passphrase/,
    )
  })
})

describe('SignCertificate', () => {
  test('ends with CertificateSigned: leaf first, no root, the profile of our choice, and the order is delivered', async () => {
    const verdict = await service.requestSigning(station, {
      csr: await csrFor('CN=SN-1, O=Example CPO'),
      certificateType: 'ChargingStationCertificate',
    })
    expect(verdict).toEqual({ status: 'Accepted' })
    await settled()
    expect(sent).toHaveLength(1)
    expect(sent[0]?.certificateType).toBe('ChargingStationCertificate')
    const chain = Certificate.parseChain(sent[0]?.certificateChain ?? '')
    // The last one is the root of station certificates as the CSMS root signed it.
    expect(chain.map((certificate) => certificate.commonName)).toEqual([
      'SN-1',
      'Example CPO Station CA',
      'Example CPO Station Root CA',
    ])
    expect(chain.some((certificate) => certificate.isSelfSigned)).toBe(false)
    expect(await store.certificates.orders()).toMatchObject([
      { state: 'delivered', fingerprint: chain[0]?.fingerprint },
    ])
    expect((await store.audit.list()).map((entry) => entry.action)).toEqual(
      expect.arrayContaining(['certificate.issued', 'certificate.delivered']),
    )
  })

  test('without a type is a combined certificate of the V2G chain', async () => {
    await service.requestSigning(station, { csr: await csrFor('CN=SN-1, O=Example CPO') })
    await settled()
    expect(sent[0]).not.toHaveProperty('certificateType')
    const chain = Certificate.parseChain(sent[0]?.certificateChain ?? '')
    expect(chain.map((certificate) => certificate.commonName)).toEqual([
      'SN-1',
      'Example CPO CPO Sub-CA 2',
      'Example CPO CPO Sub-CA 1',
    ])
    expect(
      await service.verifyStationCertificate(
        station,
        chain.map((one) => one.der),
      ),
    ).toMatchObject({ ok: true })
  })

  test('for V2G may leave the name to us: it is the one registered', async () => {
    const verdict = await service.requestSigning(station, {
      csr: await csrFor('C=DE, O=Example CPO, OU=Charging'),
      certificateType: 'V2GCertificate',
    })
    expect(verdict).toMatchObject({ status: 'Accepted' })
    await settled()
    const [leaf] = Certificate.parseChain(sent[0]?.certificateChain ?? '')
    expect(leaf?.commonName).toBe('SN-1')
  })

  test.each([
    ['no name', 'O=Example CPO', 'common-name-missing'],
    ['another serial number', 'CN=SN-2, O=Example CPO', 'common-name-mismatch'],
    ['another organisation', 'CN=SN-1, O=Evil Corp', 'organization-mismatch'],
    ['an address as its name', 'CN=10.0.0.1, O=Example CPO', 'common-name-is-address'],
  ])('with %s is rejected, recorded and leaves no order', async (_what, name, reasonCode) => {
    const verdict = await service.requestSigning(station, {
      csr: await csrFor(name),
      certificateType: 'ChargingStationCertificate',
    })
    expect(verdict).toMatchObject({ status: 'Rejected', reasonCode })
    expect(await store.certificates.orders()).toEqual([])
    expect(await store.events.list({ kind: 'csms-security' })).toMatchObject([
      { type: 'CsrRejected', critical: true },
    ])
  })

  test('asked again with the same key is one certificate, sent again', async () => {
    const csr = await csrFor('CN=SN-1, O=Example CPO')
    for (let round = 0; round < 3; round++)
      await service.requestSigning(station, { csr, certificateType: 'ChargingStationCertificate' })
    await settled()
    expect(await store.certificates.list({ stationId: 'CS1' })).toHaveLength(1)
    expect(new Set(sent.map((one) => one.certificateChain)).size).toBe(1)
  })

  test('survives a restart between the answer and the certificate', async () => {
    online = false
    await service.requestSigning(station, {
      csr: await csrFor('CN=SN-1, O=Example CPO'),
      certificateType: 'ChargingStationCertificate',
    })
    await settled()
    expect(sent).toHaveLength(0)
    online = true
    service = await start()
    await settled()
    expect(sent).toHaveLength(1)
    expect(await store.certificates.orders()).toMatchObject([{ state: 'delivered' }])
  })

  test('is not tried again after the station rejected the certificate', async () => {
    answer = { kind: 'answered', payload: { status: 'Rejected', statusInfo: { reasonCode: 'BadChain' } } }
    await service.requestSigning(station, {
      csr: await csrFor('CN=SN-1, O=Example CPO'),
      certificateType: 'ChargingStationCertificate',
    })
    await settled()
    service = await start()
    await settled()
    expect(sent).toHaveLength(1)
    expect(await store.certificates.orders()).toMatchObject([{ state: 'rejected', detail: 'BadChain' }])
  })

  test('is given up, visibly, after five deliveries without an answer', async () => {
    answer = { kind: 'unanswered', reason: 'deadline' }
    await service.requestSigning(station, {
      csr: await csrFor('CN=SN-1, O=Example CPO'),
      certificateType: 'ChargingStationCertificate',
    })
    for (let round = 0; round < 8; round++) {
      await settled()
      service = await start()
    }
    await settled()
    expect(sent).toHaveLength(5)
    expect(await store.certificates.orders()).toMatchObject([{ state: 'failed', attempts: 5 }])
    expect(await store.events.list({ kind: 'csms-security' })).toMatchObject([
      { type: 'CertificateDeliveryFailed' },
    ])
  })
})

describe('a station certificate in the TLS handshake', () => {
  let chain: Uint8Array[]
  beforeEach(async () => {
    await service.requestSigning(station, {
      csr: await csrFor('CN=SN-1, O=Example CPO'),
      certificateType: 'ChargingStationCertificate',
    })
    await settled()
    chain = Certificate.parseChain(sent[0]?.certificateChain ?? '').map((one) => one.der)
  })

  test('is the station, with or without its sub-CA', async () => {
    expect(await service.verifyStationCertificate(station, chain)).toMatchObject({ ok: true })
    expect(await service.verifyStationCertificate(station, chain.slice(0, 1))).toMatchObject({ ok: true })
  })

  test.each([
    ['another serial number', { serialNumber: 'SN-9' }, 'commonNameMismatch'],
    ['another organisation', { organisation: 'Other' }, 'organisationMismatch'],
    ['another station of the same serial number', { id: 'CS2' }, 'wrongStation'],
  ])('is refused for %s', async (_what, change, reasonCode) => {
    expect(await service.verifyStationCertificate({ ...station, ...change }, chain)).toMatchObject({
      ok: false,
      reasonCode,
    })
  })

  test('is refused once it has expired or was revoked, and revoking ends the connection', async () => {
    const fingerprint = Certificate.parse(chain[0] ?? '').fingerprint
    service = await start()
    expect(await service.revoke(fingerprint, 'keyCompromise')).toBe('revoked')
    expect(disconnected).toEqual(['CS1'])
    expect(await service.revoke(fingerprint, 'keyCompromise')).toBe('already-revoked')
    expect(await service.revoke('00', 'keyCompromise')).toBe('unknown')
    expect(await service.verifyStationCertificate(station, chain)).toMatchObject({
      ok: false,
      reasonCode: 'revoked',
    })
    nowMs += 3 * 365 * 86_400_000
    expect(await service.verifyStationCertificate(station, chain)).toMatchObject({
      ok: false,
      reasonCode: 'expired',
    })
  })

  test('is refused once the sub-CA above it was revoked', async () => {
    const subCa = service.authorities.current('station-ca')?.certificate.fingerprint ?? ''
    expect(await service.revoke(subCa, 'cACompromise')).toBe('revoked')
    expect(await service.verifyStationCertificate(station, chain)).toMatchObject({
      ok: false,
      reasonCode: 'revoked',
    })
  })

  test('is refused where there is none, or bytes that are not a certificate', async () => {
    expect(await service.verifyStationCertificate(station, [])).toMatchObject({ reasonCode: 'notPresented' })
    expect(await service.verifyStationCertificate(station, [randomBytes(100)])).toMatchObject({
      reasonCode: 'malformed',
    })
  })

  test('of the CSMS itself is not one of a station', async () => {
    const identity = await service.serverIdentity(['csms.example.com'], [])
    const server = Certificate.parseChain(identity.chainPem).map((one) => one.der)
    expect(await service.verifyStationCertificate(station, server)).toMatchObject({
      ok: false,
      reasonCode: 'untrusted',
    })
  })
})

describe('GetCertificateStatus', () => {
  test('is a signed answer that verifies, good and then revoked, and unknown for a serial number we never used', async () => {
    await service.requestSigning(station, { csr: await csrFor('CN=SN-1, O=Example CPO') })
    await settled()
    const [leaf, issuer] = Certificate.parseChain(sent[0]?.certificateChain ?? '')
    if (!leaf || !issuer) throw new Error('no chain')
    const data = { ...certificateHashData(leaf, issuer, 'SHA384'), responderURL: 'http://ocsp.example.com' }
    const ask = async (asked: typeof data) => {
      const status = await service.certificateStatus(asked)
      if (status.status !== 'Accepted') throw new Error(status.detail)
      return Buffer.from(status.ocspResult, 'base64')
    }
    const certId = certIdFor({ issuer, serial: leaf.serial, hash: 'SHA384' })
    const good = verifyOcspResponse({
      response: await ask(data),
      certId,
      issuer,
      atMs: nowMs,
      nonceOptional: true,
    })
    expect(good).toMatchObject({ ok: true, status: { kind: 'good' } })
    await service.revoke(leaf.fingerprint, 'superseded')
    const revoked = verifyOcspResponse({
      response: await ask(data),
      certId,
      issuer,
      atMs: nowMs,
      nonceOptional: true,
    })
    expect(revoked).toMatchObject({ ok: true, status: { kind: 'revoked', reason: 'superseded' } })
    const unknown = parseOcspResponse(await ask({ ...data, serialNumber: 'abcdef' }))
    expect(
      JSON.stringify(unknown, (_key, value: unknown) => (value instanceof Uint8Array ? undefined : value)),
    ).toContain('unknown')
  })

  test('fails for an issuer that is not ours', async () => {
    const hash = 'ab'.repeat(32)
    const status = await service.certificateStatus({
      hashAlgorithm: 'SHA256',
      issuerNameHash: hash,
      issuerKeyHash: hash,
      serialNumber: '1',
      responderURL: 'http://x',
    })
    expect(status).toMatchObject({ status: 'Failed', reasonCode: 'UnknownIssuer' })
  })
})

describe('the TLS identity', () => {
  test('covers its names, is kept over a restart, and renewed at two thirds of its life', async () => {
    const names = ['csms.example.com', 'localhost']
    const addresses = [Uint8Array.of(127, 0, 0, 1)]
    const first = await service.serverIdentity(names, addresses)
    const leaf = Certificate.parse(first.chainPem.slice(0, first.chainPem.indexOf('-----END') + 26)).toNode()
    expect(leaf.checkHost('localhost')).toBe('localhost')
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1')
    service = await start()
    expect((await service.serverIdentity(names, addresses)).fingerprint).toBe(first.fingerprint)
    expect((await service.serverIdentity(['other.example.com'], [])).fingerprint).not.toBe(first.fingerprint)
    nowMs = first.renewAtMs + 1
    expect((await service.serverIdentity(names, addresses)).fingerprint).not.toBe(first.fingerprint)
  })
})
