import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Certificate } from '../../pki/index.ts'
import { createPlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import { issue } from '../pki/contract/hierarchy.ts'
import { CLIENT, startOpcpStandIn } from '../support/opcp-stand-in.ts'
import { createOem, startPnc, toMessage } from '../support/pnc.ts'
import { connect } from './support/ocpp-client.ts'
import { BOOT } from './support/ocpp-service.ts'
import { type RunningService, spawnService } from './support/service.ts'

const PASSWORD = 'a-password-of-the-station'
const PCID = 'WGKTESTCAR1234567X'

let dataDir: string
let key: string
let service: RunningService
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-kill-contracts-'))
  service = await spawnService(dataDir)
  key = service.adminKey ?? ''
})
afterEach(async () => {
  if (service.process.exitCode === null) await service.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

async function api(method: string, path: string, body?: object): Promise<string> {
  const response = await fetch(`${service.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text
}

async function ask(message: object): Promise<Record<string, unknown>> {
  const station = await connect(`${service.wsUrl}/CS-1`, { password: PASSWORD })
  try {
    await station.call('BootNotification', BOOT)
    return await station.ok('Get15118EVCertificate', message)
  } finally {
    // In the test of a kill the other side may be gone already.
    station.socket.terminate()
  }
}

test('a contract that a car was told of survives SIGKILL: the same request gets the same answer', async () => {
  const oem = createOem('15118-2')
  await api('PUT', '/stations/CS-1', { securityProfile: 1, password: PASSWORD })
  await api('POST', '/trusted-certificates', { usage: 'OEM', pem: oem.pem })
  await api('POST', '/contracts', { emaid: 'DEGKP123456789', pcid: PCID })
  const v2gRoots = Certificate.parseChain(await api('GET', '/authorities/v2g-root/pem'))
  const provisioning = { ...issue(oem.subs[0], '15118-2', 'oem-provisioning', PCID), subCas: [] }
  const ev = createPlugAndChargeEv(
    { protocol: '15118-2', provisioning, v2gRoots },
    { nowMs: Date.now, random: (octets) => randomBytes(octets) },
  )
  const message = toMessage(ev.installationRequest())
  const first = await ask(message)
  await service.kill('SIGKILL')
  service = await spawnService(dataDir)
  const second = await ask(message)
  expect(second).toEqual(first)
  expect(ev.receive(Buffer.from(String(second.exiResponse), 'base64'))).toMatchObject({ ok: true })
  const { items } = JSON.parse(await api('GET', '/contracts'))
  expect(items).toMatchObject([
    { state: 'installed', fingerprint: ev.contract?.certificate.fingerprint, emaid: 'DEGKP123456789' },
  ])
})

test('an answer of a hosted pool survives SIGKILL as well, and the pool is asked once', async () => {
  const hosted = await startPnc()
  const standIn = await startOpcpStandIn(hosted)
  try {
    await service.kill('SIGKILL')
    const secretFile = join(dataDir, 'client-secret')
    writeFileSync(secretFile, CLIENT.clientSecret)
    const flags = {
      'contracts.provider.enabled': 'true',
      'contracts.provider.baseUrl': standIn.url,
      'contracts.provider.tokenUrl': standIn.tokenUrl,
      'contracts.provider.clientId': CLIENT.clientId,
      'contracts.provider.clientSecretFile': secretFile,
    }
    service = await spawnService(dataDir, flags)
    await api('PUT', '/stations/CS-1', { securityProfile: 1, password: PASSWORD })
    await hosted.contract(PCID, 'DEGKP123456789')
    const ev = hosted.car(PCID)
    const message = toMessage(ev.installationRequest())
    const first = await ask(message)
    expect(first.status).toBe('Accepted')
    await service.kill('SIGKILL')
    service = await spawnService(dataDir, flags)
    expect(await ask(message)).toEqual(first)
    expect(ev.receive(Buffer.from(String(first.exiResponse), 'base64'))).toMatchObject({ ok: true })
    expect(standIn.seen.filter((one) => one.includes('signedContractData'))).toHaveLength(1)
    // Its roots are proposals, read at the start: nothing is trusted by itself.
    const { items } = JSON.parse(await api('GET', '/trust-proposals?state=open'))
    expect(items).toHaveLength(3)
    expect(JSON.parse(await api('GET', '/trusted-certificates')).items).toEqual([])
  } finally {
    await standIn.close()
    await hosted.close()
  }
})
