/** B01-B03: the operator's decision about the station answers it. */

import type { Registration, Station } from '../../store/stations.ts'
import { RpcError } from '../errors.ts'
import type { Handler, StationContext } from '../router.ts'
import type { BootNotificationRequest } from './messages.generated.ts'
import { isoTime } from './record-event.ts'

export const bootNotification: Handler<'BootNotification'> = async (context, request) => {
  const station = await context.store.stations.get(context.stationId)
  if (station === undefined) {
    context.closeAfterAnswer('this station is not registered any more')
    throw new RpcError('SecurityError', 'This station is not registered any more.')
  }
  checkSerialNumber(context, request)
  const at = isoTime(context)
  const { chargingStation, reason } = request
  const { vendorName, model, serialNumber, firmwareVersion, modem } = chargingStation
  await context.store.stations.recordBoot(station.id, {
    at,
    reason,
    vendorName,
    model,
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(firmwareVersion === undefined ? {} : { firmwareVersion }),
    ...(modem?.iccid === undefined ? {} : { iccid: modem.iccid }),
    ...(modem?.imsi === undefined ? {} : { imsi: modem.imsi }),
  })
  const registration = registrationOf(station, context.onlyToRenew)
  context.booted(station, registration)
  // Who follows may call the station, which takes no call before this answer (B01.FR.08).
  context.afterAnswer(() => {
    context.hub.publish({ kind: 'station.booted', stationId: station.id, at, registration })
  })
  const { heartbeatIntervalS, bootRetryIntervalS } = context.policy
  return {
    currentTime: at,
    interval: registration === 'Accepted' ? heartbeatIntervalS : bootRetryIntervalS,
    status: registration,
  }
}

function registrationOf(station: Station, onlyToRenew: boolean): Registration {
  if (station.enrolment === 'active')
    return onlyToRenew && station.registration === 'Accepted' ? 'Pending' : station.registration
  return station.enrolment === 'pending' ? 'Pending' : 'Rejected'
}

/** B01.FR.11 and 12: under security profile 3 the serial number must be that of the certificate. */
function checkSerialNumber(context: StationContext, request: BootNotificationRequest): void {
  const { peerCommonName } = context
  const { serialNumber } = request.chargingStation
  if (peerCommonName === null || serialNumber === undefined || serialNumber === peerCommonName) return
  context.closeAfterAnswer('the serial number is not that of the certificate')
  throw new RpcError(
    'SecurityError',
    'The serial number is not the common name of the certificate (B01.FR.12).',
  )
}
