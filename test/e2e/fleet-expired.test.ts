import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, certificateProfile, PublicKey } from '../../pki/index.ts'
import { type FleetWorld, ORGANISATION, startFleetWorld, until } from './support/fleet-world.ts'

const ID = 'LATE'

describe('A00.FR.429: a station that comes back with an expired certificate, over TLS', () => {
  let world: FleetWorld
  beforeAll(async () => {
    world = await startFleetWorld()
  }, 30_000)
  afterAll(() => world.close())

  /** As a station that was switched off for too long: its leaf is over before it connects. */
  async function expiredLeaf(): Promise<{ leaf: Certificate; chainPem: string; keyPem: string }> {
    const { authorities, issuance } = world.certificates
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const authority = authorities.signing('station-ca')
    const leaf = await issuance.issue({
      authority,
      profile: { ...certificateProfile('station-client'), validityDays: 2 / 86_400 },
      subject: { commonName: ID, organization: ORGANISATION },
      publicKey: PublicKey.fromKeyObject(publicKey),
      stationId: ID,
    })
    await until('the leaf has expired', () => Date.now() > leaf.notAfterMs + 1000)
    return {
      leaf,
      chainPem: authorities.chainPem(leaf, authority.record.id),
      keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  }

  it('is refused; with a permission it is Pending, gets a new certificate at once and comes back Accepted with it', async () => {
    const { leaf, chainPem, keyPem } = await expiredLeaf()
    const fleet = await world.stations([
      {
        id: ID,
        endpoint: {
          url: world.wssUrl,
          securityProfile: 3,
          trustedPems: [world.rootPem],
          clientChainPem: chainPem,
          clientKeyPem: keyPem,
        },
      },
    ])
    const station = fleet.station(ID)
    const seen: string[] = []
    station.on('registered', ({ status }) => seen.push(status))
    let failures = 0
    station.on('connectionFailed', () => failures++)
    fleet.start()
    await until('it was refused', () => failures >= 2)
    expect(seen).toEqual([])

    await world.fleetService.api().permitExpired(ID, Date.now() + 60_000, 'test')
    await until('it is back', () => fleet.online() === 1, 30_000)
    expect(seen[0]).toBe('Pending')
    expect(seen.at(-1)).toBe('Accepted')
    const now = station.certificates.station?.chain[0]
    expect(now?.fingerprint).not.toBe(leaf.fingerprint)
    await until(
      'the new one was shown',
      async () => (await world.store.fleet.trust(ID))?.leafFingerprint === now?.fingerprint,
    )
    const events = await world.store.events.list({ stationId: ID, limit: 100 })
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'InvalidChargingStationCertificate',
        kind: 'csms-security',
        critical: true,
      }),
    )
  }, 60_000)
})
