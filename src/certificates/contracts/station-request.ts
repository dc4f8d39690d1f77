import {
  DEFAULT_MAX_RESPONSE_CHARACTERS,
  type ProvisioningRequest,
  parsePcid,
  protocolOf,
  readRequest,
  soleCommonName,
  withWish,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'
import type { EvCertificateRequest } from '../ports.ts'
import type { ProviderRouting } from '../providers/routing.ts'
import type { CarRequest } from './local-provisioning.ts'
import { sessionKeyOf } from './offers.ts'

/** A car's request as its station hands it on, on its way through local pool and providers. */
export interface StationRequest extends CarRequest {
  /** What it says; undefined where it cannot be read, or where nobody but the core needs to know. */
  readonly read: ProvisioningRequest | undefined
  /** Empty where a car gets one contract (-2). */
  readonly sessionKey: string
}

/** How a station names the longest answer it takes, in its device model. */
const FIELD_LENGTH = { component: 'OCPPCommCtrlr', variable: 'FieldLength' } as const
const FIELD = 'get15118evcertificateresponse.exiresponse'
/** What a station announces beyond this is not believed: the largest frame is bounded too. */
const LARGEST_FIELD = 100_000
/** The least that a station of OCPP 2.1 takes. */
const OCPP_21_CHARACTERS = 17_000

/** @param received.requestHash over action, schema and bytes */
export async function toStationRequest(
  {
    store,
    clock,
    routing,
  }: { readonly store: Store; readonly clock: Clock; readonly routing: ProviderRouting },
  received: {
    readonly stationId: string
    readonly message: EvCertificateRequest
    readonly exiRequest: Uint8Array
    readonly requestHash: string
  },
): Promise<StationRequest> {
  const { stationId, message, exiRequest, requestHash } = received
  const { action, iso15118SchemaVersion: schemaVersion, prioritizedEMAIDs } = message
  const maximum = message.maximumContractCertificateChains
  const isOcpp21 = maximum !== undefined
  // A local -2 request is read once, by the core.
  const needed = routing.asksOthers || protocolOf(schemaVersion) === '15118-20'
  const read = needed ? readRequest(exiRequest, action, schemaVersion) : undefined
  const understood = read?.ok ? read.request : undefined
  const sessionKey = understood ? sessionKeyOf(understood) : ''
  const wish = {
    ...(maximum === undefined ? {} : { maximumContracts: maximum }),
    ...(prioritizedEMAIDs === undefined ? {} : { prioritizedEmaids: prioritizedEMAIDs }),
  }
  // OCPP 2.1 repeats the same bytes for the next contract, so there the place in the walk is part of the request.
  const place =
    isOcpp21 && sessionKey !== ''
      ? `/${await store.contracts.answersInSession(sessionKey, new Date(clock.now()).toISOString())}`
      : ''
  return {
    action,
    schemaVersion,
    exiRequest,
    requestHash: requestHash + place,
    maxResponseCharacters: await fieldLength(store, stationId, isOcpp21),
    read: understood && withWish(understood, wish),
    sessionKey,
    wish,
  }
}

/** What the station said that it takes; the limit of its OCPP where it said nothing. */
async function fieldLength(store: Store, stationId: string, isOcpp21: boolean): Promise<number> {
  const reported = await store.stations.variables(stationId, FIELD_LENGTH)
  const found = reported.find(
    ({ variableInstance, attributeType }) =>
      attributeType === 'Actual' && variableInstance?.toLowerCase() === FIELD,
  )
  const length = Number(found?.value ?? Number.NaN)
  if (!Number.isInteger(length) || length <= 0)
    return isOcpp21 ? OCPP_21_CHARACTERS : DEFAULT_MAX_RESPONSE_CHARACTERS
  return Math.min(length, LARGEST_FIELD)
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export function readBase64(text: string): Uint8Array | undefined {
  // Hardly any has white space, and every look at it costs.
  if (BASE64.test(text)) return text.length % 4 === 0 ? Buffer.from(text, 'base64') : undefined
  return /\s/.test(text) ? readBase64(text.replace(/\s/g, '')) : undefined
}

/** The car that asks, as it says: nothing is proved by it. */
export function pcidOf({ read }: StationRequest): string | undefined {
  return read && parsePcid(soleCommonName(read.leaf) ?? '')?.text
}
