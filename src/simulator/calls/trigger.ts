import type {
  TriggerMessageRequest,
  TriggerMessageStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { CertificateSigning } from '../certificates/signing.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { FileTransfers } from './files.ts'

export interface TriggerServices {
  readonly evses: readonly Evse[]
  readonly signing: CertificateSigning
  readonly files: FileTransfers
  boot(): void
  heartbeat(): void
  /** Reports the connector whatever was reported before. */
  notifyStatus(evse: Evse, connectorId: number): void
  /** True while no boot has been accepted yet: then BootNotification may be triggered (B02). */
  awaitsBoot(): boolean
}

const solicited = { solicited: true } as const

/** F06: messages on demand, for the EVSE asked for or for all of them. */
export function triggerCalls(context: StationContext, services: TriggerServices): Handlers {
  const chosen = ({ evse }: TriggerMessageRequest) =>
    services.evses.filter((each) => evse === undefined || evse.id === 0 || each.id === evse.id)

  const work: Record<TriggerMessageRequest['requestedMessage'], (request: TriggerMessageRequest) => void> = {
    BootNotification: () => services.boot(),
    Heartbeat: () => services.heartbeat(),
    StatusNotification: (request) => {
      for (const evse of chosen(request)) services.notifyStatus(evse, request.evse?.connectorId ?? 1)
    },
    MeterValues: (request) => {
      for (const evse of chosen(request)) {
        const value = evse.measure('AlignedDataCtrlr.Measurands', 'Trigger')
        const meterValue = value === undefined ? [] : [value]
        if (meterValue.length > 0) {
          context.send('MeterValues', { evseId: evse.id, meterValue }, solicited)
        }
      }
    },
    TransactionEvent: (request) => {
      for (const evse of chosen(request)) evse.sampleTransaction('Trigger')
    },
    LogStatusNotification: () => services.files.notifyLog(solicited),
    FirmwareStatusNotification: () => services.files.notifyFirmware(solicited),
    PublishFirmwareStatusNotification: () => services.files.notifyPublish(solicited),
    SignChargingStationCertificate: () => {
      void services.signing.request('ChargingStationCertificate', solicited)
    },
    SignV2GCertificate: ({ evse }) => {
      void services.signing.request('V2GCertificate', solicited, evse?.id)
    },
    SignCombinedCertificate: () => void services.signing.request('Combined', solicited),
  }

  const judge = (request: TriggerMessageRequest): TriggerMessageStatusEnumType => {
    const { requestedMessage, evse } = request
    const targets = chosen(request)
    if (targets.length === 0) return 'Rejected'
    if (requestedMessage === 'BootNotification' && !services.awaitsBoot()) return 'Rejected'
    if (requestedMessage === 'TransactionEvent') {
      return targets.some((each) => each.transaction !== undefined) ? 'Accepted' : 'Rejected'
    }
    if (requestedMessage === 'StatusNotification') {
      const connectorId = evse?.connectorId
      if (evse === undefined || connectorId === undefined) return 'Rejected'
      return targets.every((each) => connectorId <= each.connectors) ? 'Accepted' : 'Rejected'
    }
    return 'Accepted'
  }

  return {
    TriggerMessage: (request) => {
      const status = judge(request)
      if (status !== 'Accepted') return { answer: { status } }
      return { answer: { status }, after: () => work[request.requestedMessage](request) }
    },
  }
}
