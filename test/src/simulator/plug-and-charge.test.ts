import { describe, expect, it } from 'vitest'
import type { PlugAndChargeEv } from '../../../src/simulator/ev/index.ts'
import { chargeWithContract, createVehicle } from '../../../src/simulator/index.ts'
import { useBench } from './bench.ts'

const bench = useBench()
const HASH = {
  hashAlgorithm: 'SHA256' as const,
  issuerNameHash: 'aa',
  issuerKeyHash: 'bb',
  serialNumber: '1',
  responderURL: 'http://ocsp.example/',
}

/** The station's half only: what a car thinks of EXI is tested with the car. */
function car(options: { installs: boolean; certificate?: string }): PlugAndChargeEv {
  let installed = false
  const request = {
    action: 'Install',
    iso15118SchemaVersion: 'urn:iso:15118:2:2013:MsgDef',
    exiRequest: Uint8Array.of(0x80, 1, 2),
    sessionId: new Uint8Array(8),
  } as const
  return {
    pcid: 'WKDTSLA0000001',
    protocol: '15118-2',
    contract: undefined,
    installationRequest: () => request,
    updateRequest: () => ({ ...request, action: 'Update' }),
    receive: (exiResponse) => {
      installed = options.installs && Buffer.from(exiResponse).toString('hex') === 'c0ffee'
      return { ok: false, check: 'decode', message: 'this car only counts octets' }
    },
    needsContract: () => !installed,
    authorization: () =>
      installed
        ? {
            emaid: 'DEABCC12345678',
            certificateChainPem: options.certificate ?? 'PEM',
            hashData: Array.from({ length: 6 }, () => HASH),
          }
        : undefined,
  }
}

describe('a Plug & Charge car at a station', () => {
  it('installs a contract, shows it and charges', async () => {
    const { csms } = bench
    csms.answers.Get15118EVCertificate = () => ({
      status: 'Accepted',
      exiResponse: Buffer.from('c0ffee', 'hex').toString('base64'),
    })
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ reactionMs: 5, startDelayMs: 5, rampAPerS: 10_000 }))
    const outcome = await chargeWithContract(station, 1, car({ installs: true }))
    expect(outcome.accepted).toBe(true)
    expect(csms.of('Get15118EVCertificate')[0]?.exiRequest).toBe('gAEC')
    const [authorize] = csms.of('Authorize')
    expect(authorize?.idToken).toEqual({ idToken: 'DEABCC12345678', type: 'eMAID' })
    expect(authorize?.certificate).toBe('PEM')
    expect(authorize?.iso15118CertificateHashData).toHaveLength(4)
    await csms.until('charging', () => station.currents(1)[0] > 0)
    await csms.until('told', () => csms.of('TransactionEvent').length > 0)
    expect(csms.of('TransactionEvent')[0]?.idToken).toEqual({ idToken: 'DEABCC12345678', type: 'eMAID' })
  })

  it('does not charge without a contract, nor when the CSMS refuses the one it has', async () => {
    const { csms } = bench
    csms.answers.Get15118EVCertificate = () => ({ status: 'Failed', exiResponse: '' })
    const station = await bench.launch()
    station.plugIn(1, createVehicle({ reactionMs: 5 }))
    const without = await chargeWithContract(station, 1, car({ installs: false }))
    expect(without).toMatchObject({ accepted: false, authorization: undefined })
    expect(csms.of('Authorize')).toEqual([])
    csms.answers.Get15118EVCertificate = () => ({
      status: 'Accepted',
      exiResponse: Buffer.from('c0ffee', 'hex').toString('base64'),
    })
    csms.answers.Authorize = () => ({
      idTokenInfo: { status: 'Invalid' },
      certificateStatus: 'CertificateRevoked',
    })
    const tooLong = car({ installs: true, certificate: 'x'.repeat(5501) })
    expect(await chargeWithContract(station, 1, tooLong)).toMatchObject({ accepted: false })
    expect(csms.of('Authorize')[0]?.certificate).toBeUndefined()
    expect(station.evse(1).authorized).toBe(false)
  })
})
