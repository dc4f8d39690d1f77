import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeV2gMessage } from '../../../../pki/index.ts'
import { OpcpProvider } from '../../../../src/certificates/providers/opcp.ts'
import type { Route } from '../../../../src/certificates/providers/ports.ts'
import type { PlugAndChargeEv } from '../../../../src/simulator/ev/index.ts'
import { CLIENT, type OpcpStandIn, startOpcpStandIn } from '../../../support/opcp-stand-in.ts'
import { createOem, type PncWorld, startPnc } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'
const EMAID = 'DEGKP123456789'

/** The provider's own world: its cars, contracts, CPS and roots; ours knows nothing of them. */
let hosted: PncWorld
let standIn: OpcpStandIn
let ours: PncWorld
let provider: OpcpProvider

const connect = (change: Partial<{ clientSecret: string; encoding: 'json' | 'form' }> = {}) => {
  const { encoding = 'json', ...client } = change
  return new OpcpProvider({
    name: 'hosted',
    baseUrl: standIn.url,
    token: { url: standIn.tokenUrl, ...CLIENT, ...client, encoding },
    now: Date.now,
  })
}

async function open(routes: readonly Route[], policy: { deadlineMs?: number } = {}): Promise<void> {
  ours = await startPnc({ providers: [provider], routes, policy })
}

beforeEach(async () => {
  hosted = await startPnc()
  standIn = await startOpcpStandIn(hosted)
  provider = connect()
})
afterEach(async () => {
  await ours?.close()
  await standIn.close()
  await hosted.close()
})

const LOCAL_FIRST: readonly Route[] = [{ order: ['local', 'hosted'] }]

function responseCode(exi: Uint8Array): string {
  const { Body } = decodeV2gMessage(exi)
  if ('CertificateInstallationRes' in Body) return Body.CertificateInstallationRes.ResponseCode
  throw new Error('not an answer')
}

async function ask(ev: PlugAndChargeEv) {
  const answer = await ours.provide(ev.installationRequest())
  return { ...answer, verdict: answer.exiResponse.length === 0 ? undefined : ev.receive(answer.exiResponse) }
}

const asked = () => standIn.seen.filter((one) => one.includes('signedContractData')).length

describe('a car of somebody else', () => {
  test('gets the contract that the hosted pool has for it, and the audit trail says by whom', async () => {
    await open(LOCAL_FIRST)
    await hosted.contract(PCID, EMAID)
    const { verdict } = await ask(hosted.car(PCID))
    expect(verdict).toMatchObject({ ok: true, contract: { emaid: EMAID } })
    const entries = await ours.store.audit.list({ action: 'contract.provision' })
    expect(entries).toMatchObject([
      { detail: { by: 'local', outcome: 'refused', code: 'chain-invalid' } },
      { subject: PCID, detail: { by: 'hosted', outcome: 'provisioned', emaid: EMAID } },
    ])
  })

  test('hears from the provider in its own language that there is none', async () => {
    await open([{ order: ['hosted'] }])
    const { verdict } = await ask(hosted.car(PCID))
    expect(verdict).toMatchObject({ ok: false, responseCode: 'FAILED_NoCertificateAvailable' })
  })

  test('is answered by us alone where no route names the provider', async () => {
    await open([])
    await hosted.contract(PCID, EMAID)
    const answer = await ours.provide(hosted.car(PCID).installationRequest())
    expect(responseCode(answer.exiResponse)).toBe('FAILED_CertChainError')
    expect(asked()).toBe(0)
  })

  test('gets the same again for the same bytes without another question, also after the process died', async () => {
    await open([{ order: ['hosted'] }])
    await hosted.contract(PCID, EMAID)
    const request = hosted.car(PCID).installationRequest()
    const first = await ours.provide(request)
    expect((await ours.provide(request, 'CS-2')).exiResponse).toEqual(first.exiResponse)
    // A second process over the same database: nothing of the first is in its memory.
    const again = await startPnc({
      store: ours.store,
      keys: ours.keys,
      providers: [connect()],
      routes: [{ order: ['hosted'] }],
    })
    expect((await again.provide(request)).exiResponse).toEqual(first.exiResponse)
    expect(asked()).toBe(1)
    await again.contracts.stop()
    await again.certificates.stop()
  })

  test('with a forged signature is not passed on', async () => {
    await open(LOCAL_FIRST)
    const request = ours.car(PCID).installationRequest()
    const exiRequest = Buffer.from(request.exiRequest)
    exiRequest[60] = (exiRequest[60] ?? 0) ^ 0x04
    await ours.provide({ ...request, exiRequest })
    expect(asked()).toBe(0)
  })
})

describe('routes', () => {
  test('local first: what our own pool has never leaves the house', async () => {
    await open(LOCAL_FIRST)
    await ours.contract(PCID, EMAID)
    expect((await ask(ours.car(PCID))).verdict).toMatchObject({ ok: true })
    expect(asked()).toBe(0)
  })

  test('provider first: our own pool answers where the provider has nothing', async () => {
    await open([{ order: ['hosted', 'local'] }])
    await ours.contract(PCID, EMAID)
    expect((await ask(ours.car(PCID))).verdict).toMatchObject({ ok: true })
    expect(asked()).toBe(1)
  })

  test('by manufacturer', async () => {
    await open([{ manufacturers: ['WGK'], order: ['hosted'] }, { order: ['local'] }])
    await hosted.contract(PCID, EMAID)
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
    await ours.provide(hosted.car('VWXTESTCAR1234567X').installationRequest())
    expect(asked()).toBe(1)
  })

  test('by the issuer of the car', async () => {
    await open([{ issuers: ['cn=oem sub2'], order: ['hosted'] }, { order: ['local'] }])
    await hosted.contract(PCID, EMAID)
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
    await ours.provide(hosted.car(PCID, '15118-2', createOem('15118-2', 'Other')).installationRequest())
    expect(asked()).toBe(1)
  })

  test('by the beginning of the eMAID, which only updates carry', async () => {
    await open([{ emaidPrefixes: ['DE-GKP'], order: ['local', 'hosted'] }])
    await ours.contract(PCID, EMAID)
    const ev = ours.car(PCID)
    await ours.install(ev)
    await expect(ours.provide(ev.updateRequest())).resolves.toMatchObject({ status: 'Accepted' })
    await ours.provide(hosted.car(PCID).installationRequest())
    expect(asked()).toBe(0)
  })

  test('that name a provider that is not configured stop the start', async () => {
    await open([])
    await expect(startPnc({ routes: [{ order: ['nobody'] }] })).rejects.toThrow('nobody')
  })
})

describe('sign-in', () => {
  test('is shared by cars that come together, and kept', async () => {
    await open(LOCAL_FIRST)
    await hosted.contract(PCID, EMAID)
    await Promise.all([ask(hosted.car(PCID)), ask(hosted.car(PCID))])
    await ask(hosted.car(PCID))
    expect(standIn.seen.filter((one) => one.includes('token'))).toHaveLength(1)
  })

  test('is renewed when the provider ended it early', async () => {
    await open(LOCAL_FIRST)
    await hosted.contract(PCID, EMAID)
    await provider.warmUp()
    standIn.expireTokens()
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
  })

  test('is done ahead of the first car, with a connection that is used again', async () => {
    await open(LOCAL_FIRST)
    await hosted.contract(PCID, EMAID)
    await ours.contracts.upkeep()
    expect(standIn.seen).toEqual(['POST /oauth/token', 'GET /v1/root/rootCerts'])
    await ask(hosted.car(PCID))
    expect(standIn.connections).toBe(1)
  })

  test('may be a form', async () => {
    await standIn.close()
    standIn = await startOpcpStandIn(hosted, 'form')
    provider = connect({ encoding: 'form' })
    await open(LOCAL_FIRST)
    await hosted.contract(PCID, EMAID)
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
  })

  test('that is refused is not tried for every car', async () => {
    provider = connect({ clientSecret: 'wrong' })
    await open(LOCAL_FIRST)
    for (let i = 0; i < 3; i++) await ask(hosted.car(PCID))
    expect(standIn.seen).toEqual(['POST /oauth/token'])
    const [entry] = await ours.store.audit.list({ action: 'contract.provision' })
    expect(JSON.stringify(entry)).not.toContain('wrong')
  })
})

describe('a provider in trouble', () => {
  test('is asked once more after a lost connection or a 503, and no more than that', async () => {
    await open([{ order: ['hosted'] }])
    await hosted.contract(PCID, EMAID)
    standIn.faults.failures = 1
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
    standIn.faults.drops = 1
    expect((await ask(hosted.car(PCID))).verdict).toMatchObject({ ok: true })
    expect(asked()).toBe(4)
    standIn.faults.failures = 10
    expect(await ask(hosted.car(PCID))).toMatchObject({ status: 'Failed', reasonCode: 'Provider' })
    expect(asked()).toBe(6)
  })

  test('that is slow does not cost the car its patience: our own refusal goes out in time', async () => {
    await open([{ order: ['hosted', 'local'] }], { deadlineMs: 800 })
    await ours.contract(PCID, EMAID)
    await provider.warmUp()
    standIn.faults.delayMs = 5_000
    const begin = performance.now()
    const { verdict } = await ask(ours.car(PCID))
    expect(performance.now() - begin).toBeLessThan(800)
    expect(verdict).toMatchObject({ ok: true })
  })

  test.each([
    ['bytes that are no answer', { certificateInstallationRes: 'AAAA', emaid: EMAID }],
    ['a request instead of an answer', undefined],
    ['nothing', {}],
    ['an answer for another session', 'other session'],
  ])('that sends %s is not believed', async (_, what) => {
    await open([{ order: ['hosted'] }])
    const request = hosted.car(PCID).installationRequest()
    const echoed = { certificateInstallationRes: Buffer.from(request.exiRequest).toString('base64') }
    const elsewhere = async () => {
      await hosted.contract(PCID, EMAID)
      const { exiResponse } = await hosted.provide(hosted.car(PCID).installationRequest())
      return { certificateInstallationRes: Buffer.from(exiResponse).toString('base64'), emaid: EMAID }
    }
    const messageDef = what === 'other session' ? await elsewhere() : (what ?? echoed)
    standIn.faults.instead = { CCPResponse: { emaidContent: [{ messageDef }] } }
    expect(await ours.provide(request)).toMatchObject({ status: 'Failed', reasonCode: 'Provider' })
  })

  test('that is gone leaves our own refusal', async () => {
    await open(LOCAL_FIRST)
    await standIn.close()
    const { exiResponse } = await ours.provide(hosted.car(PCID).installationRequest())
    expect(responseCode(exiResponse)).toBe('FAILED_CertChainError')
    standIn = await startOpcpStandIn(hosted)
  })
})

test('root certificates and provisioning certificates come out of the provider’s pools', async () => {
  await open([])
  const [root] = await provider.roots('V2G')
  const [own] = hosted.certificates.authorities.generations('v2g-root')
  expect(Buffer.from(root ?? [])).toEqual(Buffer.from(own?.certificate.der ?? []))
  expect(await provider.roots('OEM')).toHaveLength(1)
  expect(await provider.provisioningCertificate(PCID)).toBeUndefined()
})
