import type { SigningOrder } from '../store/certificates.ts'
import type { Station, StationStore } from '../store/stations.ts'

/** Names that a certificate of this station may carry: its serial number, or for V2G the SECC ids of its EVSEs. */
export async function namesOf(
  stations: Pick<StationStore, 'variables'>,
  station: Station,
  certificateType: SigningOrder['certificateType'],
): Promise<readonly string[]> {
  const own = [station.serialNumber ?? station.id]
  if (certificateType !== 'V2GCertificate') return own
  const variables = await stations.variables(station.id, { variable: 'SeccId' })
  const seccIds = variables.flatMap((variable) => (variable.value ? [variable.value] : []))
  // A station that never reported its SECC ids is known by its serial number only.
  return seccIds.length > 0 ? seccIds : own
}
