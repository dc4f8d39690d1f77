import type {
  ChangeAvailabilityRequest,
  ChangeAvailabilityStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { Reservations } from './reservations.ts'

export interface AvailabilityServices {
  readonly evses: readonly Evse[]
  readonly reservations: Reservations
  statusChanged(evse: Evse): void
}

/** G03, G04, F05: in and out of service, and the lock of the connector. */
export function availabilityCalls(context: StationContext, services: AvailabilityServices): Handlers {
  const change = (request: ChangeAvailabilityRequest): ChangeAvailabilityStatusEnumType => {
    const { evse: where } = request
    const operational = request.operationalStatus === 'Operative'
    const affected =
      where === undefined || where.id === 0
        ? services.evses
        : services.evses.filter((evse) => evse.id === where.id)
    const connectorId = where?.connectorId
    if (affected.length === 0) return 'Rejected'
    if (connectorId !== undefined && !affected.every((evse) => connectorId <= evse.connectors)) {
      return 'Rejected'
    }
    for (const evse of affected) apply(evse, connectorId, operational)
    const busy = affected.some((evse) => evse.transaction !== undefined)
    return busy && !operational ? 'Scheduled' : 'Accepted'
  }

  const apply = (evse: Evse, connectorId: number | undefined, operational: boolean) => {
    if (connectorId === undefined) evse.operational = operational
    else if (operational) evse.inoperativeConnectors.delete(connectorId)
    else evse.inoperativeConnectors.add(connectorId)
    if (!operational) services.reservations.removeFor(evse.id)
  }

  return {
    ChangeAvailability: (request) => ({
      answer: { status: change(request) },
      after: () => services.evses.forEach((evse) => void services.statusChanged(evse)),
    }),
    UnlockConnector: ({ evseId, connectorId }) => {
      const evse = services.evses.find((each) => each.id === evseId)
      if (evse === undefined || connectorId < 1 || connectorId > evse.connectors) {
        return { answer: { status: 'UnknownConnector' } }
      }
      if (evse.transaction !== undefined && evse.authorized) {
        return { answer: { status: 'OngoingAuthorizedTransaction' } }
      }
      if (context.faults.rejects('UnlockConnector')) return { answer: { status: 'UnlockFailed' } }
      return { answer: { status: 'Unlocked' } }
    },
  }
}
