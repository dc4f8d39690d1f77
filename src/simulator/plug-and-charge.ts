import type { AuthorizeRequest, AuthorizeResponse } from '../ocpp/v201/messages.generated.ts'
import type { EvAuthorization, EvVerdict, PlugAndChargeEv } from './ev/index.ts'
import type { Station } from './station.ts'

/** Sizes of the OCPP 2.0.1 schema. */
const MAX_CERTIFICATE_CHARACTERS = 5500
const MAX_HASH_ENTRIES = 4

export interface ContractCharging {
  /** What the car said to the contract it was given, when it asked for one. */
  readonly installation: EvVerdict | undefined
  /** What the CSMS said to the contract; undefined when the car has none to show. */
  readonly authorization: AuthorizeResponse | undefined
  readonly accepted: boolean
}

/**
 * What happens between car, station and CSMS when a Plug & Charge car is plugged in: it installs a contract
 * if it has none (or updates one that runs out), shows it, and charges when the CSMS accepts it (M01, C07).
 */
export async function chargeWithContract(
  station: Station,
  evseId: number,
  ev: PlugAndChargeEv,
  updateBeforeMs = 14 * 86_400_000,
): Promise<ContractCharging> {
  const installation = ev.needsContract(updateBeforeMs) ? await install(station, ev) : undefined
  const shown = ev.authorization()
  if (shown === undefined) return { installation, authorization: undefined, accepted: false }
  const request = authorizeRequest(station, shown)
  const authorization = await station.call('Authorize', request)
  const accepted = authorization.idTokenInfo.status === 'Accepted'
  if (accepted) station.evse(evseId).grant(request.idToken, 'Authorized')
  return { installation, authorization, accepted }
}

async function install(station: Station, ev: PlugAndChargeEv): Promise<EvVerdict> {
  const wish = ev.contract === undefined ? ev.installationRequest() : ev.updateRequest()
  const { action, iso15118SchemaVersion } = wish
  const exiRequest = Buffer.from(wish.exiRequest).toString('base64')
  const answer = await station.call('Get15118EVCertificate', { action, iso15118SchemaVersion, exiRequest })
  return ev.receive(Buffer.from(answer.exiResponse, 'base64'))
}

function authorizeRequest(station: Station, shown: EvAuthorization): AuthorizeRequest {
  const central = station.device.flag('ISO15118Ctrlr.CentralContractValidationAllowed')
  const fits = shown.certificateChainPem.length <= MAX_CERTIFICATE_CHARACTERS
  const hashData = shown.hashData.slice(0, MAX_HASH_ENTRIES)
  return {
    idToken: { idToken: shown.emaid, type: 'eMAID' },
    ...(central && fits ? { certificate: shown.certificateChainPem } : {}),
    ...(hashData.length === 0 ? {} : { iso15118CertificateHashData: hashData }),
  }
}
