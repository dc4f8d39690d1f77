/** A Plug & Charge world behind the OCPP service, with one station that has booted. */

import type { EvRequest, PlugAndChargeEv } from '../../../src/simulator/ev/index.ts'
import { type PncWorld, startPnc, toMessage } from '../../support/pnc.ts'
import type { TestClient } from './ocpp-client.ts'
import { startService, type TestService } from './ocpp-service.ts'

export const PCID = 'WGKTESTCAR1234567X'
export const EMAID = 'DEGKP123456789'
export const DAY_MS = 86_400_000

export interface PncService {
  readonly world: PncWorld
  readonly service: TestService
  readonly station: TestClient
  /** What the station is answered to a car's request. */
  provision(request: EvRequest, change?: object): Promise<Provisioned>
  /** The status of that answer, and what the car makes of it. */
  told(ev: PlugAndChargeEv, request?: EvRequest, change?: object): Promise<unknown>
  close(): Promise<void>
}

interface Provisioned {
  readonly status: string
  readonly exiResponse: Buffer
  readonly reasonCode: string | undefined
}

export async function startPncService(change: Parameters<typeof startPnc>[0] = {}): Promise<PncService> {
  const world = await startPnc(change)
  const service = await startService({
    ...(change.clock && { clock: change.clock }),
    store: world.store,
    certificates: { ...world.certificates, contracts: world.contracts },
  })
  const station = await service.booted('CS-1')
  const provision = async (request: EvRequest, override: object = {}): Promise<Provisioned> => {
    const answer = await station.ok('Get15118EVCertificate', { ...toMessage(request), ...override })
    const { status, exiResponse, statusInfo } = answer as {
      status: string
      exiResponse: string
      statusInfo?: { reasonCode: string }
    }
    return { status, exiResponse: Buffer.from(exiResponse, 'base64'), reasonCode: statusInfo?.reasonCode }
  }
  return {
    world,
    service,
    station,
    provision,
    async told(ev, request = ev.installationRequest(), override = {}) {
      const { status, exiResponse } = await provision(request, override)
      const verdict = ev.receive(exiResponse)
      return [status, verdict.ok ? 'OK' : verdict.responseCode]
    },
    async close() {
      await station.close()
      await world.contracts.stop()
      await world.certificates.stop()
      await service.stop()
    },
  }
}
