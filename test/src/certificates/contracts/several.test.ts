/** ISO 15118-20: a car that stores several contracts asks for one after the other. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeCommonMessage } from '../../../../pki/index.ts'
import { OpcpProvider } from '../../../../src/certificates/providers/opcp.ts'
import type { EvRequest } from '../../../../src/simulator/ev/index.ts'
import { CLIENT, startOpcpStandIn } from '../../../support/opcp-stand-in.ts'
import { type PncWorld, startPnc, toMessage } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'
const [FIRST, SECOND, THIRD] = ['DEGKP000000001', 'DEGKP000000002', 'DEGKP000000003'] as const
const SESSION = Buffer.from('0102030405060708', 'hex')

let world: PncWorld
beforeEach(async () => {
  world = await startPnc()
})
afterEach(() => world.close())

/** As a station does that takes long answers. */
async function takesLong(stationId = 'CS-1', by = world): Promise<void> {
  const variable = {
    component: 'OCPPCommCtrlr',
    componentInstance: null,
    evseId: null,
    connectorId: null,
    variable: 'FieldLength',
    variableInstance: 'Get15118EVCertificateResponse.exiResponse',
    attributeType: 'Actual',
    value: '17000',
    mutability: null,
    persistent: null,
    constant: null,
    characteristics: null,
  } as const
  await by.store.stations.recordVariables(stationId, [variable], new Date().toISOString())
}

function read(exiResponse: Uint8Array): readonly [string, number] {
  const message = decodeCommonMessage(exiResponse)
  if (!('CertificateInstallationRes' in message)) throw new Error('not an answer')
  const { ResponseCode, RemainingContractCertificateChains } = message.CertificateInstallationRes
  return [ResponseCode, RemainingContractCertificateChains]
}

/** The car opens the answer; what it says of it. */
function opened(ev: ReturnType<PncWorld['car']>, exiResponse: Uint8Array): readonly unknown[] {
  const verdict = ev.receive(exiResponse)
  return verdict.ok ? [verdict.contract.emaid, verdict.remainingContracts] : [verdict.responseCode]
}

async function threeContracts(): Promise<void> {
  for (const [priority, emaid] of [FIRST, SECOND, THIRD].entries())
    await world.contract(PCID, emaid, { priority })
}

describe('a station of OCPP 2.0.1, where every request of the car has other bytes,', () => {
  beforeEach(async () => {
    await takesLong()
    await threeContracts()
  })

  test('gets them in the order of the wish, then by priority, no more than fit, and learns how many are left', async () => {
    const ev = world.car(PCID, '15118-20')
    const wish = { maximumContracts: 2, prioritizedEmaids: [THIRD], sessionId: SESSION }
    const got = []
    for (let i = 0; i < 2; i++)
      got.push(opened(ev, (await world.provide(ev.installationRequest(wish))).exiResponse))
    expect(got).toEqual([
      [THIRD, 1],
      [FIRST, 0],
    ])
    const states = (await world.store.contracts.list()).map(({ emaid, state }) => [emaid, state])
    expect(Object.fromEntries(states)).toEqual({
      [THIRD]: 'installed',
      [FIRST]: 'installed',
      [SECOND]: 'offered',
    })
  })

  test('gets the same again for the same bytes, which does not count as a step', async () => {
    const ev = world.car(PCID, '15118-20')
    const wish = { maximumContracts: 3, sessionId: SESSION }
    const request = ev.installationRequest(wish)
    const first = await world.provide(request)
    expect((await world.provide(request)).exiResponse).toEqual(first.exiResponse)
    const second = await world.provide(ev.installationRequest(wish))
    expect(opened(ev, second.exiResponse)).toEqual([SECOND, 1])
  })

  test('begins anew when the car asks on although it was told that none is left, or in another session', async () => {
    const ev = world.car(PCID, '15118-20')
    const wish = { maximumContracts: 2, sessionId: SESSION }
    const ask = async (change: object = {}) =>
      opened(ev, (await world.provide(ev.installationRequest({ ...wish, ...change }))).exiResponse)
    expect(await ask()).toEqual([FIRST, 1])
    expect(await ask({ sessionId: Buffer.alloc(8, 9) })).toEqual([FIRST, 1])
    expect(await ask()).toEqual([SECOND, 0])
    expect(await ask()).toEqual([FIRST, 1])
  })

  test('is told that there is none when the car has no room', async () => {
    const ev = world.car(PCID, '15118-20')
    const { exiResponse } = await world.provide(ev.installationRequest({ maximumContracts: 0 }))
    expect(read(exiResponse)).toEqual(['WARNING_NoContractMatchingPCIDFound', 0])
  })
})

describe('a station of OCPP 2.1, which repeats the same bytes for the next contract (M01.FR.04-07),', () => {
  const ask = (request: EvRequest, change: object) =>
    world.contracts.provide('CS-21', { ...toMessage(request), ...change })

  test('walks through the list with remainingContracts, and needs no FieldLength', async () => {
    await threeContracts()
    const ev = world.car(PCID, '15118-20')
    const request = ev.installationRequest({ maximumContracts: 3 })
    const got = []
    for (let i = 0; i < 3; i++) {
      const answer = await ask(request, { maximumContractCertificateChains: 3 })
      const [code, remaining] = read(Buffer.from(answer.exiResponse, 'base64'))
      got.push([answer.status, code, remaining, answer.remainingContracts])
    }
    expect(got).toEqual([
      ['Accepted', 'OK', 2, 2],
      ['Accepted', 'OK', 1, 1],
      ['Accepted', 'OK', 0, 0],
    ])
    expect(await world.store.certificates.list({ profile: 'contract/iso15118-20' })).toHaveLength(3)
  })

  test('may want fewer than the car and in another order', async () => {
    await threeContracts()
    const ev = world.car(PCID, '15118-20')
    const request = ev.installationRequest({ maximumContracts: 3, prioritizedEmaids: [SECOND] })
    const answer = await ask(request, { maximumContractCertificateChains: 1, prioritizedEMAIDs: [THIRD] })
    expect(answer.remainingContracts).toBe(0)
    expect(opened(ev, Buffer.from(answer.exiResponse, 'base64'))).toEqual([THIRD, 0])
  })
})

describe('a hosted pool that sends several answers', () => {
  test('is asked once: the car gets them one by one, also after a restart, and the same for the same bytes', async () => {
    const hosted = world
    await takesLong('opcp')
    await threeContracts()
    const standIn = await startOpcpStandIn(hosted)
    const connect = () =>
      new OpcpProvider({
        name: 'hosted',
        baseUrl: standIn.url,
        token: { url: standIn.tokenUrl, ...CLIENT, encoding: 'json' },
        now: Date.now,
      })
    const routes = [{ order: ['hosted'] }]
    const ours = await startPnc({ providers: [connect()], routes })
    try {
      await takesLong('CS-1', ours)
      const ev = hosted.car(PCID, '15118-20')
      const wish = { maximumContracts: 2, prioritizedEmaids: [THIRD], sessionId: SESSION }
      const request = ev.installationRequest(wish)
      const first = await ours.provide(request)
      expect(opened(ev, first.exiResponse)).toEqual([THIRD, 1])
      await ours.contracts.stop()
      const again = await startPnc({ store: ours.store, keys: ours.keys, providers: [connect()], routes })
      expect((await again.provide(request)).exiResponse).toEqual(first.exiResponse)
      const next = await again.provide(ev.installationRequest(wish))
      expect(opened(ev, next.exiResponse)).toEqual([FIRST, 0])
      expect(standIn.seen.filter((one) => one.includes('signedContractData'))).toHaveLength(1)
      const trail = await ours.store.audit.list({ action: 'contract.provision' })
      expect(trail).toMatchObject([
        { subject: PCID, detail: { outcome: 'provisioned', by: 'hosted' } },
        { subject: PCID, detail: { outcome: 'repeated', by: 'hosted' } },
        { subject: PCID, detail: { outcome: 'provisioned', by: 'hosted' } },
      ])
      await again.contracts.stop()
      await again.certificates.stop()
    } finally {
      await ours.close()
      await standIn.close()
    }
  })
})
