import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inspectAnchor } from '../../../../src/certificates/fleet/anchors.ts'
import type { TrustPolicy } from '../../../../src/store/fleet.ts'
import { answered, createFleetBench, type FleetBench, ID } from './support.ts'

let bench: FleetBench
beforeEach(async () => {
  bench = await createFleetBench()
})
afterEach(() => bench.close())

const policy = (change: Partial<TrustPolicy>): Promise<void> =>
  bench.pki.store.fleet.putPolicy({
    id: 'p',
    scope: 'all',
    scopeId: '',
    use: 'V2GRootCertificate',
    fingerprints: [bench.root('v2g-root').fingerprint],
    repair: 'install',
    setBy: 'test',
    updatedAt: '2026-11-22T10:00:00.000Z',
    ...change,
  })
const sent = (action: string) => bench.station.calls.filter((call) => call.action === action)
const held = () => bench.station.held.map(({ use, certificate }) => `${use} ${certificate.commonName}`)
const hold = (use: string, line: string) => bench.station.held.push({ use, certificate: bench.root(line) })

describe('What a station holds', () => {
  it('is not asked for while no policy wants to know', async () => {
    await bench.reconcile()
    expect(bench.station.calls).toEqual([])
  })

  it('is asked for once where the station cannot say: again only after a boot', async () => {
    bench.station.answer = () => ({
      kind: 'refused',
      code: 'NotImplemented',
      description: '',
      details: {},
    })
    await policy({ repair: 'report' })
    await bench.reconcile()
    await bench.reconcile()
    expect(sent('GetInstalledCertificateIds')).toHaveLength(1)
    await bench.fleet.reconciler.booted(ID)
    await bench.reconcile()
    expect(sent('GetInstalledCertificateIds')).toHaveLength(2)
  })

  it('M03.FR.01: is asked for and kept, one row per certificate', async () => {
    hold('CSMSRootCertificate', 'csms-root')
    hold('V2GRootCertificate', 'v2g-root')
    await policy({ repair: 'report' })
    await bench.reconcile()
    const rows = await bench.pki.store.fleet.installed(ID)
    expect(rows.map(({ use }) => use)).toEqual(['CSMSRootCertificate', 'V2GRootCertificate'])
    expect((await bench.pki.store.fleet.trust(ID))?.inventoryAt).not.toBeNull()
  })

  it('M03.FR.02: NotFound says something about the types asked for and nothing about others', async () => {
    hold('CSMSRootCertificate', 'csms-root')
    await bench.fleet.inventory.refresh(ID)
    expect(await bench.fleet.inventory.refresh(ID, ['V2GRootCertificate'])).toBeUndefined()
    expect((await bench.pki.store.fleet.installed(ID)).map(({ use }) => use)).toEqual(['CSMSRootCertificate'])
    bench.station.held.splice(0)
    await bench.fleet.inventory.refresh(ID)
    expect(await bench.pki.store.fleet.installed(ID)).toEqual([])
  })

  it('M03.FR.05: keeps sub-CAs under their leaf', async () => {
    const data = { hashAlgorithm: 'SHA256', issuerNameHash: 'aa', issuerKeyHash: 'bb', serialNumber: '01' }
    bench.station.answer = (action) =>
      action === 'GetInstalledCertificateIds'
        ? answered({
            status: 'Accepted',
            certificateHashDataChain: [
              {
                certificateType: 'V2GCertificateChain',
                certificateHashData: data,
                childCertificateHashData: [
                  { ...data, serialNumber: '02' },
                  { ...data, serialNumber: '03' },
                ],
              },
            ],
          })
        : undefined
    await bench.fleet.inventory.refresh(ID)
    const rows = await bench.pki.store.fleet.installed(ID)
    expect(rows.map(({ serialNumber, parentKey }) => [serialNumber, parentKey !== null])).toEqual([
      ['01', false],
      ['02', true],
      ['03', true],
    ])
  })
})

describe('Wanted roots', () => {
  it('M05.FR.01: are installed one at a time and confirmed by asking again', async () => {
    hold('CSMSRootCertificate', 'csms-root')
    await policy({})
    expect(await bench.fleet.reconciler.drift()).toMatchObject([{ kind: 'not-reported' }])
    await bench.reconcile()
    expect(held()).toContain(`V2GRootCertificate ${bench.root('v2g-root').commonName}`)
    expect(bench.station.calls.map(({ action }) => action)).toEqual([
      'GetInstalledCertificateIds',
      'InstallCertificate',
      'GetInstalledCertificateIds',
    ])
    expect(await bench.fleet.reconciler.drift()).toEqual([])
  })

  it('M05.FR.17: that are there already are not sent again', async () => {
    hold('V2GRootCertificate', 'v2g-root')
    await policy({})
    await bench.reconcile()
    await bench.reconcile()
    expect(sent('InstallCertificate')).toEqual([])
  })

  it('M05.FR.02: whose answer was lost are not sent twice where the station took them', async () => {
    await policy({})
    let lost = 1
    bench.station.answer = (action, payload) => {
      if (action !== 'InstallCertificate' || lost-- <= 0) return undefined
      bench.station.held.push({ use: String(payload.certificateType), certificate: bench.root('v2g-root') })
      return { kind: 'unanswered', reason: 'deadline' }
    }
    await bench.reconcile()
    bench.pki.clock.advance(3_600_000)
    await bench.reconcile()
    expect(sent('InstallCertificate')).toHaveLength(1)
    expect(await bench.fleet.reconciler.drift()).toEqual([])
  })

  it('M05.FR.07: that the station rejects are not offered again by themselves, and that is said', async () => {
    await policy({})
    bench.station.answer = (action) =>
      action === 'InstallCertificate'
        ? answered({ status: 'Rejected', statusInfo: { reasonCode: 'InvalidCertificate' } })
        : undefined
    for (let round = 0; round < 3; round++) {
      await bench.reconcile()
      bench.pki.clock.advance(7_200_000)
    }
    expect(sent('InstallCertificate')).toHaveLength(1)
    const events = await bench.pki.store.events.list({ stationId: ID })
    expect(events.map(({ type }) => type)).toContain('RootRefusedByStation')
    expect(await bench.fleet.reconciler.drift()).toMatchObject([{ kind: 'missing' }])
  })

  it('M05.FR.03: that fail are tried again a bounded number of times', async () => {
    await policy({})
    bench.station.answer = (action) =>
      action === 'InstallCertificate' ? answered({ status: 'Failed' }) : undefined
    for (let round = 0; round < 30; round++) {
      await bench.reconcile()
      bench.pki.clock.advance(7_200_000)
    }
    expect(sent('InstallCertificate').length).toBeGreaterThan(2)
    expect(sent('InstallCertificate').length).toBeLessThanOrEqual(8)
  })

  it('M05.FR.06: are not sent to a store that is full, unless something unwanted may go', async () => {
    await policy({ repair: 'exact' })
    await bench.pki.store.stations.recordVariables(
      ID,
      [
        {
          component: 'SecurityCtrlr',
          componentInstance: null,
          evseId: null,
          connectorId: null,
          variable: 'CertificateEntries',
          variableInstance: null,
          attributeType: 'Actual',
          value: '2',
          mutability: null,
          persistent: null,
          constant: null,
          characteristics: { maxLimit: 2 },
        },
      ],
      '2026-11-22T10:00:00.000Z',
    )
    hold('CSMSRootCertificate', 'csms-root')
    hold('MORootCertificate', 'mo-root')
    await bench.reconcile()
    expect(sent('InstallCertificate')).toEqual([])
    expect((await bench.pki.store.fleet.trust(ID))?.detail).toContain('full')
  })

  it('M04.FR.07: are the only ones that stay under an exact policy; others go by the algorithm the station reported', async () => {
    bench.station.algorithm = 'SHA384'
    hold('V2GRootCertificate', 'v2g-root')
    hold('V2GRootCertificate', 'v2g20-root')
    await policy({ repair: 'exact' })
    await bench.reconcile()
    expect(sent('DeleteCertificate')).toMatchObject([
      { payload: { certificateHashData: { hashAlgorithm: 'SHA384' } } },
    ])
    expect(held()).toEqual([`V2GRootCertificate ${bench.root('v2g-root').commonName}`])
    expect(bench.station.calls.at(-1)?.action).toBe('GetInstalledCertificateIds')
  })

  it('M04.FR.03: never make the last root of a use, or one that our own chain hangs on, go', async () => {
    hold('CSMSRootCertificate', 'csms-root')
    hold('CSMSRootCertificate', 'mo-root')
    const other = bench.root('mo-root')
    await bench.pki.store.fleet.putAnchor({
      fingerprint: other.fingerprint,
      use: 'CSMSRootCertificate',
      subject: other.subjectText,
      notBefore: '2026-01-01T00:00:00.000Z',
      notAfter: '2066-01-01T00:00:00.000Z',
      der: other.der,
      createdAt: '2026-01-01T00:00:00.000Z',
    })
    await policy({ use: 'CSMSRootCertificate', fingerprints: [other.fingerprint], repair: 'exact' })
    await bench.reconcile()
    expect(sent('DeleteCertificate')).toEqual([])
    expect(held()).toHaveLength(2)
  })

  it('M04.FR.08: are looked at again where a deletion took more than it was asked to', async () => {
    hold('V2GRootCertificate', 'v2g-root')
    hold('V2GRootCertificate', 'v2g20-root')
    hold('MORootCertificate', 'mo-root')
    await policy({ repair: 'exact' })
    bench.station.answer = (action) => {
      if (action === 'DeleteCertificate') bench.station.held.splice(1)
      return action === 'DeleteCertificate' ? answered({ status: 'Accepted' }) : undefined
    }
    await bench.reconcile()
    expect((await bench.pki.store.fleet.installed(ID)).map(({ use }) => use)).toEqual(['V2GRootCertificate'])
  })

  it('are not sent over a connection without TLS, and a policy of another scope wants nothing here', async () => {
    await bench.register({ securityProfile: 1 })
    await policy({})
    await bench.reconcile()
    expect(sent('InstallCertificate')).toEqual([])
    await bench.register({ securityProfile: 2, group: 'south' })
    await policy({ scope: 'group', scopeId: 'north' })
    await bench.reconcile()
    expect(sent('InstallCertificate')).toEqual([])
  })

  it('show as drift what is unknown and what is of another generation', async () => {
    await bench.pki.service.operations.submit({ kind: 'new-generation', line: 'v2g-root' }, 'test')
    await bench.fleet.refreshAuthorities()
    const old = bench.pki.service.authorities.get('v2g-root')?.certificate
    if (old) bench.station.held.push({ use: 'V2GRootCertificate', certificate: old })
    hold('V2GRootCertificate', 'station-root')
    await policy({ repair: 'report' })
    await bench.reconcile()
    expect((await bench.fleet.reconciler.drift({ stationId: ID })).map(({ kind }) => kind).sort()).toEqual([
      'missing',
      'unknown',
      'wrong-generation',
    ])
    expect(bench.station.calls.map(({ action }) => action)).toEqual(['GetInstalledCertificateIds'])
  })
})

describe('An anchor', () => {
  it('is a self-signed CA whose time has come, of a use that is installed, and nothing else', () => {
    const atMs = bench.pki.clock.now()
    const sub = bench.root('cpo-sub2').toPem()
    const root = bench.root('v2g-root')
    expect(inspectAnchor(root.toPem(), 'V2GRootCertificate', atMs).ok).toBe(true)
    const reasons = [
      inspectAnchor(sub, 'V2GRootCertificate', atMs),
      inspectAnchor('nonsense', 'V2GRootCertificate', atMs),
      inspectAnchor(root.toPem(), 'V2GCertificateChain', atMs),
      inspectAnchor(root.toPem(), 'V2GRootCertificate', root.notAfterMs + 1),
      inspectAnchor(root.toPem(), 'V2GRootCertificate', root.notBeforeMs - 1),
    ].map((verdict) => (verdict.ok ? 'ok' : verdict.reason))
    expect(reasons).toEqual(['not-a-root', 'malformed', 'wrong-use', 'expired', 'not-yet-valid'])
  })
})
