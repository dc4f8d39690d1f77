import { describe, expect, it } from 'vitest'
import { certificateHashData } from '../../../../pki/index.ts'
import { CertificateStore } from '../../../../src/simulator/certificates/store.ts'
import { useBench } from '../bench.ts'
import { stationAuthority, v2gAuthority } from './authority.ts'

const rules = { nowMs: Date.now(), maxEntries: 3, additionalRootCheck: false }

describe('the storage of a station', () => {
  it('takes self-signed roots in force, lists each use apart, and is full at some point', async () => {
    const store = new CertificateStore()
    const { root, sub } = await v2gAuthority()
    const install = (use: 'V2GRootCertificate' | 'MORootCertificate', pem: string, more = {}) =>
      store.install(use, pem, { ...rules, ...more }).status
    expect(install('V2GRootCertificate', root.toPem())).toBe('Accepted')
    expect(install('V2GRootCertificate', root.toPem())).toBe('Accepted')
    expect(install('MORootCertificate', root.toPem())).toBe('Accepted')
    expect(store.entries).toBe(2)
    expect(install('V2GRootCertificate', sub.toPem())).toBe('Rejected')
    expect(install('V2GRootCertificate', 'rubbish')).toBe('Rejected')
    expect(install('V2GRootCertificate', root.toPem(), { nowMs: root.notAfterMs + 1 })).toBe('Rejected')
    const { root: third } = await v2gAuthority()
    expect(install('V2GRootCertificate', third.toPem(), { maxEntries: 2 })).toBe('Failed')
    expect(store.list(['MORootCertificate']).map((each) => each.certificateType)).toEqual([
      'MORootCertificate',
    ])
    expect(store.list(undefined)).toHaveLength(2)
  })

  it('deletes by whatever hash algorithm it is asked with, and keeps the last root of the link', async () => {
    const store = new CertificateStore()
    const { root } = await v2gAuthority()
    const { root: link } = await stationAuthority()
    store.install('V2GRootCertificate', root.toPem(), rules)
    store.install('CSMSRootCertificate', link.toPem(), rules)
    expect(store.remove(certificateHashData(link, link, 'SHA256'))).toBe('Failed')
    const named = certificateHashData(root, root, 'SHA512')
    const shouted = { ...named, issuerNameHash: named.issuerNameHash.toUpperCase() }
    expect(store.remove(shouted)).toBe('Accepted')
    expect(store.remove(shouted)).toBe('NotFound')
  })

  it('wants a new CSMS root vouched for by the old one when AdditionalRootCertificateCheck is on', async () => {
    const store = new CertificateStore()
    const { root: old } = await stationAuthority()
    const { root: stranger } = await stationAuthority()
    store.install('CSMSRootCertificate', old.toPem(), rules)
    const checked = { ...rules, additionalRootCheck: true }
    expect(store.install('CSMSRootCertificate', stranger.toPem(), checked).status).toBe('Rejected')
  })
})

describe('over OCPP', () => {
  const bench = useBench()

  it('roots are installed, listed with their real hashes, and deleted', async () => {
    await bench.launch()
    const { csms } = bench
    expect(await csms.call('GetInstalledCertificateIds', {})).toEqual({ status: 'NotFound' })
    const { root } = await v2gAuthority()
    const certificate = root.toPem()
    expect(
      await csms.call('InstallCertificate', { certificateType: 'V2GRootCertificate', certificate }),
    ).toEqual({ status: 'Accepted' })
    const listed = await csms.call('GetInstalledCertificateIds', {})
    const [entry] = listed.certificateHashDataChain ?? []
    expect(entry?.certificateHashData).toEqual(certificateHashData(root, root, 'SHA256'))
    const named = entry?.certificateHashData ?? certificateHashData(root, root, 'SHA256')
    expect(await csms.call('DeleteCertificate', { certificateHashData: named })).toEqual({
      status: 'Accepted',
    })
    expect(
      await csms.call('InstallCertificate', { certificateType: 'V2GRootCertificate', certificate: 'x' }),
    ).toMatchObject({ status: 'Rejected' })
  })
})
