/**
 * Requests with more items than a station takes at once (ItemsPerMessage of the device model: B05, B06.FR.05,
 * N04, N06.FR.04) go out as several calls, and come back as one answer.
 */

import type { CallOptions, CallOutcome, StationBus } from '../bus/ports.ts'
import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import type { StationStore } from '../store/stations.ts'

interface Splitting {
  readonly items: string
  readonly results: string
  /** Where the station says how many it takes: component, and instance of the variable ItemsPerMessage. */
  readonly component: string
  readonly instance: string
}

const SPLITTINGS: { readonly [A in Action]?: Splitting } = {
  GetVariables: {
    items: 'getVariableData',
    results: 'getVariableResult',
    component: 'DeviceDataCtrlr',
    instance: 'GetVariables',
  },
  SetVariables: {
    items: 'setVariableData',
    results: 'setVariableResult',
    component: 'DeviceDataCtrlr',
    instance: 'SetVariables',
  },
  SetVariableMonitoring: {
    items: 'setMonitoringData',
    results: 'setMonitoringResult',
    component: 'MonitoringCtrlr',
    instance: 'SetVariableMonitoring',
  },
  ClearVariableMonitoring: {
    items: 'id',
    results: 'clearMonitoringResult',
    component: 'MonitoringCtrlr',
    instance: 'ClearVariableMonitoring',
  },
}

/** What the station reported as its limit; undefined where it never did. */
export async function itemsPerMessage(
  stations: StationStore,
  stationId: string,
  component: string,
  instance?: string,
): Promise<number | undefined> {
  const variables = await stations.variables(stationId, { component, variable: 'ItemsPerMessage' })
  const matching = variables.find(
    ({ variableInstance, attributeType }) =>
      attributeType === 'Actual' && (instance === undefined || variableInstance === instance),
  )
  const limit = Number(matching?.value)
  return Number.isInteger(limit) && limit > 0 ? limit : undefined
}

export function splitCalls(bus: StationBus, stations: StationStore): StationBus {
  async function call<A extends Action>(
    stationId: string,
    action: A,
    payload: Requests[A],
    options?: CallOptions,
  ): Promise<CallOutcome<A>> {
    const splitting = SPLITTINGS[action]
    const items: unknown = splitting === undefined ? undefined : Reflect.get(payload, splitting.items)
    if (splitting === undefined || !Array.isArray(items) || items.length < 2)
      return bus.call(stationId, action, payload, options)
    const limit = await itemsPerMessage(stations, stationId, splitting.component, splitting.instance)
    if (limit === undefined || items.length <= limit) return bus.call(stationId, action, payload, options)
    const results: unknown[] = []
    for (let i = 0; i < items.length; i += limit) {
      const part = { ...payload, [splitting.items]: items.slice(i, i + limit) }
      const outcome = await bus.call(stationId, action, part, options)
      // What was answered before is known to the device model; the caller learns that the rest was not.
      if (outcome.kind !== 'answered') return outcome
      results.push(...(Reflect.get(outcome.payload, splitting.results) as unknown[]))
    }
    // Every part has passed the schema of the answer, whose only required field this is.
    return { kind: 'answered', payload: { [splitting.results]: results } as unknown as Responses[A] }
  }

  return { ...bus, call }
}
