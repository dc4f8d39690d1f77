/** The fleet's certificates over a scripted station: what it holds, what it answers, what it was sent. */

import { randomBytes, randomUUID } from 'node:crypto'
import pino from 'pino'
import { Certificate, certificateHashData, type HashAlgorithm, sameHashData } from '../../../../pki/index.ts'
import { createEventHub } from '../../../../src/bus/hub.ts'
import type { CallOutcome, StationBus } from '../../../../src/bus/ports.ts'
import { FleetService } from '../../../../src/certificates/fleet/service.ts'
import type { StationRegistration } from '../../../../src/store/stations.ts'
import { createTestCertificates, type TestCertificates } from '../support.ts'

export interface ScriptedStation {
  readonly held: { use: string; certificate: Certificate }[]
  readonly calls: { action: string; payload: Record<string, unknown> }[]
  algorithm: HashAlgorithm
  online: boolean
  /** Takes the place of the station's own answer. */
  answer?: ((action: string, payload: Record<string, unknown>) => CallOutcome | undefined) | undefined
  disconnects: number
}

export interface FleetBench {
  readonly pki: TestCertificates
  readonly fleet: FleetService
  readonly bus: StationBus
  readonly station: ScriptedStation
  readonly root: (line: string) => Certificate
  register(change?: Partial<StationRegistration>): Promise<void>
  /** Looks after the station until nothing moves. */
  reconcile(): Promise<void>
  advance(): Promise<void>
  close(): Promise<void>
}

export const ID = 'CS-1'
export const answered = (payload: unknown): CallOutcome => ({ kind: 'answered', payload }) as CallOutcome

export async function createFleetBench(options: { acceptFirst?: boolean } = {}): Promise<FleetBench> {
  const pki = await createTestCertificates()
  const station: ScriptedStation = { held: [], calls: [], algorithm: 'SHA256', online: true, disconnects: 0 }
  const own = (action: string, payload: Record<string, unknown>): unknown => {
    if (action === 'GetInstalledCertificateIds') {
      const types = payload.certificateType as string[] | undefined
      const found = station.held.filter(({ use }) => types === undefined || types.includes(use))
      if (found.length === 0) return { status: 'NotFound' }
      return {
        status: 'Accepted',
        certificateHashDataChain: found.map(({ use, certificate }) => ({
          certificateType: use,
          certificateHashData: certificateHashData(certificate, certificate, station.algorithm),
        })),
      }
    }
    if (action === 'InstallCertificate') {
      station.held.push({
        use: String(payload.certificateType),
        certificate: Certificate.parse(String(payload.certificate)),
      })
      return { status: 'Accepted' }
    }
    if (action === 'DeleteCertificate') {
      const wanted = payload.certificateHashData as Parameters<typeof sameHashData>[0]
      const index = station.held.findIndex(({ certificate }) =>
        sameHashData(certificateHashData(certificate, certificate, wanted.hashAlgorithm), wanted),
      )
      if (index < 0) return { status: 'NotFound' }
      station.held.splice(index, 1)
      return { status: 'Accepted' }
    }
    if (action === 'SetVariables')
      return {
        setVariableResult: (payload.setVariableData as object[]).map((one) => ({
          ...one,
          attributeStatus: 'Accepted',
        })),
      }
    return { status: 'Accepted' }
  }
  const bus: StationBus = {
    call: async (_id, action, payload) => {
      if (!station.online) return { kind: 'offline' }
      const request = payload as unknown as Record<string, unknown>
      station.calls.push({ action, payload: request })
      const scripted = station.answer?.(action, request)
      // The script answers what the action answers.
      return (scripted ?? answered(own(action, request))) as Awaited<ReturnType<StationBus['call']>> as never
    },
    isOnline: () => station.online,
    onlineStations: () => (station.online ? [ID] : []),
    disconnect: () => {
      station.disconnects++
    },
  }
  const fleet = new FleetService({
    store: pki.store,
    bus,
    hub: createEventHub((error) => {
      throw error
    }),
    clock: pki.clock,
    log: pino({ level: 'silent' }),
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    certificates: pki.service,
    hashPassword: async (password) => `hash of ${password}`,
    acceptFirst: options.acceptFirst ?? false,
  })
  await fleet.open()
  const bench: FleetBench = {
    pki,
    fleet,
    bus,
    station,
    root: (line) => {
      const authority = pki.service.authorities.current(line)
      if (authority === undefined) throw new Error(`There is no ${line}`)
      return authority.certificate
    },
    async register(change = {}) {
      await pki.store.stations.put(
        {
          id: ID,
          enrolment: 'active',
          registration: 'Accepted',
          securityProfile: 2,
          passwordHash: 'old hash',
          serialNumber: null,
          organisation: null,
          group: 'north',
          ...change,
        },
        '2026-11-22T10:00:00.000Z',
      )
    },
    async reconcile() {
      fleet.reconciler.look(ID)
      await fleet.reconciler.advance()
      await fleet.reconciler.settled()
    },
    async advance() {
      await fleet.campaigns.advance()
      await fleet.campaigns.settled()
    },
    async close() {
      await fleet.stop()
      await pki.close()
    },
  }
  await bench.register()
  return bench
}
