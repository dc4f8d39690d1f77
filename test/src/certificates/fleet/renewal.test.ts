import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { STATION_LEAF } from '../../../../src/certificates/fleet/profiles.ts'
import { writeCsr } from '../../../../src/simulator/index.ts'
import { ORGANISATION } from '../support.ts'
import { answered, createFleetBench, type FleetBench, ID } from './support.ts'

let bench: FleetBench
beforeEach(async () => {
  bench = await createFleetBench()
})
afterEach(() => bench.close())

const csr = (): string =>
  writeCsr(
    { commonName: ID, organization: ORGANISATION },
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  )
const sent = (action: string) => bench.station.calls.filter((call) => call.action === action)
const leaves = (revoked: boolean) =>
  bench.pki.store.certificates.list({ stationId: ID, profile: STATION_LEAF, revoked })

/** The station asks, our authority signs; the fleet's guard is the door. */
async function enrol(): Promise<string> {
  const station = await bench.pki.store.stations.get(ID)
  if (station === undefined) throw new Error('no station')
  const before = new Set((await leaves(false)).map(({ fingerprint }) => fingerprint))
  const result = await bench.pki.service.orders.enrol(station, csr(), 'ChargingStationCertificate')
  expect(result.kind).toBe('issued')
  return (await leaves(false)).find(({ fingerprint }) => !before.has(fingerprint))?.fingerprint ?? ''
}

async function present(fingerprint: string): Promise<boolean> {
  const station = await bench.pki.store.stations.get(ID)
  const record = await bench.pki.store.certificates.byFingerprint(fingerprint)
  if (station === undefined || record === undefined) throw new Error('nothing to present')
  return (await bench.fleet.guard(bench.pki.service).verifyStationCertificate(station, [record.der])).ok
}

describe('Renewal', () => {
  it('A02.FR.01: is triggered at two thirds of the life, once, and not for a station that is offline', async () => {
    await bench.register({ securityProfile: 3 })
    await enrol()
    expect(await bench.fleet.renewals.sweep()).toBe(0)
    const [leaf] = await leaves(false)
    const life = Date.parse(leaf?.notAfter ?? '') - Date.parse(leaf?.notBefore ?? '')
    bench.pki.clock.advance(Math.ceil((life * 2) / 3))
    bench.station.online = false
    expect(await bench.fleet.renewals.sweep()).toBe(0)
    bench.station.online = true
    expect(await bench.fleet.renewals.sweep()).toBe(1)
    expect(await bench.fleet.renewals.sweep()).toBe(0)
    expect(sent('TriggerMessage')).toMatchObject([
      { payload: { requestedMessage: 'SignChargingStationCertificate' } },
    ])
  })

  it('A02.FR.10: both leaves are good until the new one was shown; then the old one is not, on a resumed session either', async () => {
    await bench.register({ securityProfile: 3 })
    const old = await enrol()
    expect(await present(old)).toBe(true)
    bench.pki.clock.advance(60_000)
    const fresh = await enrol()
    expect(await present(old)).toBe(true)
    expect(await present(fresh)).toBe(true)
    await expect.poll(async () => (await leaves(true)).map(({ fingerprint }) => fingerprint)).toEqual([old])
    expect(await present(old)).toBe(false)
    expect(bench.station.disconnects).toBe(0)
  })

  it('A02.FR.17: a slow authority makes the station wait longer before it asks again', async () => {
    const station = await bench.pki.store.stations.get(ID)
    if (station === undefined) throw new Error('no station')
    await bench.pki.service.requestSigning(station, {
      csr: csr(),
      certificateType: 'ChargingStationCertificate',
    })
    bench.pki.clock.advance(25_000)
    await bench.fleet.patience.sweep()
    await bench.fleet.patience.sweep()
    const waits = () =>
      sent('SetVariables').flatMap(({ payload }) =>
        (payload.setVariableData as { variable: { name: string }; attributeValue: string }[]).map(
          ({ variable, attributeValue }) => `${variable.name}=${attributeValue}`,
        ),
      )
    expect(waits()).toEqual(['CertSigningWaitMinimum=60'])
    bench.pki.clock.advance(100_000)
    await bench.fleet.patience.sweep()
    expect(waits()).toEqual(['CertSigningWaitMinimum=60', 'CertSigningWaitMinimum=250'])

    // The authority answers again: the station is set back to what it had, once, when it is there.
    await bench.pki.service.orders.advance()
    bench.station.online = false
    await bench.fleet.patience.sweep()
    bench.station.online = true
    await bench.fleet.patience.sweep()
    await bench.fleet.patience.sweep()
    expect(waits().slice(2)).toEqual(['CertSigningWaitMinimum=30'])
  })

  describe('A00.FR.429: a station whose certificate has expired', () => {
    const YEAR_MS = 366 * 86_400_000
    const expired = async () => {
      const leaf = await enrol()
      bench.pki.clock.advance(3 * YEAR_MS)
      const { der } = (await bench.pki.store.certificates.byFingerprint(leaf)) ?? { der: new Uint8Array() }
      const station = await bench.pki.store.stations.get(ID)
      if (station === undefined) throw new Error('no station')
      return bench.fleet.guard(bench.pki.service).verifyStationCertificate(station, [der])
    }

    it('is refused without a permission for this very station', async () => {
      expect(await expired()).toMatchObject({ ok: false, reasonCode: 'expired' })
    })

    it('is refused when the permission is over', async () => {
      await bench.fleet.api().permitExpired(ID, bench.pki.clock.now() + 60_000, 'test')
      expect(await expired()).toMatchObject({ ok: false, reasonCode: 'expired' })
    })

    it('is let in to renew only, which the security log says, and never where it was revoked', async () => {
      const untilMs = bench.pki.clock.now() + 4 * YEAR_MS
      expect(await bench.fleet.api().permitExpired('NOBODY', untilMs, 'test')).toBe(false)
      expect(await bench.fleet.api().permitExpired(ID, untilMs, 'test')).toBe(true)
      expect(await expired()).toMatchObject({ ok: true, onlyToRenew: true })
      const events = await bench.pki.store.events.list({ stationId: ID, limit: 100 })
      expect(events.map(({ type }) => type)).toContain('InvalidChargingStationCertificate')
      for (const { fingerprint } of await bench.pki.store.certificates.list({ stationId: ID }))
        await bench.pki.service.revoke(fingerprint, 'keyCompromise')
      const station = await bench.pki.store.stations.get(ID)
      const [leaf] = await bench.pki.store.certificates.list({ stationId: ID })
      if (station === undefined || leaf === undefined) throw new Error('no station')
      const verdict = await bench.fleet.guard(bench.pki.service).verifyStationCertificate(station, [leaf.der])
      expect(verdict).toMatchObject({ ok: false, reasonCode: 'revoked' })
    })
  })

  it('A02.FR.12: a request that is no good is rejected at once, or accepted first where policy says so', async () => {
    const station = await bench.pki.store.stations.get(ID)
    if (station === undefined) throw new Error('no station')
    const bad = { csr: 'nonsense', certificateType: 'ChargingStationCertificate' } as const
    expect((await bench.fleet.guard(bench.pki.service).requestSigning(station, bad)).status).toBe('Rejected')
    const lenient = await createFleetBench({ acceptFirst: true })
    expect((await lenient.fleet.guard(lenient.pki.service).requestSigning(station, bad)).status).toBe(
      'Accepted',
    )
    await expect
      .poll(async () => (await lenient.pki.store.events.list({ stationId: ID })).map(({ type }) => type))
      .toContain('CsrRejected')
    await lenient.close()
  })
})

describe('A compromised station', () => {
  it('is shut out, its certificates are revoked, what is under way is stopped, and the report says how it comes back', async () => {
    await bench.register({ securityProfile: 3 })
    const leaf = await enrol()
    const report = await bench.fleet.compromise(ID, { actor: 'alice', block: true, rekey: false })
    expect(report).toMatchObject({ revoked: [leaf], blocked: true, rekey: 'blocked' })
    expect(report?.nextSteps.length).toBeGreaterThan(1)
    expect(await present(leaf)).toBe(false)
    expect(await bench.pki.store.stations.get(ID)).toMatchObject({ enrolment: 'blocked', passwordHash: null })
    expect(bench.station.disconnects).toBeGreaterThan(0)
    expect(await bench.fleet.compromise(ID, { actor: 'alice', block: true, rekey: false })).toMatchObject({
      revoked: [],
      alreadyRevoked: [leaf],
    })
    expect(
      await bench.fleet.compromise('nobody', { actor: 'alice', block: true, rekey: false }),
    ).toBeUndefined()
  })
})

describe('A password campaign', () => {
  const LIMITS = {
    waves: [],
    perSite: 10,
    perHour: 100,
    atOnce: 10,
    maxFailures: 1,
    soakS: 0,
    offlineGraceS: 60,
  }
  const plan = async () => {
    const campaign = await bench.fleet.campaigns.create(
      { kind: 'basic-auth-password', name: 'p', targets: { all: true }, limits: LIMITS },
      'alice',
    )
    await bench.fleet.campaigns.act(campaign.id, 'start', 'alice')
    return campaign.id
  }
  const row = (id: string) => bench.pki.store.fleet.campaignStation(id, ID)

  it('A01.FR.02: sends a random password of 40 characters, and is done when the station has come back with it', async () => {
    const id = await plan()
    await bench.advance()
    const data = sent('SetVariables')[0]?.payload.setVariableData as { attributeValue: string }[]
    expect(data[0]?.attributeValue).toMatch(/^[A-Za-z0-9_-]{40}$/)
    expect((await row(id))?.state).toBe('running')
    bench.pki.clock.advance(5_000)
    await bench.pki.store.fleet.recordLinks([
      { stationId: ID, at: new Date(bench.pki.clock.now()).toISOString(), shown: null },
    ])
    await bench.advance()
    await bench.advance()
    expect((await row(id))?.state).toBe('done')
    const everything = JSON.stringify([
      await row(id),
      await bench.pki.store.audit.list({ limit: 1000 }),
      await bench.pki.store.events.list({}),
    ])
    expect(everything).not.toContain(data[0]?.attributeValue)
  })

  it('A01.FR.04: keeps the old one where the station refuses', async () => {
    bench.station.answer = (action) =>
      action === 'SetVariables'
        ? answered({
            setVariableResult: [
              {
                attributeStatus: 'Rejected',
                component: { name: 'SecurityCtrlr' },
                variable: { name: 'BasicAuthPassword' },
              },
            ],
          })
        : undefined
    const id = await plan()
    await bench.advance()
    expect(await row(id)).toMatchObject({ state: 'failed', reason: 'Rejected' })
    expect(await bench.fleet.guard(bench.pki.service).passwordCandidate?.(ID)).toBeUndefined()
    expect((await bench.pki.store.stations.get(ID))?.passwordHash).toBe('old hash')
  })

  it('A01.FR.03: takes either where the answer was lost, until the station shows which one it uses', async () => {
    bench.station.answer = (action) =>
      action === 'SetVariables' ? { kind: 'unanswered', reason: 'disconnected' } : undefined
    const id = await plan()
    await bench.advance()
    const guard = bench.fleet.guard(bench.pki.service)
    const candidate = await guard.passwordCandidate?.(ID)
    expect(candidate).toMatch(/^hash of /)
    await guard.adoptPassword?.(ID)
    expect((await bench.pki.store.stations.get(ID))?.passwordHash).toBe(candidate)
    expect(await guard.passwordCandidate?.(ID)).toBeUndefined()
    bench.pki.clock.advance(5_000)
    await bench.pki.store.fleet.recordLinks([
      { stationId: ID, at: new Date(bench.pki.clock.now()).toISOString(), shown: null },
    ])
    await bench.advance()
    await bench.advance()
    expect((await row(id))?.state).toBe('done')
  })
})
