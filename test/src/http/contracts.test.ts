import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeV2gMessage } from '../../../pki/index.ts'
import { contractAdministration } from '../../../src/certificates/contracts/administration.ts'
import { createRoot, createSub, issue } from '../../pki/contract/hierarchy.ts'
import { createOem, createPool, type PncWorld, startPnc } from '../../support/pnc.ts'
import { contract, createTestApi, seen, type TestApi } from './harness.ts'

const PCID = 'WGKTESTCAR1234567X'

let world: PncWorld
let api: TestApi
const pool = createPool(PCID)
beforeAll(async () => {
  world = await startPnc({
    oemTrusted: false,
    pools: [{ name: 'hosted', pool, roots: 'propose' }],
  })
  api = await createTestApi({ store: world.store, contracts: contractAdministration(world.contracts) })
})
afterAll(async () => {
  await world.contracts.stop()
  await world.certificates.stop()
  await api.close()
})

const call = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown) =>
  api.request(method, `/api/v1${path}`, { role: 'security', ...(body === undefined ? {} : { body }) })

async function created(emaid: string, more: object = {}): Promise<string> {
  const answer = await call('POST', '/contracts', { emaid, pcid: PCID, ...more })
  expect(answer.status, answer.text).toBe(201)
  return String(answer.json.id)
}

describe('contracts', () => {
  test('are created, listed by vehicle and account, and changed', async () => {
    const id = await created('DE-GKP-000000001', { priority: 5 })
    expect((await call('GET', `/contracts/${id}`)).json).toMatchObject({
      emaid: 'DEGKP000000001',
      pcid: PCID,
      state: 'offered',
      priority: 5,
      source: 'issue',
    })
    expect((await call('GET', `/contracts?pcid=${PCID.toLowerCase()}`)).json.items).toHaveLength(1)
    expect((await call('GET', '/contracts?emaid=DE-GKP-000000001&state=offered')).json.items).toHaveLength(1)
    expect((await call('GET', '/contracts?state=terminated')).json.items).toHaveLength(0)
    const validUntil = '2031-01-01T00:00:00Z'
    const changed = await call('PUT', `/contracts/${id}/terms`, { priority: 1, validUntil })
    expect(changed.json).toMatchObject({ priority: 1, validUntil })
  })

  test('are suspended, resumed and terminated, each once', async () => {
    const id = await created('DEGKP000000002')
    expect((await call('DELETE', `/contracts/${id}/suspension`)).json.code).toBe('contract.wrong-state')
    expect((await call('PUT', `/contracts/${id}/suspension`)).json.state).toBe('suspended')
    expect((await call('PUT', `/contracts/${id}/suspension`)).status).toBe(409)
    expect((await call('DELETE', `/contracts/${id}/suspension`)).json.state).toBe('offered')
    expect((await call('PUT', `/contracts/${id}/termination`)).json.state).toBe('terminated')
    for (const path of ['suspension', 'termination'])
      expect((await call('PUT', `/contracts/${id}/${path}`)).json.code).toBe('contract.wrong-state')
    expect((await call('PUT', `/contracts/${id}/terms`, { priority: 1, validUntil: null })).status).toBe(409)
  })

  test('show the certificates that cars got', async () => {
    const oem = createOem('15118-2', 'Maker')
    await call('POST', '/trusted-certificates', { usage: 'OEM', pem: oem.pem })
    const pcid = 'WGKTESTCAR1234567Y'
    await call('POST', '/contracts', { emaid: 'DEGKP000000003', pcid })
    await world.install(world.car(pcid, '15118-2', oem))
    const [one] = (await call('GET', `/contracts?pcid=${pcid}`)).json.items as { id: string }[]
    const { items } = (await call('GET', `/contracts/${one?.id}/certificates`)).json
    expect(items).toEqual([expect.objectContaining({ authorityId: 'mo-sub2', usedAt: null })])
  })

  test.each([
    ['an eMAID that is none', { emaid: 'DEGKP0000000!!', pcid: PCID }, 422, 'contract.invalid'],
    ['a wrong check digit', { emaid: 'DE83DUIEN83QGZA', pcid: PCID }, 422, 'contract.invalid'],
    ['a PCID that is none', { emaid: 'DEGKP000000004', pcid: 'short' }, 400, 'request.invalid'],
    [
      'unknown properties',
      { emaid: 'DEGKP000000004', pcid: PCID, state: 'installed' },
      400,
      'request.invalid',
    ],
  ])('are refused with %s', async (_, body, status, code) => {
    expect(await call('POST', '/contracts', body)).toMatchObject({ status, json: { code } })
  })

  test('are refused a second time for the same account and vehicle, until the first is terminated', async () => {
    const id = await created('DEGKP000000005')
    // The check digit does not make it another account.
    expect((await call('POST', '/contracts', { emaid: 'DE-GKP-000000005', pcid: PCID })).json.code).toBe(
      'contract.exists',
    )
    await call('PUT', `/contracts/${id}/termination`)
    await created('DEGKP000000005')
  })

  test('are not for viewers and operators', async () => {
    for (const role of ['viewer', 'operator'] as const) {
      const body = { emaid: 'DEGKP000000006', pcid: PCID }
      expect((await api.request('POST', '/api/v1/contracts', { role, body })).status).toBe(403)
      expect((await api.request('GET', '/api/v1/contracts', { role })).status).toBe(403)
      expect((await api.request('GET', '/api/v1/vehicles', { role })).status).toBe(403)
    }
  })

  test('that nobody knows are 404', async () => {
    for (const path of ['', '/certificates'])
      expect((await call('GET', `/contracts/none${path}`)).json.code).toBe('contract.unknown')
    expect((await call('PUT', '/contracts/none/suspension')).json.code).toBe('contract.unknown')
  })

  test('leave their changes in the audit trail, with the name of the key', async () => {
    const entries = await world.store.audit.list({ actor: 'the-security', limit: 1000 })
    expect(new Set(entries.map(({ action }) => action))).toEqual(
      new Set([
        'contract.create',
        'contract.change',
        'contract.suspend',
        'contract.resume',
        'contract.terminate',
        'trust.add',
      ]),
    )
  })
})

describe('imported contracts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-import-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const root = createRoot('15118-2', 'mo-root', 'Other MO Root')
  const sub = createSub(root, '15118-2', 'mo-sub2', 'Other MO Sub')
  const identity = (emaid: string) => {
    const { certificate, privateKey } = issue(sub, '15118-2', 'contract', emaid)
    const keyOptions = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    } as const
    return {
      certificate,
      certificatesPem: certificate.toPem() + sub.certificate.toPem(),
      privateKeyPem: privateKey.export(keyOptions).toString(),
      plainKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  test('are refused while their mobility operator is not trusted', async () => {
    const { certificatesPem, privateKeyPem } = identity('NLABC000000001')
    const body = { pcid: PCID, certificatesPem, privateKeyPem, passphrase: 'open sesame' }
    const answer = await call('POST', '/contracts/imports', body)
    expect(answer).toMatchObject({ status: 422, json: { code: 'contract.invalid' } })
    expect(answer.json.detail).toContain('trust pool')
  })

  test('come as PEM with an encrypted key; the car gets exactly this certificate, once', async () => {
    const pem = root.certificate.toPem()
    expect((await call('POST', '/trusted-certificates', { usage: 'MO', pem })).status).toBe(201)
    const oem = createOem('15118-2', 'Importer')
    await call('POST', '/trusted-certificates', { usage: 'OEM', pem: oem.pem })
    const pcid = 'WGKTESTCAR1234567Z'
    const { certificate, certificatesPem, privateKeyPem } = identity('NLABC000000002')
    const body = { pcid, certificatesPem, privateKeyPem, passphrase: 'open sesame' }
    const answer = await call('POST', '/contracts/imports', body)
    expect(answer.json).toMatchObject({ emaid: 'NLABC000000002', source: 'import', protocol: '15118-2' })
    const id = String(answer.json.id)
    expect((await world.store.contracts.get(id))?.wrappedKey).not.toContain('PRIVATE KEY')
    const ev = world.car(pcid, '15118-2', oem)
    const { exiResponse } = await world.provide(ev.installationRequest())
    const { Body } = decodeV2gMessage(exiResponse)
    if (!('CertificateInstallationRes' in Body)) throw new Error('not an answer')
    const { ResponseCode, ContractSignatureCertChain } = Body.CertificateInstallationRes
    expect(ResponseCode).toBe('OK')
    expect(Buffer.from(certificate.der).equals(ContractSignatureCertChain.Certificate)).toBe(true)
    expect(await world.store.contracts.get(id)).toMatchObject({
      state: 'installed',
      wrappedKey: null,
      fingerprint: certificate.fingerprint,
    })
    const second = await world.provide(ev.installationRequest())
    expect(second.status).toBe('Accepted')
    expect(ev.receive(second.exiResponse)).toMatchObject({
      ok: false,
      responseCode: 'FAILED_NoCertificateAvailable',
    })
  })

  test('come as PKCS#12', async () => {
    const { certificatesPem, plainKeyPem } = identity('NLABC000000003')
    writeFileSync(join(folder, 'chain.pem'), certificatesPem)
    writeFileSync(join(folder, 'key.pem'), plainKeyPem)
    const args = '-export -in chain.pem -inkey key.pem -out contract.p12 -passout pass:secret'.split(' ')
    execFileSync('openssl', ['pkcs12', ...args], { cwd: folder })
    const pkcs12 = readFileSync(join(folder, 'contract.p12')).toString('base64')
    const wrong = await call('POST', '/contracts/imports', { pcid: PCID, pkcs12, passphrase: 'guess' })
    expect(wrong).toMatchObject({ status: 422, json: { code: 'contract.invalid' } })
    expect(wrong.text).not.toContain('guess')
    const right = await call('POST', '/contracts/imports', { pcid: PCID, pkcs12, passphrase: 'secret' })
    expect(right).toMatchObject({ status: 201, json: { emaid: 'NLABC000000003' } })
  })

  test('are refused where key and certificate do not belong together, or half of it is missing', async () => {
    const { certificatesPem } = identity('NLABC000000004')
    const { plainKeyPem } = identity('NLABC000000005')
    const mixed = { pcid: PCID, certificatesPem, privateKeyPem: plainKeyPem }
    expect((await call('POST', '/contracts/imports', mixed)).json.code).toBe('contract.invalid')
    expect((await call('POST', '/contracts/imports', { pcid: PCID, certificatesPem })).status).toBe(400)
  })
})

describe('vehicles and whom to trust', () => {
  test('are put, blocked, listed and forgotten; one with contracts is kept', async () => {
    const path = '/vehicles/WGKTESTCAR1234500A'
    expect((await call('PUT', path, { description: 'Van 7' })).status).toBe(201)
    expect((await call('PUT', path, { state: 'blocked' })).json).toMatchObject({
      state: 'blocked',
      description: null,
    })
    expect((await call('GET', path.toLowerCase())).json.pcid).toBe('WGKTESTCAR1234500A')
    expect((await call('GET', '/vehicles?limit=1')).json.items).toHaveLength(1)
    expect((await call('DELETE', path)).status).toBe(204)
    expect((await call('GET', path)).json.code).toBe('vehicle.unknown')
    await created('DEGKP000000007')
    expect((await call('DELETE', `/vehicles/${PCID}`)).json.code).toBe('vehicle.has-contracts')
  })

  test('only CA certificates are trusted, all of a text or none', async () => {
    const oem = createOem('15118-2', 'Half')
    const leaf = issue(oem.subs[0], '15118-2', 'oem-provisioning', PCID).certificate
    const before = (await call('GET', '/trusted-certificates')).json.items
    const answer = await call('POST', '/trusted-certificates', { usage: 'OEM', pem: oem.pem + leaf.toPem() })
    expect(answer).toMatchObject({ status: 422, json: { code: 'trusted-certificate.invalid' } })
    expect((await call('POST', '/trusted-certificates', { usage: 'OEM', pem: 'nothing' })).status).toBe(422)
    expect((await call('GET', '/trusted-certificates')).json.items).toEqual(before)
  })

  test('trust ends when it is taken back', async () => {
    const oem = createOem('15118-2', 'Gone')
    const added = await call('POST', '/trusted-certificates', { usage: 'OEM', pem: oem.pem })
    const [first] = added.json.items as { fingerprint: string; isRoot: boolean }[]
    expect(first?.isRoot).toBe(true)
    const path = `/trusted-certificates/OEM/${first?.fingerprint}`
    expect((await call('DELETE', path.replace('OEM', 'MO'))).status).toBe(404)
    expect((await call('DELETE', path)).status).toBe(204)
    expect((await call('DELETE', path)).json.code).toBe('trusted-certificate.unknown')
  })
})

describe('what the pools of providers list', () => {
  const proposed = async (state: string) =>
    (await call('GET', `/trust-proposals?state=${state}`)).json.items as { fingerprint: string }[]

  test('is imported, shown and decided on', async () => {
    expect((await call('GET', '/provider-imports')).json.items).toEqual([])
    const imported = await call('POST', '/provider-imports')
    expect(imported.json.items).toMatchObject([{ usage: 'OEM', listed: 2, added: 1 }, {}, {}])
    expect((await call('GET', '/provider-imports')).json).toEqual(imported.json)
    const [open] = await proposed('open')
    const path = `/trust-proposals/OEM/${open?.fingerprint}/decision`
    expect((await call('PUT', path, { decision: 'accepted' })).json).toMatchObject({ state: 'accepted' })
    expect((await call('GET', '/trusted-certificates')).text).toContain(open?.fingerprint)
    expect((await call('PUT', path, { decision: 'rejected' })).json).toMatchObject({ state: 'rejected' })
    expect((await call('GET', '/trusted-certificates')).text).not.toContain(open?.fingerprint)
    expect(await proposed('open')).toEqual([])
    const unknown = await call('PUT', path.replace('OEM', 'MO'), { decision: 'accepted' })
    expect(unknown).toMatchObject({ status: 404, json: { code: 'trust-proposal.unknown' } })
  })

  test('the sub-CAs of a car are looked up, below a trusted root only', async () => {
    const path = `/vehicles/${PCID}/lookups`
    expect(await call('POST', path)).toMatchObject({
      status: 422,
      json: { code: 'trusted-certificate.invalid' },
    })
    const [root] = pool.maker.pem.split(/(?<=-----END CERTIFICATE-----)\s*/)
    await call('POST', '/trusted-certificates', { usage: 'OEM', pem: root })
    expect((await call('POST', path)).json).toMatchObject({ provider: 'hosted', items: [{}, {}] })
    expect((await call('POST', '/vehicles/WGKTESTCAR1234567Q/lookups')).json.code).toBe('vehicle.unknown')
  })
})

test('every operation about contracts and vehicles was seen to succeed', () => {
  const mine = [...contract.operations.values()].filter(({ path }) =>
    /^\/(contracts|vehicles|trusted-certificates|trust-proposals|provider-imports)/.test(path),
  )
  expect(mine).toHaveLength(21)
  for (const { operationId } of mine)
    expect(
      [...seen].some((one) => new RegExp(`^${operationId} 20`).test(one)),
      operationId,
    ).toBe(true)
})
