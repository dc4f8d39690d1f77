import { describe, expect, it } from 'vitest'
import {
  certificateHashData,
  type InstalledRoot,
  type InventoryView,
  nextInventoryStep,
  type WantedRoot,
} from '../../pki/index.ts'
import { makeRoot, makeSub } from './support.ts'

const v2g = makeRoot('v2g-root', 'V2G')
const v2gNew = makeRoot('v2g-root', 'V2G 2')
const mo = makeRoot('mo-root', 'MO')
const wanted: WantedRoot[] = [
  { use: 'V2GRootCertificate', certificate: v2gNew.certificate },
  { use: 'MORootCertificate', certificate: mo.certificate },
]
const installed = (
  root: typeof v2g,
  use: InstalledRoot['use'],
  hash: 'SHA256' | 'SHA384' = 'SHA256',
): InstalledRoot => ({
  use,
  hashData: certificateHashData(root.certificate, root.certificate, hash),
})
const base: InventoryView = { wanted, installed: [], managed: ['V2GRootCertificate', 'MORootCertificate'] }

describe('inventory', () => {
  it('installs what is missing, one at a time, then removes what is not wanted', () => {
    const old = installed(v2g, 'V2GRootCertificate')
    expect(nextInventoryStep({ ...base, installed: [old] })).toMatchObject({
      kind: 'install',
      root: { use: 'V2GRootCertificate' },
    })
    const both = [old, installed(v2gNew, 'V2GRootCertificate', 'SHA384')]
    expect(nextInventoryStep({ ...base, installed: both })).toMatchObject({
      kind: 'install',
      root: { use: 'MORootCertificate' },
    })
    const all = [...both, installed(mo, 'MORootCertificate')]
    expect(nextInventoryStep({ ...base, installed: all })).toEqual({ kind: 'delete', root: old })
    expect(nextInventoryStep({ ...base, installed: all, protectedRoots: [v2g.certificate] })).toEqual({
      kind: 'none',
    })
    expect(nextInventoryStep({ ...base, installed: all.slice(1) })).toEqual({ kind: 'none' })
  })

  it('does not touch uses that are not managed, nor the last root of a use', () => {
    const foreign = installed(v2g, 'CSMSRootCertificate')
    expect(nextInventoryStep({ ...base, wanted: [], installed: [foreign] })).toEqual({ kind: 'none' })
    expect(
      nextInventoryStep({ ...base, wanted: [], installed: [installed(v2g, 'V2GRootCertificate')] }),
    ).toEqual({ kind: 'none' })
  })

  it('makes room in a full store only by what may go', () => {
    const full = [installed(v2g, 'V2GRootCertificate'), installed(v2gNew, 'V2GRootCertificate')]
    expect(nextInventoryStep({ ...base, installed: full, capacity: 2 })).toMatchObject({ kind: 'delete' })
    expect(
      nextInventoryStep({ ...base, installed: full, capacity: 2, protectedRoots: [v2g.certificate] }),
    ).toMatchObject({ kind: 'blocked', why: 'full' })
  })

  it('does not offer a refused root again', () => {
    const refused = new Set([mo.certificate.fingerprint, v2gNew.certificate.fingerprint])
    expect(nextInventoryStep({ ...base, refused })).toMatchObject({ kind: 'blocked', why: 'refused' })
  })

  it('never installs anything but a root', () => {
    const sub = makeSub(v2g.issuer, 'cpo-sub1', 'Sub')
    expect(() =>
      nextInventoryStep({ ...base, wanted: [{ use: 'V2GRootCertificate', certificate: sub.certificate }] }),
    ).toThrow(/roots only/)
  })
})
