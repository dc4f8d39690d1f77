import type { StationClock } from '../context.ts'
import type { Parts } from '../parts.ts'
import type { LiveValues } from './variables.ts'

/** Values that change by themselves, read from the parts that know them. */
export function liveValues(parts: () => Parts, clock: StationClock): LiveValues {
  const evse = (evseId: number) => parts().evses[evseId - 1]
  return {
    dateTime: () => clock.iso(),
    localListEntries: () => parts().authorizer.listEntries,
    chargingProfileEntries: () => parts().smartCharging.store.all.length,
    certificateEntries: () => parts().certificates.entries,
    displayMessages: () => parts().display.count,
    availability: (evseId, connectorId) => evse(evseId ?? 1)?.status(connectorId ?? 1) ?? 'Unavailable',
    powerW: (evseId) => Math.round(evse(evseId)?.powerW ?? 0),
    maxPowerW: (evseId) => Math.round(evse(evseId)?.maxPowerW ?? 0),
    phases: (evseId) => evse(evseId)?.supply.phases ?? 3,
    seccId: (evseId) => evse(evseId)?.seccId ?? '',
    activeNetworkSlot: () => parts().network.activeSlot,
    securityProfile: () => parts().network.endpoint.securityProfile,
  }
}
