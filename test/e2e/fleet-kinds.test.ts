import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Certificate,
  certificateProfile,
  createSoftwareSigner,
  issueRoot,
  type RootUse,
} from '../../pki/index.ts'
import type { CampaignOrder } from '../../src/certificates/fleet/ports.ts'
import { SECC_LEAF, STATION_LEAF } from '../../src/certificates/fleet/profiles.ts'
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
const IDS = ['K-1', 'K-2', 'K-3']

describe('Every kind of campaign, over TLS', () => {
  let world: FleetWorld
  let fleet: Fleet

  beforeAll(async () => {
    world = await startFleetWorld()
    fleet = await world.stations(
      IDS.map((id) => ({
        id,
        evses: [{ seccId: `DEGKD${id}E1` }, { seccId: `DEGKD${id}E2` }],
        installedRoots: [{ use: 'V2GRootCertificate' as const, pem: rootOf('v2g-root').toPem() }],
      })),
    )
    fleet.start()
    await until('all online', () => fleet.online() === IDS.length)
    for (const id of IDS)
      await world.ocpp.bus.call(id, 'GetBaseReport', { requestId: 1, reportBase: 'FullInventory' })
    await until('SECCs are known', async () => {
      const seen = await Promise.all(
        IDS.map((id) => world.store.stations.variables(id, { variable: 'SeccId' })),
      )
      return seen.every((variables) => variables.length === 2)
    })
  }, 60_000)
  afterAll(() => world.close())

  const rootOf = (line: string): Certificate => {
    const authority = world.certificates.authorities.current(line)
    if (authority === undefined) throw new Error(`There is no ${line}`)
    return authority.certificate
  }
  const run = async (order: Pick<CampaignOrder, 'kind' | 'parameters'>) => {
    const { campaigns } = world.fleetService
    const { id } = await campaigns.create(
      { name: order.kind, targets: { all: true }, limits: LIMITS, ...order },
      'test',
    )
    await campaigns.act(id, 'start', 'test')
    await until(
      `${order.kind} ends`,
      async () => ['finished', 'halted'].includes((await world.campaign(id)).state),
      40_000,
    )
    const report = await campaigns.report(id)
    expect(report).toMatchObject({ campaign: { state: 'finished' }, counts: { done: IDS.length }, rest: [] })
    return id
  }
  const heldBy = (id: string, use: RootUse) =>
    fleet
      .station(id)
      .certificates.roots(use)
      .map(({ fingerprint }) => fingerprint)

  it('A01.FR.02: passwords are replaced, each by its own; the old one is over', async () => {
    const hashes = async () =>
      Promise.all(IDS.map(async (id) => (await world.store.stations.get(id))?.passwordHash))
    const before = await hashes()
    await run({ kind: 'basic-auth-password' })
    const after = await hashes()
    expect(new Set([...before, ...after]).size).toBe(1 + IDS.length)
    const passwords = IDS.map((id) => fleet.station(id).device.text('SecurityCtrlr.BasicAuthPassword'))
    expect(new Set(passwords).size).toBe(IDS.length)
    await until('all back with the new ones', () => fleet.online() === IDS.length)
  }, 60_000)

  it('M05.FR.01 M04.FR.07: roots of V2G, mobility operators and makers come, and the old V2G root goes', async () => {
    const old = rootOf('v2g-root')
    await world.certificates.operations.submit({ kind: 'new-generation', line: 'v2g-root' }, 'test')
    const maker = await foreignRoot('Maker')
    await world.fleetService.addAnchor('ManufacturerRootCertificate', maker.toPem(), 'test')
    await world.fleetService.refreshAuthorities()
    const install = [
      { use: 'V2GRootCertificate' as const, fingerprint: rootOf('v2g-root').fingerprint },
      { use: 'MORootCertificate' as const, fingerprint: rootOf('mo-root').fingerprint },
      { use: 'ManufacturerRootCertificate' as const, fingerprint: maker.fingerprint },
    ]
    const remove = [{ use: 'V2GRootCertificate' as const, fingerprint: old.fingerprint }]
    const id = await run({ kind: 'roots', parameters: { install, remove } })
    for (const station of IDS)
      for (const { use, fingerprint } of install) expect(heldBy(station, use)).toEqual([fingerprint])

    // And the way back: what came goes, what went comes.
    await world.fleetService.campaigns.act(id, 'rollback', 'test')
    await until('rolled back', async () => (await world.campaign(id)).state === 'rolled-back', 20_000)
    for (const station of IDS) expect(heldBy(station, 'V2GRootCertificate')).toEqual([old.fingerprint])
    await world.fleetService.campaigns.create(
      { kind: 'roots', name: 'again', targets: { all: true }, parameters: { install } },
      'test',
    )
  }, 60_000)

  it('A02.FR.15: one SECC leaf for each EVSE, from a new generation of the sub-CA', async () => {
    await run({ kind: 'secc-leaf', parameters: { newGeneration: true } })
    expect(world.certificates.authorities.current('cpo-sub2')?.record.id).toBe('cpo-sub2-g2')
    for (const id of IDS) {
      const leaves = await world.store.certificates.list({ stationId: id, profile: SECC_LEAF })
      expect(leaves.map(({ authorityId }) => authorityId)).toEqual(['cpo-sub2-g2', 'cpo-sub2-g2'])
      expect(leaves.map(({ subject }) => /E[12]/.exec(subject)?.[0]).sort()).toEqual(['E1', 'E2'])
    }
  }, 60_000)

  it('A02.FR.01: station certificates for a fleet that has none yet, and then profile 3', async () => {
    for (const id of IDS)
      await world.ocpp.bus.call(id, 'TriggerMessage', { requestedMessage: 'SignChargingStationCertificate' })
    await until(
      'delivered',
      async () =>
        (await world.store.certificates.orders({ states: ['delivered'] })).filter(
          ({ certificateType }) => certificateType === 'ChargingStationCertificate',
        ).length === IDS.length,
    )
    await run({ kind: 'security-profile', parameters: { toProfile: 3, url: world.wssUrl } })
    await run({ kind: 'station-leaf', parameters: { newGeneration: true } })
    for (const id of IDS) {
      const leaves = await world.store.certificates.list({
        stationId: id,
        profile: STATION_LEAF,
        revoked: false,
      })
      expect(leaves.map(({ authorityId }) => authorityId)).toEqual(['station-ca-g2'])
    }
  }, 60_000)

  it('A00.FR.412: another sub-CA of our server is shown, each station proves that it accepts it, and back', async () => {
    const { fleetService, certificates } = world
    const plan = { kind: 'server-chain', name: 's', targets: { all: true } } as const
    await expect(fleetService.campaigns.create(plan, 'test')).rejects.toMatchObject({
      code: 'campaign.invalid',
    })
    await certificates.operations.submit({ kind: 'new-generation', line: 'csms-ca' }, 'test')
    expect((await fleetService.chains.current())?.authorityId).toBe('csms-ca')
    const id = await run({ kind: 'server-chain' })
    expect(await fleetService.chains.endpoints()).toMatchObject([
      { endpoint: 'main', authorityId: 'csms-ca-g2', stations: IDS.length },
      { endpoint: 'former', authorityId: 'csms-ca' },
    ])
    await fleetService.campaigns.act(id, 'rollback', 'test')
    await until('rolled back', async () => (await world.campaign(id)).state === 'rolled-back')
    expect((await fleetService.chains.current())?.authorityId).toBe('csms-ca')
    expect((await fleetService.campaigns.report(id)).counts).toEqual({ 'rolled-back': IDS.length })
  }, 60_000)
})

async function foreignRoot(name: string): Promise<Certificate> {
  return issueRoot({
    profile: certificateProfile('oem-root'),
    subject: { commonName: `${name} Root`, organization: name, country: 'DE' },
    signer: createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    atMs: Date.now() - 60_000,
    random: randomBytes(16),
  })
}
