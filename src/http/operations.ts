import type { EventStreams } from './event-stream.ts'
import type { Operations } from './operation.ts'
import { accessOperations } from './resources/access.ts'
import { authorityOperations } from './resources/authorities.ts'
import { callOperations } from './resources/calls.ts'
import { certificateOperations } from './resources/certificates.ts'
import { contractOperations } from './resources/contracts.ts'
import { energyOperations } from './resources/energy.ts'
import { campaignOperations, fleetOperations } from './resources/fleet.ts'
import { limitSourceOperations } from './resources/limit-sources.ts'
import { limitOperations } from './resources/limits.ts'
import { localListOperations } from './resources/local-lists.ts'
import { messageOperations } from './resources/messages.ts'
import { orderOperations } from './resources/orders.ts'
import { reportedOperations } from './resources/reported.ts'
import { sessionOperations } from './resources/sessions.ts'
import type { BrowserOptions } from './resources/sign-in.ts'
import { signInOperations } from './resources/sign-in.ts'
import { siteOperations } from './resources/sites.ts'
import { stationOperations } from './resources/stations.ts'
import { tokenOperations } from './resources/tokens.ts'
import { trustProposalOperations } from './resources/trust-proposals.ts'
import { vehicleOperations } from './resources/vehicles.ts'
import type { ApiServices } from './services.ts'

/** The handler of every operation in openapi.yaml, by operationId. */
export function createOperations(
  services: ApiServices,
  { streams, ...browsers }: { readonly streams: EventStreams } & BrowserOptions,
): Operations {
  return {
    ...stationOperations(services),
    ...reportedOperations(services),
    ...callOperations(services),
    ...orderOperations(services),
    ...messageOperations(services),
    ...localListOperations(services),
    ...sessionOperations(services),
    ...tokenOperations(services),
    ...certificateOperations(services),
    ...fleetOperations(services),
    ...campaignOperations(services),
    ...authorityOperations(services),
    ...contractOperations(services),
    ...vehicleOperations(services),
    ...trustProposalOperations(services),
    ...siteOperations(services),
    ...limitOperations(services),
    ...energyOperations(services),
    ...limitSourceOperations(services),
    ...accessOperations(services),
    ...signInOperations(browsers),
    streamEvents: { stream: (request, reply) => streams.open(request, reply, request.query ?? {}) },
  }
}
