import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OpcpProvider } from '../../../../src/certificates/providers/opcp.ts'
import type { ProviderPool } from '../../../../src/certificates/providers/pool-import.ts'
import { createRoot, issue } from '../../../pki/contract/hierarchy.ts'
import { CLIENT, type OpcpStandIn, startOpcpStandIn } from '../../../support/opcp-stand-in.ts'
import { createOem, type PncWorld, startPnc } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'

let hosted: PncWorld
let standIn: OpcpStandIn
let ours: PncWorld

async function open(roots: ProviderPool['roots']): Promise<void> {
  const pool = new OpcpProvider({
    name: 'hosted',
    baseUrl: standIn.url,
    token: { url: standIn.tokenUrl, ...CLIENT, encoding: 'json' },
    now: Date.now,
  })
  ours = await startPnc({ oemTrusted: false, pools: [{ name: 'hosted', pool, roots }] })
}

beforeEach(async () => {
  hosted = await startPnc()
  standIn = await startOpcpStandIn(hosted)
})
afterEach(async () => {
  await ours.close()
  await standIn.close()
  await hosted.close()
})

const trusted = async () =>
  (await ours.store.contracts.trusted()).map(({ usage, subject }) => [usage, subject])
const proposals = async (usage = 'OEM') =>
  (await ours.store.contracts.proposals()).filter((one) => one.usage === usage)
const actions = async (action: string) => (await ours.store.audit.list({ action })).length

describe('roots that a provider lists', () => {
  test('are proposals until an operator decides, and are in the audit trail', async () => {
    await open('propose')
    const reports = await ours.contracts.imports.run()
    expect(reports.map(({ usage, added, failure }) => [usage, added, failure])).toEqual([
      ['OEM', 1, null],
      ['MO', 1, null],
      ['V2G', 1, null],
    ])
    expect(await trusted()).toEqual([])
    const [proposal] = await proposals()
    expect(proposal).toMatchObject({ state: 'open', provider: 'hosted', isRoot: true })
    expect(await actions('trust.proposed')).toBe(3)
    expect(await ours.contracts.decide('OEM', proposal?.fingerprint ?? '', 'accepted')).toBe(true)
    expect(await trusted()).toHaveLength(1)
    expect((await ours.contracts.imports.run()).map(({ added }) => added)).toEqual([0, 0, 0])
  })

  test('that an operator rejected, or took out again, are not brought back', async () => {
    await open('trust')
    await ours.contracts.imports.run()
    expect(await trusted()).toHaveLength(3)
    const [proposal] = await proposals()
    const fingerprint = proposal?.fingerprint ?? ''
    await ours.contracts.decide('OEM', fingerprint, 'rejected')
    const [mo] = await proposals('MO')
    await ours.contracts.distrust('MO', mo?.fingerprint ?? '')
    await ours.contracts.imports.run()
    expect((await trusted()).map(([usage]) => usage)).toEqual(['V2G'])
  })

  test('are trusted by policy, and no longer when the pool lists them no longer; an empty list is no word', async () => {
    await open('trust')
    await ours.contracts.imports.run()
    standIn.roots.set('oem', [])
    await ours.contracts.imports.run()
    expect(await trusted()).toHaveLength(3)
    const other = createRoot('15118-2', 'oem-root', 'Another Maker').certificate
    standIn.roots.set('oem', [other.der])
    const [report] = await ours.contracts.imports.run()
    expect(report).toMatchObject({ added: 1, withdrawn: 1 })
    expect((await trusted()).filter(([usage]) => usage === 'OEM')).toEqual([['OEM', other.subjectText]])
    expect(await actions('trust.remove')).toBe(1)
  })

  test('are not even proposed when they can vouch for nobody; the report says why', async () => {
    await open('propose')
    const root = createRoot('15118-2', 'oem-root', 'Maker')
    const expired = issue(root, '15118-2', 'oem-sub1', 'Sub')
    standIn.roots.set('oem', [
      Uint8Array.of(1, 2, 3),
      issue(root, '15118-2', 'oem-provisioning', PCID).certificate.der,
      expired.certificate.der,
    ])
    const [report] = await ours.contracts.imports.run()
    expect(report).toMatchObject({ listed: 3, added: 0 })
    expect(report?.refused).toHaveLength(3)
    expect(report?.refused.at(-1)).toContain('is no root')
    expect(await proposals()).toEqual([])
  })

  test('of a pool that does not answer stay what they were', async () => {
    await open('trust')
    await ours.contracts.imports.run()
    await standIn.close()
    const reports = await ours.contracts.imports.run()
    expect(reports.every(({ failure }) => failure !== null)).toBe(true)
    expect(await trusted()).toHaveLength(3)
    standIn = await startOpcpStandIn(hosted)
  })
})

describe('the provisioning certificate of a car', () => {
  test('brings the sub-CAs of its maker before the car comes, when its root is trusted', async () => {
    await open('off')
    const { root, subs } = hosted.oem['15118-2']
    const ev = ours.car(PCID, '15118-2', hosted.oem['15118-2'])
    standIn.vehicles.set(PCID, [
      issue(subs[0], '15118-2', 'oem-provisioning', PCID).certificate.der,
      ...subs.map(({ certificate }) => certificate.der),
    ])
    expect(await ours.contracts.makers.lookUp(PCID)).toMatchObject({ ok: false, code: 'not-trusted' })
    await ours.contracts.trust('OEM', root.certificate.toPem())
    expect(await trusted()).toHaveLength(1)
    // The contract is what makes the car expected; nobody asks by hand.
    await ours.contract(PCID, 'DEGKP123456789')
    await expect.poll(trusted, { timeout: 10_000 }).toHaveLength(3)
    await ours.install(ev)
    expect(ev.contract?.emaid).toBe('DEGKP123456789')
  })

  test('is refused when it is of another car, or leads to a root that is not trusted', async () => {
    await open('off')
    const stranger = createOem('15118-2', 'Stranger')
    await ours.contracts.trust('OEM', hosted.oem['15118-2'].root.certificate.toPem())
    const chain = [stranger.subs[0], stranger.subs[1], stranger.root].map(
      ({ certificate }) => certificate.der,
    )
    const leaf = issue(stranger.subs[0], '15118-2', 'oem-provisioning', PCID).certificate.der
    standIn.vehicles.set(PCID, [leaf, ...chain])
    expect(await ours.contracts.makers.lookUp(PCID)).toMatchObject({ ok: false, code: 'not-trusted' })
    standIn.vehicles.set('WGKTESTCAR1234567Y', [leaf, ...chain])
    expect(await ours.contracts.makers.lookUp('WGKTESTCAR1234567Y')).toMatchObject({
      message: expect.stringContaining('not of WGKTESTCAR1234567Y'),
    })
    expect(await ours.contracts.makers.lookUp('WGKTESTCAR1234567Z')).toMatchObject({ code: 'unknown' })
    expect(await trusted()).toHaveLength(1)
  })
})
