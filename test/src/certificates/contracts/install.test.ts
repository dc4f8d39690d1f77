import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeV2gMessage } from '../../../../pki/index.ts'
import { createOem, type PncWorld, startPnc } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'
const EMAID = 'DEGKP123456789'
const DAY_MS = 86_400_000

let world: PncWorld
beforeEach(async () => {
  world = await startPnc()
})
afterEach(() => world.close())

function responseCode(exi: Uint8Array): string {
  const { Body } = decodeV2gMessage(exi)
  if ('CertificateInstallationRes' in Body) return Body.CertificateInstallationRes.ResponseCode
  if ('CertificateUpdateRes' in Body) return Body.CertificateUpdateRes.ResponseCode
  throw new Error('not an answer')
}

async function trail(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const entries = await world.store.audit.list({ action: 'contract.provision' })
  return entries.map(({ actor, subject, detail }) => ({ actor, subject, ...detail }))
}

describe('a car that has a contract on offer', () => {
  test('installs it; certificate, contract and audit trail say so', async () => {
    const contract = await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    expect(ev.contract?.emaid).toBe(EMAID)
    const after = await world.store.contracts.get(contract.id)
    expect(after).toMatchObject({ state: 'installed', fingerprint: ev.contract?.certificate.fingerprint })
    const issued = await world.store.certificates.byFingerprint(after?.fingerprint ?? '')
    expect(issued).toMatchObject({ authorityId: 'mo-sub2', profile: 'contract/iso15118-2', keyName: null })
    expect(await trail()).toEqual([
      expect.objectContaining({
        actor: 'station:CS-1',
        subject: PCID,
        outcome: 'provisioned',
        responseCode: 'OK',
        contractId: contract.id,
        by: 'local',
      }),
    ])
  })

  test('asked again with the same bytes gets the same answer, and there is one certificate', async () => {
    await world.contract(PCID, EMAID)
    const request = world.car(PCID).installationRequest()
    const [first, second] = await Promise.all([world.provide(request), world.provide(request, 'CS-2')])
    const third = await world.provide(request, 'CS-3')
    expect(second.exiResponse).toEqual(first.exiResponse)
    expect(third.exiResponse).toEqual(first.exiResponse)
    const certificates = await world.store.certificates.list({ profile: 'contract/iso15118-2' })
    expect(certificates).toHaveLength(1)
    expect((await trail()).at(-1)).toMatchObject({ outcome: 'repeated', subject: PCID })
  })

  test('gets a new certificate of the same contract once the answer is no longer kept', async () => {
    const contract = await world.contract(PCID, EMAID)
    const request = world.car(PCID).installationRequest()
    const first = await world.provide(request)
    world.advance(2 * 3_600_000)
    await world.contracts.upkeep()
    const second = await world.provide(request)
    expect(second.status).toBe('Accepted')
    expect(second.exiResponse).not.toEqual(first.exiResponse)
    expect(await world.store.contracts.certificates(contract.id)).toHaveLength(2)
    expect(await world.store.contracts.list()).toHaveLength(1)
  })

  test('gets no certificate that outlives the contract', async () => {
    const validUntil = new Date(world.now() + 30 * DAY_MS).toISOString()
    await world.contract(PCID, EMAID, { validUntil })
    const ev = world.car(PCID)
    await world.install(ev)
    expect(ev.contract?.certificate.notAfterMs).toBeLessThanOrEqual(Date.parse(validUntil))
  })

  test('of several contracts gets the one of highest priority', async () => {
    await world.contract(PCID, 'DEGKP000000001', { priority: 20 })
    await world.contract(PCID, 'DEGKP000000002', { priority: 10 })
    const ev = world.car(PCID)
    await world.install(ev)
    expect(ev.contract?.emaid).toBe('DEGKP000000002')
  })

  test('keeps the plain key nowhere: neither in the database nor in the answer', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    const request = ev.installationRequest()
    const { exiResponse } = await world.provide(request)
    expect(ev.receive(exiResponse).ok).toBe(true)
    const scalar = Buffer.from(ev.contract?.scalar ?? [])
    expect(scalar).toHaveLength(32)
    expect(Buffer.from(exiResponse).includes(scalar)).toBe(false)
    const [kept] = await world.store.contracts.list()
    expect(kept?.wrappedKey).toBeNull()
    for (const name of await world.store.keyBlobs.names()) expect(name).not.toContain(EMAID)
  })

  test('updates the contract with the key it has, and the older certificate ends when the new one is used', async () => {
    const contract = await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    const first = ev.contract?.certificate.fingerprint ?? ''
    world.advance(60_000)
    const { exiResponse } = await world.provide(ev.updateRequest())
    expect(ev.receive(exiResponse)).toMatchObject({ ok: true })
    expect(ev.contract?.certificate.fingerprint).not.toBe(first)
    expect((await world.store.contracts.get(contract.id))?.state).toBe('updated')
    expect((await world.store.certificates.byFingerprint(first))?.revokedAt).toBeNull()
    const { emaid, certificateChainPem } = ev.authorization() ?? { emaid: '', certificateChainPem: '' }
    const judged = await world.contracts.judge({
      stationId: 'CS-1',
      emaid,
      certificatePem: certificateChainPem,
    })
    expect(judged).toEqual({ kind: 'valid' })
    await world.contracts.stop()
    expect(await world.store.certificates.byFingerprint(first)).toMatchObject({
      revocationReason: 'superseded',
    })
  })
})

describe('a car with ISO 15118-20', () => {
  const answers = async (
    ev: ReturnType<PncWorld['car']>,
    request = ev.installationRequest({ maximumContracts: 3 }),
  ) => world.provide(request)

  beforeEach(async () => {
    await world.store.stations.recordVariables(
      'CS-1',
      [
        {
          component: 'OCPPCommCtrlr',
          componentInstance: null,
          evseId: null,
          connectorId: null,
          variable: 'FieldLength',
          variableInstance: 'Get15118EVCertificateResponse.exiResponse',
          attributeType: 'Actual',
          value: '12000',
          mutability: null,
          persistent: null,
          constant: null,
          characteristics: null,
        },
      ],
      new Date().toISOString(),
    )
  })

  test('installs a contract of the P-521 hierarchy where the station takes long answers', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID, '15118-20')
    const { status, exiResponse } = await answers(ev)
    expect(status).toBe('Accepted')
    expect(ev.receive(exiResponse)).toMatchObject({ ok: true, remainingContracts: 0 })
    expect(ev.contract?.emaid).toBe(EMAID)
  })

  test('is refused as Failed where the station takes only what OCPP 2.0.1 allows', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID, '15118-20')
    expect(await world.provide(ev.installationRequest(), 'CS-2')).toMatchObject({
      status: 'Failed',
      reasonCode: 'ResponseTooLarge',
    })
    expect((await world.store.contracts.list())[0]?.state).toBe('offered')
  })
})

describe('a car is refused, in its own language and in the audit trail,', () => {
  const refusedWith = async (code: string, refusal: string, ev = world.car(PCID)) => {
    const { status, exiResponse } = await world.provide(ev.installationRequest())
    expect([status, responseCode(exiResponse)]).toEqual(['Accepted', code])
    expect(ev.receive(exiResponse)).toMatchObject({ ok: false, check: 'response-code', responseCode: code })
    expect((await trail()).at(-1)).toMatchObject({ outcome: 'refused', code: refusal })
    const issued = await world.store.certificates.list({ profile: 'contract/iso15118-2', revoked: false })
    return issued
  }

  test('when there is no contract for it', async () => {
    expect(await refusedWith('FAILED_NoCertificateAvailable', 'contract-missing')).toEqual([])
  })

  test('when its manufacturer is not trusted', async () => {
    await world.contract(PCID, EMAID)
    const stranger = world.car(PCID, '15118-2', createOem('15118-2', 'Stranger'))
    await refusedWith('FAILED_CertChainError', 'chain-invalid', stranger)
  })

  test('when its manufacturer is trusted no longer', async () => {
    await world.contract(PCID, EMAID)
    const fingerprint = world.oem['15118-2'].root.certificate.fingerprint
    expect(await world.contracts.distrust('OEM', fingerprint)).toBe(true)
    await refusedWith('FAILED_CertChainError', 'chain-invalid')
  })

  test('when its contract is suspended, and gets it when it is resumed', async () => {
    const { id } = await world.contract(PCID, EMAID)
    expect((await world.contracts.pool.suspend(id)).ok).toBe(true)
    await refusedWith('FAILED_ContractCanceled', 'contract-canceled')
    expect(await world.contracts.pool.resume(id)).toMatchObject({ ok: true, contract: { state: 'offered' } })
    await world.install(world.car(PCID))
  })

  test('when its contract was terminated, also for bytes that were answered before', async () => {
    const { id } = await world.contract(PCID, EMAID)
    const request = world.car(PCID).installationRequest()
    expect(responseCode((await world.provide(request)).exiResponse)).toBe('OK')
    expect((await world.contracts.pool.terminate(id)).ok).toBe(true)
    expect(responseCode((await world.provide(request)).exiResponse)).toBe('FAILED_ContractCanceled')
    const [certificate] = await world.store.certificates.list({ profile: 'contract/iso15118-2' })
    expect(certificate?.revocationReason).toBe('cessationOfOperation')
  })

  test('when its contract has ended', async () => {
    await world.contract(PCID, EMAID, { validUntil: new Date(world.now() + DAY_MS).toISOString() })
    world.advance(2 * DAY_MS)
    await refusedWith('FAILED_NoCertificateAvailable', 'contract-missing')
  })

  test('when the vehicle is blocked', async () => {
    await world.contract(PCID, EMAID)
    const at = new Date().toISOString()
    const vehicle = { pcid: PCID, state: 'blocked', description: null, createdAt: at, updatedAt: at } as const
    const ev = world.car(PCID)
    const request = ev.installationRequest()
    expect(ev.receive((await world.provide(request)).exiResponse).ok).toBe(true)
    await world.store.contracts.putVehicle(vehicle)
    await refusedWith('FAILED_ContractCanceled', 'contract-canceled')
    // Neither for bytes that were answered before, nor as an update.
    for (const again of [request, ev.updateRequest()])
      expect(responseCode((await world.provide(again)).exiResponse)).toBe('FAILED_ContractCanceled')
  })

  test('when it updates with a certificate that was revoked', async () => {
    const { id } = await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    await world.contracts.pool.terminate(id)
    const { exiResponse } = await world.provide(ev.updateRequest())
    expect(responseCode(exiResponse)).toBe('FAILED_CertificateRevoked')
  })

  test('when it updates with a certificate that has expired', async () => {
    await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    const request = ev.updateRequest()
    world.advance(3 * 365 * DAY_MS)
    await world.contracts.upkeep()
    const { exiResponse } = await world.provide(request)
    expect(responseCode(exiResponse)).toBe('FAILED_CertificateExpired')
  })
})

describe('the station is answered Failed, with nothing for the car,', () => {
  test('when the request is not base64, or no EXI, or of a schema that nobody knows', async () => {
    const { iso15118SchemaVersion, exiRequest } = world.car(PCID).installationRequest()
    const good = { action: 'Install', iso15118SchemaVersion } as const
    const text = Buffer.from(exiRequest).toString('base64')
    expect(await world.contracts.provide('CS-1', { ...good, exiRequest: '*' })).toMatchObject({
      status: 'Failed',
      reasonCode: 'RequestUnreadable',
      exiResponse: '',
    })
    expect(await world.contracts.provide('CS-1', { ...good, exiRequest: 'AAAA' })).toMatchObject({
      status: 'Failed',
      reasonCode: 'RequestUnreadable',
    })
    expect(
      await world.contracts.provide('CS-1', { ...good, iso15118SchemaVersion: 'urn:x', exiRequest: text }),
    ).toMatchObject({ status: 'Failed', reasonCode: 'SchemaUnsupported' })
    expect(await trail()).toHaveLength(3)
  })
})

describe('under more load than can be answered in time', () => {
  test('the excess is refused at once and the rest is answered', async () => {
    await world.close()
    world = await startPnc({ policy: { maxInFlight: 5 } })
    const cars = Array.from({ length: 20 }, (_, index) => `WGKTESTCAR12345${String(index).padStart(3, '0')}`)
    for (const pcid of cars) await world.contract(pcid, `DEGKP1234567${pcid.slice(-2)}`)
    const requests = cars.map((pcid) => world.car(pcid).installationRequest())
    const answers = await Promise.all(requests.map((request) => world.provide(request)))
    expect(answers.filter(({ status }) => status === 'Accepted')).toHaveLength(5)
    expect(answers.filter(({ reasonCode }) => reasonCode === 'Busy')).toHaveLength(15)
    const [again] = requests.slice(-1)
    if (!again) throw new Error('there are requests')
    expect((await world.provide(again)).status).toBe('Accepted')
  })

  test('an answer that takes too long is Failed, and found by the next request with the same bytes', async () => {
    await world.close()
    let goOn: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const external = { status: async () => gate.then(() => ({ kind: 'good' }) as const) }
    world = await startPnc({ policy: { deadlineMs: 30 }, external, oemTrusted: false })
    const oem = createOem('15118-2', 'Slow', { ocspUrl: 'http://ocsp.slow.example/' })
    await world.contracts.trust('OEM', oem.pem)
    await world.contract(PCID, EMAID)
    const request = world.car(PCID, '15118-2', oem).installationRequest()
    expect(await world.provide(request)).toMatchObject({ status: 'Failed', reasonCode: 'Timeout' })
    goOn()
    await expect
      .poll(async () => (await world.store.contracts.list())[0]?.state, { timeout: 5000 })
      .toBe('installed')
    expect((await world.provide(request)).status).toBe('Accepted')
    expect(await world.store.certificates.list({ profile: 'contract/iso15118-2' })).toHaveLength(1)
  })
})
