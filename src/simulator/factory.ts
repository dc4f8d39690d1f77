import { Certificate } from '../../pki/index.ts'
import type { CertificateStore } from './certificates/store.ts'
import type { DeviceModel } from './device/model.ts'
import type { Endpoint } from './endpoint.ts'
import { STATION_DEFAULTS, type StationOptions } from './station-options.ts'

/** Writes into a new station what its maker and installer put there: names, settings, certificates. */
export function leaveFactory(
  options: StationOptions,
  device: DeviceModel,
  certificates: CertificateStore,
  nowMs: number,
): { readonly pinnedPems: readonly string[] } {
  device.put('SecurityCtrlr.OrganizationName', options.organization ?? STATION_DEFAULTS.organization)
  device.put('SecurityCtrlr.Identity', options.id)
  device.put('ChargingStation.Model', options.model ?? STATION_DEFAULTS.model)
  device.put('ChargingStation.VendorName', options.vendorName ?? STATION_DEFAULTS.vendorName)
  device.put('ChargingStation.SerialNumber', options.serialNumber ?? options.id)
  device.put('ChargingStation.FirmwareVersion', options.firmwareVersion ?? STATION_DEFAULTS.firmwareVersion)
  for (const [name, value] of Object.entries(options.variables ?? {})) device.put(name, value)
  const rules = { nowMs, maxEntries: Number.POSITIVE_INFINITY, additionalRootCheck: false }
  for (const { use, pem } of options.installedRoots ?? []) certificates.install(use, pem, rules)
  const { clientChainPem, clientKeyPem, trustedPems = [] } = options.endpoint
  if (clientChainPem !== undefined && clientKeyPem !== undefined) {
    const [leaf, ...issuers] = Certificate.parseChain(clientChainPem)
    if (leaf === undefined) throw new RangeError(`${options.id}: clientChainPem holds no certificate.`)
    certificates.setStation({ chain: [leaf, ...issuers], chainPem: clientChainPem, keyPem: clientKeyPem })
  }
  // What is no root (a pinned server certificate in a test) is trusted without being a listed certificate.
  const pinnedPems = trustedPems.filter(
    (pem) => certificates.install('CSMSRootCertificate', pem, rules).status !== 'Accepted',
  )
  return { pinnedPems }
}

/** The address in use together with the credentials that the station holds now. */
export function endpointNow(
  base: Endpoint,
  device: DeviceModel,
  certificates: CertificateStore,
  pinnedPems: readonly string[],
): Endpoint {
  const changed = device.text('SecurityCtrlr.BasicAuthPassword')
  const password = changed === '' ? base.password : changed
  const own = certificates.station
  const roots = certificates.roots('CSMSRootCertificate').map((root) => root.toPem())
  const trustedPems = [...roots, ...pinnedPems]
  return {
    url: base.url,
    securityProfile: base.securityProfile,
    ...(password === undefined ? {} : { password }),
    ...(trustedPems.length === 0 ? {} : { trustedPems }),
    ...(own === undefined ? {} : { clientChainPem: own.chainPem, clientKeyPem: own.keyPem }),
    ...(base.serverName === undefined ? {} : { serverName: base.serverName }),
    ...(base.maxPathLength === undefined ? {} : { maxPathLength: base.maxPathLength }),
  }
}
