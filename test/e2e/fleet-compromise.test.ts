import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStation, type Station } from '../../src/simulator/index.ts'
import { until } from './support/fleet-world.ts'
import { ServiceUnderFire } from './support/service-under-fire.ts'

const ID = 'STOLEN'
const PASSWORD = 'a-password-of-24-letters'
const run = promisify(execFile)

describe('The key-compromise runbook as one command', () => {
  let dataDir = ''
  let service: ServiceUnderFire
  let station: Station
  let rootPem = ''
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'gridkeep-compromise-'))
    service = new ServiceUnderFire(dataDir, 4)
    await service.start()
    rootPem = String(await service.api('GET', '/authorities/csms-root/pem'))
    await service.api('PUT', `/stations/${ID}`, { securityProfile: 2, password: PASSWORD, serialNumber: ID })
    station = stationWith(PASSWORD, ['ChargingStationCertificate'])
    station.start()
    await until('it has a certificate', () => station.certificates.station !== undefined)
  }, 60_000)
  afterAll(async () => {
    await station.stop()
    await service.kill()
    await rm(dataDir, { recursive: true, force: true })
  })

  const stationWith = (password: string, obtainCertificates: 'ChargingStationCertificate'[] = []): Station =>
    createStation({
      id: ID,
      endpoint: { url: service.wssUrl, securityProfile: 2, password, trustedPems: [rootPem] },
      backOff: { minimumMs: 200, randomRangeMs: 100, repeatTimes: 2 },
      bootDurationMs: 200,
      obtainCertificates,
    })
  const gridkeep = async (...args: string[]) => {
    const env = { PATH: process.env.PATH ?? '', ...service.environment }
    return JSON.parse(
      (
        await run(process.execPath, [resolve('dist/src/main.js'), ...args, '--json'], {
          env,
          timeout: 60_000,
        })
      ).stdout,
    )
  }

  it('revokes what the station has, shuts it out, gives it a new password and says what to do; twice is as good as once', async () => {
    let failures = 0
    station.on('connectionFailed', () => failures++)
    const report = await gridkeep('campaign', 'compromised', ID, '--no-block', '--new-password')
    expect(report).toMatchObject({ stationId: ID, blocked: false, alreadyRevoked: [] })
    expect(report.revoked).toHaveLength(1)
    expect(report.newPassword).toMatch(/^[\w-]{40}$/)
    expect(report.nextSteps[0]).toContain('on site')
    // With what was stolen nobody comes in any more.
    await until('the old password is refused', () => failures >= 2)
    await station.stop()
    station = stationWith(report.newPassword)
    station.start()
    await until('it is back with the new one', () => station.registration === 'Accepted')

    const again = await gridkeep('campaign', 'compromised', ID)
    expect(again).toMatchObject({
      blocked: true,
      revoked: [],
      alreadyRevoked: report.revoked,
      newPassword: null,
    })
    await until('it is out', () => !station.connected)
    const audit = JSON.stringify(await service.api('GET', `/audit?limit=100`))
    expect(audit).toContain('station.compromised')
    expect(audit).not.toContain(report.newPassword)
  }, 60_000)
})
