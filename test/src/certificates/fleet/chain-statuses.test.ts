import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certIdIssuerKey, certificateProfile, issueCertificate, PublicKey } from '../../../../pki/index.ts'
import { ChainStatuses } from '../../../../src/certificates/fleet/chain-statuses.ts'
import type { ForeignQuestion } from '../../../../src/certificates/foreign/foreign-revocation.ts'
import { toIssuedRecord } from '../../../../src/certificates/issued.ts'
import { createFleetBench, type FleetBench, ID } from './support.ts'

describe('M06.FR.07: the state of a chain that another authority signed', () => {
  let bench: FleetBench
  beforeAll(async () => {
    bench = await createFleetBench()
  })
  afterAll(() => bench.close())

  it('is asked for the leaf and its sub-CAs before the station has them, once each, and issuers become known', async () => {
    const { store, service, clock } = bench.pki
    const authority = service.authorities.signing('cpo-sub2')
    const opened = await store.certificates.openOrder(
      { id: 'order', stationId: ID, certificateType: 'V2GCertificate', keyHash: 'k', csrPem: 'c' },
      new Date(clock.now()).toISOString(),
    )
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    // Not recorded by us: as if the sub-CAs were somebody else's.
    const leaf = await issueCertificate({
      issuer: authority.issuer,
      profile: certificateProfile('secc-leaf'),
      subject: { commonName: 'DEGKDE1', organization: 'Example CPO' },
      publicKey: PublicKey.fromKeyObject(publicKey),
      atMs: clock.now(),
      random: randomBytes(16),
    })
    const how = { authorityId: null, profile: { id: 'external/test' }, stationId: ID }
    const record = toIssuedRecord(leaf, how)
    const chainPem = service.authorities.chainPem(leaf, authority.record.id)
    await store.certificates.recordIssued(record, {
      id: opened.order.id,
      at: new Date(clock.now()).toISOString(),
      chainPem,
    })

    const asked: ForeignQuestion[] = []
    const statuses = new ChainStatuses(bench.fleet.context, {
      response: async (question) => {
        asked.push(question)
        return asked.length === 1 ? undefined : new Uint8Array(1)
      },
    })
    expect(await statuses.sweep()).toEqual({ asked: 3, answered: 2 })
    const issuers = ['cpo-sub2', 'cpo-sub1', 'v2g-root'].map((line) => bench.root(line).fingerprint)
    expect(asked.map(({ issuer }) => issuer.fingerprint)).toEqual(issuers)
    const [first] = asked
    expect(first?.certId.serialHex).toBe(leaf.serialHex)
    expect(statuses.issuer(certIdIssuerKey(first?.certId ?? never()) ?? '')?.fingerprint).toBe(issuers[0])
    expect(statuses.issuer('somebody else')).toBeUndefined()

    clock.advance(100 * 365 * 86_400_000)
    expect(await statuses.sweep()).toEqual({ asked: 0, answered: 0 })
  })
})

function never(): never {
  throw new Error('nothing was asked')
}
