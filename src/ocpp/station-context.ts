/** The context that the handlers of one connection get. */

import type { Orders } from '../stations/orders.ts'
import type { Registration, Station } from '../store/stations.ts'
import type { Connection } from './connection.ts'
import type { StationContext } from './router.ts'

export type ContextServices = Pick<
  StationContext,
  'store' | 'hub' | 'clock' | 'certificates' | 'plans' | 'policy' | 'log'
> & { readonly orders: Pick<Orders, 'startedRemotely'> }

export function createStationContext(options: {
  connection: Connection
  station: Station
  peerCommonName: string | null
  onlyToRenew: boolean
  services: ContextServices
}): StationContext {
  const { connection, peerCommonName, onlyToRenew } = options
  const { orders, ...services } = options.services
  const { stationId } = connection
  let station = options.station
  return {
    ...services,
    stationId,
    peerCommonName,
    onlyToRenew,
    startedRemotely: (idToken) => orders.startedRemotely(stationId, idToken),
    get station() {
      return station
    },
    booted(current: Station, registration: Registration) {
      station = current
      connection.gate.settle(registration)
    },
    afterAnswer: (work) => connection.afterAnswer(work),
    closeAfterAnswer(reason: string) {
      connection.afterAnswer(() => connection.close(1008, reason))
    },
  }
}
