/** What a station's answer to a call of ours says about the station, kept before the caller learns it. */

import type { Logger } from 'pino'
import type { EventHub } from '../../bus/ports.ts'
import type { Clock } from '../../observe/clock.ts'
import { hashPassword } from '../../stations/credentials.ts'
import { readAttributes, writtenAttributes, writtenPassword } from '../../stations/device-model.ts'
import { listAfter } from '../../stations/local-list-entries.ts'
import type { Store } from '../../store/ports.ts'
import type { Action, Requests, Responses } from './messages.generated.ts'

export interface KeepingServices {
  readonly store: Store
  readonly hub: EventHub
  readonly clock: Clock
  readonly log: Logger
}

type Keeper<A extends Action> = (
  services: KeepingServices,
  stationId: string,
  request: Requests[A],
  response: Responses[A],
) => Promise<void>

const isoNow = ({ clock }: KeepingServices): string => new Date(clock.now()).toISOString()

const keepers: { readonly [A in Action]?: Keeper<A> } = {
  async CustomerInformation(services, stationId, { requestId, clear, report, idToken }, response) {
    if (response.status !== 'Accepted' || !clear || idToken === undefined) return
    const at = isoNow(services)
    services.hub.publish({
      kind: 'customer.cleared',
      stationId,
      requestId,
      idToken,
      isReported: report,
      at,
    })
  },
  async GetVariables(services, stationId, _request, response) {
    const attributes = response.getVariableResult.flatMap(readAttributes)
    if (attributes.length > 0)
      await services.store.stations.recordVariables(stationId, attributes, isoNow(services))
  },
  async SendLocalList(services, stationId, request, response) {
    if (response.status !== 'Accepted') return
    const { localLists } = services.store
    const after = listAfter(await localLists.get(stationId), request)
    if (after !== undefined) await localLists.put({ stationId, ...after, updatedAt: isoNow(services) })
  },
  async SetChargingProfile(services, stationId, { evseId, chargingProfile: profile }, response) {
    if (response.status !== 'Accepted') return
    services.hub.publish({
      kind: 'charging-profile.accepted',
      stationId,
      evseId,
      profile,
      at: isoNow(services),
    })
  },
  async SetNetworkProfile({ store }, stationId, { connectionData }, response) {
    const { securityProfile } = connectionData
    if (response.status !== 'Accepted' || (securityProfile !== 2 && securityProfile !== 3)) return
    await store.stations.offerUpgrade(stationId, securityProfile)
  },
  async SetVariables(services, stationId, request, response) {
    const { store } = services
    const at = isoNow(services)
    const attributes = writtenAttributes(request.setVariableData, response.setVariableResult)
    if (attributes.length > 0) await store.stations.recordVariables(stationId, attributes, at)
    const password = writtenPassword(request.setVariableData, response.setVariableResult)
    if (password !== undefined) await replacePassword(services, stationId, password, at)
  },
}

/** A01.FR.02: from the station's Accepted on, only the new password is good. */
async function replacePassword(
  { store }: KeepingServices,
  stationId: string,
  password: string,
  at: string,
): Promise<void> {
  const station = await store.stations.get(stationId)
  if (station === undefined) return
  await store.stations.put({ ...station, passwordHash: await hashPassword(password) }, at)
}

/** Never throws: the station has acted, and the caller must learn that. */
export async function keepAnswer(
  services: KeepingServices,
  stationId: string,
  action: Action,
  request: unknown,
  response: unknown,
): Promise<void> {
  const keeper = keepers[action] as
    | ((services: KeepingServices, stationId: string, request: unknown, response: unknown) => Promise<void>)
    | undefined
  if (keeper === undefined) return
  try {
    await keeper(services, stationId, request, response)
  } catch (error) {
    services.log.error({ err: error, stationId, action }, 'what a station answered could not be stored')
  }
}
