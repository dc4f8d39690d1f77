/**
 * What the operator's policy does with a station that has booted: variables that every station must have, and a
 * report of what it is. A station that waits as Pending (B02) can be accepted by itself once all that has succeeded.
 */

import type { Logger } from 'pino'
import type { DomainEvent, EventHub, StationBus } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { ReportBaseEnumType, SetVariableDataType } from '../ocpp/v201/messages.generated.ts'
import type { StationStore } from '../store/stations.ts'
import { type Orders, POLICY_ACTOR } from './orders.ts'

export interface ProvisioningPolicy {
  /** Set after each boot where the device model does not show these values already. */
  readonly variables?: readonly SetVariableDataType[]
  /** Asked for after a boot of a station whose device model is not known. */
  readonly report?: ReportBaseEnumType
  /** Registered stations that are Pending become Accepted once they took the variables. */
  readonly acceptPending?: boolean
}

export interface Provisioning {
  /** Resolves when everything that was under way has ended. */
  settled(): Promise<void>
  stop(): void
}

export function startProvisioning(options: {
  policy: ProvisioningPolicy
  stations: StationStore
  orders: Orders
  bus: StationBus
  hub: EventHub
  clock: Clock
  log: Logger
}): Provisioning {
  const { policy, stations, orders, bus, hub, clock, log } = options
  const running = new Map<string, Promise<void>>()

  async function missingVariables(stationId: string): Promise<SetVariableDataType[]> {
    const known = await stations.variables(stationId)
    return (policy.variables ?? []).filter(
      (wanted) =>
        !known.some(
          (actual) =>
            actual.component === wanted.component.name &&
            actual.variable === wanted.variable.name &&
            actual.variableInstance === (wanted.variable.instance ?? null) &&
            actual.evseId === (wanted.component.evse?.id ?? null) &&
            actual.attributeType === (wanted.attributeType ?? 'Actual') &&
            actual.value === wanted.attributeValue,
        ),
    )
  }

  /** True where the station has, or took, every variable. */
  async function provision(stationId: string): Promise<boolean> {
    if (policy.report !== undefined && (await stations.variables(stationId)).length === 0)
      await orders.place(stationId, 'GetBaseReport', reportRequest(policy.report), { actor: POLICY_ACTOR })
    const missing = await missingVariables(stationId)
    if (missing.length === 0) return true
    const { order } = await orders.place(
      stationId,
      'SetVariables',
      { setVariableData: missing },
      { actor: POLICY_ACTOR },
    )
    return order.state === 'done' && order.outcome !== 'Partial'
  }

  async function booted(stationId: string, registration: string): Promise<void> {
    const isReady = await provision(stationId)
    if (registration !== 'Pending' || policy.acceptPending !== true || !isReady) return
    const station = await stations.get(stationId)
    if (station === undefined || station.enrolment !== 'active' || station.registration !== 'Pending') return
    await stations.put({ ...station, registration: 'Accepted' }, new Date(clock.now()).toISOString())
    await bus.call(stationId, 'TriggerMessage', { requestedMessage: 'BootNotification' })
  }

  function follow(event: DomainEvent): void {
    if (event.kind !== 'station.booted' || event.registration === 'Rejected') return
    const { stationId, registration } = event
    // A station that boots again and again is provisioned once at a time.
    if (running.has(stationId)) return
    const work = booted(stationId, registration)
      .catch((error: unknown) => log.error({ err: error, stationId }, 'a station could not be provisioned'))
      .finally(() => running.delete(stationId))
    running.set(stationId, work)
  }

  const stop = hub.subscribe(follow)
  return {
    async settled() {
      await Promise.all(running.values())
    },
    stop,
  }
}

/** The order service fills in the requestId. */
function reportRequest(reportBase: ReportBaseEnumType): {
  requestId: number
  reportBase: ReportBaseEnumType
} {
  return { reportBase } as { requestId: number; reportBase: ReportBaseEnumType }
}
