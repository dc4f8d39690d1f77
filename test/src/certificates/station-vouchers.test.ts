import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Certificate, validatePath } from '../../../pki/index.ts'
import { writeCsr } from '../../../src/simulator/index.ts'
import { createFleetBench, type FleetBench, ID } from './fleet/support.ts'

describe('A02.FR.06: a station that checks its certificate against the CSMS root that it holds', () => {
  let bench: FleetBench
  beforeEach(async () => {
    bench = await createFleetBench()
    bench.pki.service.start(bench.bus)
  })
  afterEach(() => bench.close())

  async function delivered(): Promise<Certificate[]> {
    const station = await bench.pki.store.stations.get(ID)
    if (station === undefined) throw new Error('no station')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const csr = writeCsr({ commonName: ID, organization: 'Example CPO' }, privateKey)
    const certificateType = 'ChargingStationCertificate'
    const before = bench.station.calls.length
    await bench.fleet.guard(bench.pki.service).requestSigning(station, { csr, certificateType })
    await bench.pki.service.orders.advance()
    const sent = () => bench.station.calls.slice(before).find(({ action }) => action === 'CertificateSigned')
    await expect.poll(sent).toBeDefined()
    return Certificate.parseChain(String(sent()?.payload.certificateChain))
  }
  const reaches = ([leaf, ...intermediates]: readonly Certificate[], anchor: Certificate): boolean =>
    leaf !== undefined &&
    validatePath({ leaf, intermediates, anchors: [anchor], atMs: bench.pki.clock.now() }).ok

  it('finds a path in what it is sent, leaf first and without a root', async () => {
    const chain = await delivered()
    expect(chain.some((one) => one.isSelfSigned)).toBe(false)
    expect(reaches(chain, bench.root('csms-root'))).toBe(true)
    expect(reaches(chain, bench.root('station-root'))).toBe(true)
  })

  it('finds it after a rollover as well, by the newest root that it said it holds, and only by that one', async () => {
    const old = bench.root('csms-root')
    await bench.pki.service.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    const fresh = bench.root('csms-root')
    const holds = async (...certificates: Certificate[]) => {
      bench.station.held.splice(0)
      for (const certificate of certificates)
        bench.station.held.push({ use: 'CSMSRootCertificate', certificate })
      await bench.fleet.inventory.refresh(ID)
    }
    await holds(old)
    expect(reaches(await delivered(), old)).toBe(true)
    await holds(old, fresh)
    const chain = await delivered()
    expect(reaches(chain, fresh)).toBe(true)
    expect(reaches(chain, old)).toBe(false)
  })
})
