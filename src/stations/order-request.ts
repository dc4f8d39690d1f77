/** Requests of orders: the numbers by which a station will refer to them, and what must not be kept of them. */

import type { Action, Requests } from '../ocpp/v201/messages.generated.ts'
import { isSecret } from './device-model.ts'

/** Where a request carries the number that later messages refer to. */
const NUMBER_FIELD: { readonly [A in Action]?: 'requestId' | 'remoteStartId' | 'id' } = {
  CustomerInformation: 'requestId',
  GetBaseReport: 'requestId',
  GetChargingProfiles: 'requestId',
  GetDisplayMessages: 'requestId',
  GetLog: 'requestId',
  GetMonitoringReport: 'requestId',
  GetReport: 'requestId',
  PublishFirmware: 'requestId',
  RequestStartTransaction: 'remoteStartId',
  ReserveNow: 'id',
  UpdateFirmware: 'requestId',
}

/** Fills in the number where the operator left it out. */
export function correlated<A extends Action>(
  action: A,
  request: Requests[A],
  nextNumber: () => number,
): { request: Requests[A]; correlation: number | null } {
  const field = NUMBER_FIELD[action]
  if (field === undefined) return { request, correlation: null }
  const given: unknown = Reflect.get(request, field)
  if (given !== undefined) return { request, correlation: typeof given === 'number' ? given : null }
  const correlation = nextNumber()
  return { request: { ...request, [field]: correlation }, correlation }
}

const REDACTED = '[redacted]'

/** The request as it may be stored and shown. */
export function redactedRequest<A extends Action>(action: A, request: Requests[A]): object {
  if (action === 'SetVariables') {
    const { setVariableData, ...rest } = request as Requests['SetVariables']
    // What is not a list of objects will be refused by the schema; it must not fail before.
    if (!Array.isArray(setVariableData)) return request
    return {
      ...rest,
      setVariableData: setVariableData.map((data) =>
        data?.component !== undefined &&
        data.variable !== undefined &&
        isSecret(data.component, data.variable)
          ? { ...data, attributeValue: REDACTED }
          : data,
      ),
    }
  }
  if (action === 'SetNetworkProfile') {
    const { connectionData, ...rest } = request as Requests['SetNetworkProfile']
    if (typeof connectionData !== 'object' || connectionData === null) return request
    const { apn, vpn, ...open } = connectionData
    return {
      ...rest,
      connectionData: {
        ...open,
        ...(apn === undefined
          ? {}
          : { apn: { ...apn, ...('apnPassword' in apn ? { apnPassword: REDACTED } : {}) } }),
        ...(vpn === undefined ? {} : { vpn: { ...vpn, password: REDACTED, key: REDACTED } }),
      },
    }
  }
  return request
}
