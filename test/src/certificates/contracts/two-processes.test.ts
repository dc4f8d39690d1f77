/** Trust that ends in one process ends there at once, and soon in another one over the same database. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeV2gMessage } from '../../../../pki/index.ts'
import type { PlugAndChargeEv } from '../../../../src/simulator/ev/index.ts'
import { createSqliteStore } from '../../../../src/store/sqlite/index.ts'
import { type PncWorld, startPnc } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'
const EMAID = 'DEGKP123456789'

let folder: string
let here: PncWorld
let there: PncWorld
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gridkeep-two-'))
  const path = join(folder, 'gridkeep.db')
  here = await startPnc({ store: createSqliteStore(path) })
  there = await startPnc({ store: createSqliteStore(path), oemTrusted: false, upkeepMs: 200 })
  there.contracts.start()
})
afterEach(async () => {
  await there.close()
  await here.close()
  rmSync(folder, { recursive: true, force: true })
})

async function told(world: PncWorld, ev: PlugAndChargeEv): Promise<string> {
  const { exiResponse } = await world.provide(ev.installationRequest())
  const { Body } = decodeV2gMessage(exiResponse)
  return 'CertificateInstallationRes' in Body ? Body.CertificateInstallationRes.ResponseCode : 'no answer'
}

async function judged(world: PncWorld, ev: PlugAndChargeEv): Promise<string> {
  const { emaid = '', certificateChainPem } = ev.authorization() ?? {}
  const judgement = await world.contracts.judge({
    stationId: 'CS-1',
    emaid,
    ...(certificateChainPem === undefined ? {} : { certificatePem: certificateChainPem }),
  })
  return judgement.kind === 'valid' ? (judgement.contractStatus ?? 'valid') : judgement.kind
}

test('a maker whose root or sub-CA was removed: its cars get nothing', async () => {
  await here.contract(PCID, EMAID)
  const car = () => here.car(PCID)
  expect([await told(here, car()), await told(there, car())]).toEqual(['OK', 'OK'])
  const before = car().installationRequest()
  const kept = await here.provide(before)
  const { subs, root } = here.oem['15118-2']
  await here.contracts.distrust('OEM', subs[0].certificate.fingerprint)
  expect(await told(here, car())).toBe('FAILED_CertChainError')
  // Nor does a request get what it was answered before.
  expect((await here.provide(before)).exiResponse).not.toEqual(kept.exiResponse)
  await expect.poll(() => told(there, car()), { timeout: 10_000 }).toBe('FAILED_CertChainError')
  await here.contracts.trust('OEM', subs[0].certificate.toPem())
  expect(await told(here, car())).toBe('OK')
  await here.contracts.distrust('OEM', root.certificate.fingerprint)
  expect(await told(here, car())).toBe('FAILED_CertChainError')
  await expect.poll(() => told(there, car()), { timeout: 10_000 }).toBe('FAILED_CertChainError')
})

test('a contract that was suspended: nobody charges with it, and its car gets nothing, in both at once', async () => {
  const { id } = await here.contract(PCID, EMAID)
  const ev = here.car(PCID)
  await here.install(ev)
  expect([await judged(here, ev), await judged(there, ev)]).toEqual(['valid', 'valid'])
  await here.contracts.pool.suspend(id)
  expect([await judged(here, ev), await judged(there, ev)]).toEqual(['revoked', 'revoked'])
  expect([await told(here, here.car(PCID)), await told(there, here.car(PCID))]).toEqual([
    'FAILED_ContractCanceled',
    'FAILED_ContractCanceled',
  ])
  await here.contracts.pool.resume(id)
  expect([await judged(here, ev), await judged(there, ev)]).toEqual(['valid', 'valid'])
})

test('a sub-CA that was revoked: no contract below it counts, in both at once', async () => {
  await here.contract(PCID, EMAID)
  const ev = here.car(PCID)
  await here.install(ev)
  await here.certificates.revoke(ev.contract?.subCas[0]?.fingerprint ?? '', 'cACompromise')
  expect([await judged(here, ev), await judged(there, ev)]).toEqual(['revoked', 'revoked'])
})

test('a CPS leaf that was revoked answers no car more; the upkeep issues another one', async () => {
  // Its upkeep would be quicker than this test on a slow machine.
  await there.contracts.stop()
  await here.contract(PCID, EMAID)
  const leaf = async () => (await here.contracts.identity.cps('15118-2'))[0]?.leaf.fingerprint
  await here.certificates.revoke((await leaf()) ?? '', 'keyCompromise')
  expect([await told(here, here.car(PCID)), await told(there, here.car(PCID))]).toEqual([
    'FAILED_NoCertificateAvailable',
    'FAILED_NoCertificateAvailable',
  ])
  await here.contracts.upkeep()
  expect(await leaf()).toBeDefined()
  expect(await told(here, here.car(PCID))).toBe('OK')
})

test('a sub-CA of our mobility operator that was revoked issues no contract more', async () => {
  await here.contract(PCID, EMAID)
  const [issuing] = here.certificates.authorities.generations('mo-sub2')
  await here.certificates.revoke(issuing?.certificate.fingerprint ?? '', 'cACompromise')
  const { status } = await here.provide(here.car(PCID).installationRequest())
  expect(status).toBe('Failed')
  expect(await here.store.certificates.list({ profile: 'contract/iso15118-2' })).toEqual([])
})
