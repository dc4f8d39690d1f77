/** M01, M02 over real sockets: cars install and update contracts through stations, and hear why when they may not. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeV2gMessage, encodeV2gMessage } from '../../pki/index.ts'
import { createStation, createVehicle } from '../../src/simulator/index.ts'
import { chargeWithContract } from '../../src/simulator/plug-and-charge.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import { createOem, type PncWorld, startPnc } from '../support/pnc.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { PASSWORD } from './support/ocpp-service.ts'
import { DAY_MS, EMAID, PCID, type PncService, startPncService } from './support/pnc-service.ts'

let pnc: PncService
let world: PncWorld
let station: TestClient
let aheadMs = 0

async function open(change: Parameters<typeof startPnc>[0] = {}): Promise<void> {
  pnc = await startPncService({ clock: { now: () => Date.now() + aheadMs }, ...change })
  world = pnc.world
  station = pnc.station
}
beforeEach(async () => {
  aheadMs = 0
  await open()
})
afterEach(() => pnc.close())

describe('a simulated station with a Plug & Charge car', () => {
  test('installs a contract, authorizes with it and charges; later it updates the contract', async () => {
    await world.contract(PCID, EMAID)
    await pnc.service.register('CS-SIM')
    const simulated = createStation({
      id: 'CS-SIM',
      endpoint: { url: pnc.service.url, securityProfile: 1, password: PASSWORD },
      variables: { 'ISO15118Ctrlr.CentralContractValidationAllowed': 'true' },
      bootDurationMs: 10,
    })
    const registered = new Promise((resolve) => simulated.on('registered', resolve))
    simulated.start()
    await registered
    try {
      const ev = world.car(PCID)
      simulated.plugIn(1, createVehicle({ id: PCID }))
      const first = await chargeWithContract(simulated, 1, ev)
      expect(first).toMatchObject({ installation: { ok: true }, accepted: true })
      await expect
        .poll(async () => (await world.store.sessions.list({ active: true }))[0]?.idToken?.idToken)
        .toBe(EMAID)
      simulated.unplug(1)
      aheadMs = 725 * DAY_MS
      await world.contracts.upkeep()
      simulated.plugIn(1, createVehicle({ id: PCID }))
      const second = await chargeWithContract(simulated, 1, ev)
      expect(second).toMatchObject({ installation: { ok: true }, accepted: true })
      expect((await world.store.contracts.list())[0]?.state).toBe('updated')
    } finally {
      await simulated.stop()
    }
  })
})

describe('a car is told over the socket', () => {
  test('OK, and the same again for the same bytes', async () => {
    await world.contract(PCID, EMAID)
    const request = world.car(PCID).installationRequest()
    const first = await pnc.provision(request)
    expect(first.status).toBe('Accepted')
    expect((await pnc.provision(request)).exiResponse).toEqual(first.exiResponse)
  })

  test('FAILED_NoCertificateAvailable without a contract', async () => {
    expect(await pnc.told(world.car(PCID))).toEqual(['Accepted', 'FAILED_NoCertificateAvailable'])
  })

  test('FAILED_NoCertificateAvailable when it knows none of our V2G roots', async () => {
    await world.contract(PCID, EMAID)
    const elsewhere = await startPnc()
    const ev = elsewhere.car(PCID, '15118-2', world.oem['15118-2'])
    expect(await pnc.told(ev)).toEqual(['Accepted', 'FAILED_NoCertificateAvailable'])
    await elsewhere.close()
  })

  test('FAILED_CertChainError when nobody trusts its maker', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID, '15118-2', createOem('15118-2', 'Stranger'))
    expect(await pnc.told(ev)).toEqual(['Accepted', 'FAILED_CertChainError'])
  })

  test('FAILED_SignatureError when somebody else signed its request, and no certificate is made', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    const request = ev.installationRequest()
    const message = decodeV2gMessage(request.exiRequest)
    const { Signature } = message.Header
    if (!Signature) throw new Error('the request is signed')
    const value = Uint8Array.from(Signature.SignatureValue.value)
    value[10] = (value[10] ?? 0) ^ 1
    const forged = { ...Signature, SignatureValue: { value } }
    const exiRequest = encodeV2gMessage({ ...message, Header: { ...message.Header, Signature: forged } })
    expect(await pnc.told(ev, { ...request, exiRequest })).toEqual(['Accepted', 'FAILED_SignatureError'])
    expect(await world.store.certificates.list({ profile: 'contract/iso15118-2' })).toEqual([])
  })

  test('FAILED_CertificateExpired when its own certificate has ended', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    const request = ev.updateRequest()
    aheadMs = 900 * DAY_MS
    await world.contracts.upkeep()
    expect(await pnc.told(ev, request)).toEqual(['Accepted', 'FAILED_CertificateExpired'])
  })

  test('FAILED_CertificateRevoked and FAILED_ContractCanceled after the end of its contract', async () => {
    const { id } = await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    await world.contracts.pool.terminate(id)
    expect(await pnc.told(ev, ev.updateRequest())).toEqual(['Accepted', 'FAILED_CertificateRevoked'])
    expect(await pnc.told(ev)).toEqual(['Accepted', 'FAILED_ContractCanceled'])
  })

  test('FAILED_SequenceError when its station calls an installation an update', async () => {
    const ev = world.car(PCID)
    const { status, exiResponse } = await pnc.provision(ev.installationRequest(), { action: 'Update' })
    expect(status).toBe('Accepted')
    expect(ev.receive(exiResponse)).toMatchObject({ ok: false, responseCode: 'FAILED_SequenceError' })
  })
})

describe('a station is told Failed', () => {
  test('for bytes that are no request, and for a schema that nobody speaks', async () => {
    const request = world.car(PCID).installationRequest()
    expect(await pnc.provision(request, { exiRequest: 'AAAA' })).toMatchObject({
      status: 'Failed',
      reasonCode: 'RequestUnreadable',
    })
    expect(await pnc.provision(request, { iso15118SchemaVersion: 'urn:none' })).toMatchObject({
      status: 'Failed',
      reasonCode: 'SchemaUnsupported',
    })
  })

  test('when the answer is longer than the FieldLength it announced; the contract stays on offer', async () => {
    await world.contract(PCID, EMAID)
    await station.ok('NotifyReport', {
      requestId: 1,
      generatedAt: new Date().toISOString(),
      seqNo: 0,
      reportData: [
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'FieldLength', instance: 'Get15118EVCertificateResponse.exiResponse' },
          variableAttribute: [{ value: '2000' }],
        },
      ],
    })
    expect(await pnc.provision(world.car(PCID).installationRequest())).toMatchObject({
      status: 'Failed',
      reasonCode: 'ResponseTooLarge',
    })
    expect((await world.store.contracts.list())[0]).toMatchObject({ state: 'offered', fingerprint: null })
  })
})

test('what was answered is found again after the process died', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-contracts-'))
  const path = join(folder, 'gridkeep.db')
  try {
    await pnc.close()
    await open({ store: createSqliteStore(path) })
    await world.contract(PCID, EMAID)
    const { pem } = world.oem['15118-2']
    const request = world.car(PCID).installationRequest()
    const first = await pnc.provision(request)
    expect(first.status).toBe('Accepted')
    // A second process over the same file, while nothing of the first was closed in good order.
    const before = pnc
    await open({ store: createSqliteStore(path) })
    await world.contracts.trust('OEM', pem)
    expect((await pnc.provision(request)).exiResponse).toEqual(first.exiResponse)
    expect(await world.store.certificates.list({ profile: 'contract/iso15118-2' })).toHaveLength(1)
    await before.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
