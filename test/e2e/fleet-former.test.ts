import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificate } from '../../pki/index.ts'
import { type FleetWorld, FORMER_NAME, startFleetWorld, until } from './support/fleet-world.ts'

const LIMITS = {
  waves: [],
  perSite: 100,
  perHour: 10_000,
  atOnce: 20,
  maxFailures: 0.9,
  soakS: 0,
  offlineGraceS: 2,
}

/** Serial of the CSMS root that the presented chain ends under, and how many certificates are presented. */
async function presented(
  url: string,
  servername: string,
): Promise<{ issuers: string[]; fingerprint: string }> {
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: Number(port), servername, rejectUnauthorized: false },
      () => {
        const issuers: string[] = []
        let one = socket.getPeerCertificate(true)
        const fingerprint = one.fingerprint256.replaceAll(':', '').toLowerCase()
        while (one?.issuerCertificate !== undefined && one.issuerCertificate !== one && issuers.length < 8) {
          one = one.issuerCertificate
          issuers.push(String(one.subject.CN))
        }
        socket.destroy()
        resolve({ issuers, fingerprint })
      },
    )
    socket.once('error', reject)
  })
}

describe('After a rollover of the CSMS root', () => {
  let world: FleetWorld
  beforeAll(async () => {
    world = await startFleetWorld({ timing: { reconnectMs: 3_000 } })
  }, 30_000)
  afterAll(() => world.close())

  it('M05.FR.14: stations that cannot follow a bridge are reached by the former chain, by port and by name, and it shows who uses it', async () => {
    const { fleetService, certificates, store } = world
    const limited = (url: string, serverName?: string) => ({
      url,
      securityProfile: 2 as const,
      password: 'a-password-of-24-letters',
      trustedPems: [world.rootPem],
      maxPathLength: 3,
      ...(serverName === undefined ? {} : { serverName }),
    })
    const fleet = await world.stations([
      { id: 'FOLLOWS' },
      // They refuse the new root and paths with a bridge: what they dial decides.
      { id: 'BY-PORT', endpoint: limited(world.formerUrl) },
      { id: 'BY-NAME', endpoint: limited(world.wssUrl, FORMER_NAME) },
      { id: 'FALLS-BACK', endpoint: limited(world.wssUrl) },
      // It takes no address either: nothing can be done for it from here.
      { id: 'ALONE', endpoint: limited(world.wssUrl) },
    ])
    fleet.station('ALONE').faults.set({ reject: ['InstallCertificate', 'SetNetworkProfile'] })
    for (const id of ['BY-PORT', 'BY-NAME', 'FALLS-BACK'])
      fleet.station(id).faults.set({ reject: ['InstallCertificate'] })
    fleet.start()
    await until('all online', () => fleet.online() === 5)
    await certificates.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    const { id } = await fleetService.campaigns.create(
      {
        kind: 'csms-root-rollover',
        name: 'r',
        targets: { all: true },
        parameters: { fallback: { url: world.formerUrl, slot: 2 } },
        limits: LIMITS,
      },
      'test',
    )
    await fleetService.campaigns.act(id, 'start', 'test')
    await until('the campaign ends', async () => (await world.campaign(id)).state === 'finished', 40_000)

    const [main, byPort, byName] = [
      await presented(world.wssUrl, 'localhost'),
      await presented(world.formerUrl, 'localhost'),
      await presented(world.wssUrl, FORMER_NAME),
    ]
    expect((await store.certificates.byFingerprint(main.fingerprint))?.authorityId).toBe('csms-ca-g2')
    expect((await store.certificates.byFingerprint(byPort.fingerprint))?.authorityId).toBe('csms-ca')
    expect(byName.fingerprint).toBe(byPort.fingerprint)
    expect(byPort.issuers.length).toBeLessThan(main.issuers.length)

    // Everyone has to come back: those with an address of the former chain do.
    const cutAt = new Date().toISOString()
    for (const stationId of ['FOLLOWS', 'BY-PORT', 'BY-NAME', 'FALLS-BACK', 'ALONE'])
      world.ocpp.bus.disconnect(stationId, 'test')
    const linkOf = async (stationId: string) => {
      const trust = await store.fleet.trust(stationId)
      if (trust?.connectedAt == null || trust.connectedAt <= cutAt) return undefined
      return (await store.certificates.byFingerprint(trust.shown ?? ''))?.authorityId
    }
    await until('FOLLOWS under the new chain', async () => (await linkOf('FOLLOWS')) === 'csms-ca-g2')
    for (const stationId of ['BY-PORT', 'BY-NAME'])
      await until(`${stationId} by the former one`, async () => (await linkOf(stationId)) === 'csms-ca')
    expect(fleet.station('ALONE').connected).toBe(false)
    // It was told where to go before anything changed, and does so from its next start on.
    fleet.station('FALLS-BACK').reboot('PowerUp')
    await until('FALLS-BACK by the former one', async () => (await linkOf('FALLS-BACK')) === 'csms-ca')
    expect(await fleetService.chains.endpoints()).toMatchObject([
      { endpoint: 'main', authorityId: 'csms-ca-g2', bridges: 1, stations: 1 },
      { endpoint: 'former', authorityId: 'csms-ca', bridges: 0, stations: 4 },
    ])
    const newRoot = certificates.authorities.current('csms-root')?.certificate
    const oldRoot = Certificate.parse(world.rootPem)
    const rootsOf = (stationId: string) =>
      fleet
        .station(stationId)
        .certificates.roots('CSMSRootCertificate')
        .map(({ fingerprint }) => fingerprint)
    expect(rootsOf('FOLLOWS')).toEqual([newRoot?.fingerprint])
    // Whoever was not seen under the new chain keeps the root of the former one.
    expect(rootsOf('BY-PORT')).toEqual([oldRoot.fingerprint])
  }, 60_000)
})
