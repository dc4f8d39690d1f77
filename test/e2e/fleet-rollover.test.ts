import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificate } from '../../pki/index.ts'
import { STATION_LEAF } from '../../src/certificates/fleet/profiles.ts'
import type { Fleet } from '../../src/simulator/index.ts'
import { type FleetWorld, startFleetWorld, until } from './support/fleet-world.ts'

const LIMITS = {
  waves: [{ stations: 1 }],
  perSite: 100,
  perHour: 10_000,
  atOnce: 20,
  maxFailures: 0,
  soakS: 0,
  offlineGraceS: 2,
}
const IDS = ['CS-1', 'CS-2', 'CS-3', 'CS-4']

describe('A fleet from profile 2 to a new CSMS root and new leaves', () => {
  let world: FleetWorld
  let fleet: Fleet

  beforeAll(async () => {
    world = await startFleetWorld()
    await world.store.fleet.putPolicy({
      id: 'watch',
      scope: 'all',
      scopeId: '',
      use: 'CSMSRootCertificate',
      fingerprints: [],
      repair: 'report',
      setBy: 'test',
      updatedAt: new Date().toISOString(),
    })
    fleet = await world.stations(
      IDS.map((id) => ({ id, obtainCertificates: ['ChargingStationCertificate'] as const })),
    )
    fleet.start()
    await until('all online', () => fleet.online() === IDS.length)
  }, 60_000)
  afterAll(() => world.close())

  const finished = async (id: string): Promise<void> => {
    try {
      await until(
        'campaign finished',
        async () => ['finished', 'halted'].includes((await world.campaign(id)).state),
        40_000,
      )
    } catch (error) {
      throw new Error(JSON.stringify(await world.fleetService.campaigns.report(id)), { cause: error })
    }
    expect(await world.fleetService.campaigns.report(id)).toMatchObject({
      campaign: { state: 'finished' },
      rest: [],
    })
  }

  it('M03.FR.04: knows after boot what each station holds, one row per certificate', async () => {
    await until(
      'inventories',
      async () =>
        (await world.store.fleet.trustOf(IDS)).filter((one) => one.inventoryAt !== null).length ===
        IDS.length,
    )
    const rows = await world.store.fleet.installed('CS-1')
    expect(rows.map(({ use }) => use)).toEqual(['CSMSRootCertificate'])
    const root = Certificate.parse(world.rootPem)
    expect(rows[0]?.serialNumber.toLowerCase()).toBe(root.serialHex)
  })

  it('A05.FR.07: moves every station to profile 3 and shuts the lower one', async () => {
    await until(
      'leaves',
      async () => (await world.store.certificates.list({ profile: STATION_LEAF })).length === IDS.length,
    )
    await until(
      'delivered',
      async () => (await world.store.certificates.orders({ states: ['delivered'] })).length === IDS.length,
    )
    const campaign = await world.fleetService.campaigns.create(
      {
        kind: 'security-profile',
        name: 'to 3',
        targets: { all: true },
        parameters: { toProfile: 3, url: world.wssUrl },
        limits: LIMITS,
      },
      'test',
    )
    expect(campaign.state).toBe('planned')
    await world.fleetService.campaigns.act(campaign.id, 'start', 'test')
    await finished(campaign.id)
    for (const id of IDS) expect((await world.store.stations.get(id))?.securityProfile).toBe(3)
  }, 60_000)

  it('M05.FR.13: shows a chain under the new root only when it is confirmed, proves it, and removes the old one', async () => {
    const { certificates, fleetService, store } = world
    await certificates.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    await fleetService.refreshAuthorities()
    const newRoot = certificates.authorities.current('csms-root')?.certificate
    const before = await fleetService.chains.current()
    expect(before?.authorityId).toBe('csms-ca')
    const campaign = await fleetService.campaigns.create(
      { kind: 'csms-root-rollover', name: 'new root', targets: { all: true }, limits: LIMITS },
      'test',
    )
    await fleetService.campaigns.act(campaign.id, 'start', 'test')
    await finished(campaign.id)
    expect((await fleetService.chains.current())?.authorityId).toBe('csms-ca-g2')
    await until('all back', () => fleet.online() === IDS.length)
    for (const id of IDS) {
      const rows = await store.fleet.installed(id)
      expect(
        rows
          .filter(({ use }) => use === 'CSMSRootCertificate')
          .map(({ serialNumber }) => serialNumber.toLowerCase()),
      ).toEqual([newRoot?.serialHex])
    }
  }, 90_000)

  it('A02.FR.08: rotates every leaf under a new authority; the old one is revoked when the new one was shown', async () => {
    const { certificates, fleetService, store } = world
    await certificates.operations.submit({ kind: 'new-generation', line: 'station-ca' }, 'test')
    const campaign = await fleetService.campaigns.create(
      { kind: 'station-leaf', name: 'leaves', targets: { stations: IDS }, limits: LIMITS },
      'test',
    )
    await fleetService.campaigns.act(campaign.id, 'start', 'test')
    await finished(campaign.id)
    await until(
      'superseded',
      async () =>
        (await store.certificates.list({ profile: STATION_LEAF, revoked: false })).length === IDS.length,
    )
    for (const id of IDS) {
      const [good, ...others] = await store.certificates.list({
        stationId: id,
        profile: STATION_LEAF,
        revoked: false,
      })
      expect(others).toEqual([])
      expect(good?.authorityId).toBe('station-ca-g2')
    }
    expect(fleet.online()).toBe(IDS.length)
  }, 90_000)
})

describe('Stations that cannot have the new root', () => {
  let world: FleetWorld
  beforeAll(async () => {
    world = await startFleetWorld()
  }, 30_000)
  afterAll(() => world.close())

  it('M05.FR.12 M05.FR.14: reach the new chain by the root they have; those that check roots take it as the old one signed it', async () => {
    const fleet = await world.stations([
      { id: 'REFUSES' },
      { id: 'CHECKS', variables: { 'SecurityCtrlr.AdditionalRootCertificateCheck': 'true' } },
      { id: 'PLAIN' },
    ])
    fleet.station('REFUSES').faults.set({ reject: ['InstallCertificate'] })
    fleet.start()
    await until('all online', () => fleet.online() === 3)
    await world.ocpp.bus.call('CHECKS', 'GetVariables', {
      getVariableData: [
        { component: { name: 'SecurityCtrlr' }, variable: { name: 'AdditionalRootCertificateCheck' } },
      ],
    })
    await world.certificates.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    const { id } = await world.fleetService.campaigns.create(
      {
        kind: 'csms-root-rollover',
        name: 'r',
        targets: { all: true },
        limits: { ...LIMITS, waves: [], maxFailures: 0.5 },
      },
      'test',
    )
    await world.fleetService.campaigns.act(id, 'start', 'test')
    await until('campaign ends', async () => (await world.campaign(id)).state !== 'running', 40_000)
    const report = await world.fleetService.campaigns.report(id)
    expect(report).toMatchObject({ campaign: { state: 'finished' }, counts: { done: 2, failed: 1 } })
    expect(report.rest).toMatchObject([{ stationId: 'REFUSES', step: 'install' }])
    expect((await world.fleetService.chains.current())?.authorityId).toBe('csms-ca-g2')
    // Made to reconnect, each of them finds its way by the root it has.
    const before = (await world.store.fleet.trust('REFUSES'))?.connectedAt ?? ''
    for (const stationId of ['REFUSES', 'CHECKS', 'PLAIN']) world.ocpp.bus.disconnect(stationId, 'test')
    await until(
      'REFUSES is back',
      async () => ((await world.store.fleet.trust('REFUSES'))?.connectedAt ?? '') > before,
    )
    await until('all online again', () => fleet.online() === 3)
    expect(fleet.station('CHECKS').certificates.roots('CSMSRootCertificate')).toHaveLength(2)
    expect(fleet.station('PLAIN').certificates.roots('CSMSRootCertificate')).toHaveLength(1)
  }, 90_000)
})
