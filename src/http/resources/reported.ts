/** What stations reported about themselves. */

import type { StationEvent } from '../../store/events.ts'
import type { Connector } from '../../store/stations.ts'
import type { components, operations } from '../api.generated.ts'
import type { Operations, Principal } from '../operation.ts'
import { DEFAULT_PAGE, defined, pageOf, pick } from '../pages.ts'
import type { ApiServices } from '../services.ts'
import { seesDrivers } from '../withheld.ts'
import { requireSite } from './sites.ts'
import { requireStation } from './stations.ts'

type EventQuery = NonNullable<operations['listEvents']['parameters']['query']>

export type ReportedOperations = Pick<
  Operations,
  | 'listConnectors'
  | 'listVariables'
  | 'listEvents'
  | 'listStationEvents'
  | 'listStationMeterValues'
  | 'listStationMeterQuarters'
  | 'listSiteMeterQuarters'
>

export function reportedOperations(services: ApiServices): ReportedOperations {
  const { store } = services
  const eventsOf = async ({ limit, ...filter }: EventQuery, principal: Principal) => {
    const page = await pageOf(
      limit,
      (size) => store.events.list({ ...defined(filter), limit: size }),
      (last) => last.id,
    )
    return { ...page, items: page.items.map((item) => toEventBody(principal, item)) }
  }
  return {
    listConnectors: async ({ path }) => {
      await requireStation(services, path.stationId)
      return {
        status: 200,
        body: { items: (await store.stations.connectors(path.stationId)).map(toConnectorBody) },
      }
    },

    listVariables: async ({ path, query }) => {
      await requireStation(services, path.stationId)
      const items = await store.stations.variables(path.stationId, defined(query))
      return {
        status: 200,
        body: {
          items: items.map((item) => ({
            ...item,
            characteristics: item.characteristics && { ...item.characteristics },
          })),
        },
      }
    },

    listEvents: async ({ query, principal }) => ({ status: 200, body: await eventsOf(query, principal) }),

    listStationEvents: async ({ path, query, principal }) => {
      await requireStation(services, path.stationId)
      return { status: 200, body: await eventsOf({ ...query, ...path }, principal) }
    },

    listStationMeterValues: async ({ path, query }) => {
      await requireStation(services, path.stationId)
      const items = await store.sessions.meterValues({
        stationId: path.stationId,
        limit: DEFAULT_PAGE,
        ...defined(query),
      })
      return { status: 200, body: { items: items.map((item) => ({ ...item, value: { ...item.value } })) } }
    },

    listStationMeterQuarters: async ({ path, query }) => {
      await requireStation(services, path.stationId)
      const items = await store.retention.quarters({
        stationId: path.stationId,
        limit: DEFAULT_PAGE,
        ...defined(query),
      })
      return {
        status: 200,
        body: { items: items.map((item) => ({ ...item, maxCurrentA: [...item.maxCurrentA] })) },
      }
    },

    listSiteMeterQuarters: async ({ path, query }) => {
      const { config } = await requireSite(services, path.siteId)
      const { by = 'site', ...range } = query
      const items = await store.retention.siteQuarters({
        ...defined({ limit: DEFAULT_PAGE, ...range }),
        stationIds: stationsIn(config),
        by,
      })
      return { status: 200, body: { items: items.map((item) => ({ ...item })) } }
    },
  }
}

/** The stations of a site's tree. Its shape was checked when it was put. */
function stationsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  if ('kind' in node && node.kind === 'station' && 'id' in node && typeof node.id === 'string')
    return [node.id]
  return Object.values(node).flatMap(stationsIn)
}

/** Events whose details may name a driver or a car: viewers see that they came. */
const PERSONAL = new Set(['DataTransfer', 'NotifyCustomerInformation', 'contract'])
/** Components of the device model that know who charges. */
const PERSONAL_COMPONENT = /"name":"(ConnectedEV|TokenReader|AuthCtrlr|ISO15118Ctrlr)"/i

function toEventBody(principal: Principal, event: StationEvent): components['schemas']['StationEvent'] {
  const isWithheld =
    !seesDrivers(principal) &&
    (PERSONAL.has(event.kind) ||
      event.type.startsWith('Contract') ||
      PERSONAL_COMPONENT.test(JSON.stringify(event.detail)))
  return { ...event, detail: isWithheld ? {} : { ...event.detail } }
}

function toConnectorBody(connector: Connector): components['schemas']['Connector'] {
  return pick(connector, ['evseId', 'connectorId', 'status', 'reportedAt', 'receivedAt'])
}
