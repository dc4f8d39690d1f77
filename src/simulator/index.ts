/** The simulator's public surface: stations, cars, fleets and the physics they are judged by. */
export type {
  Action,
  IdTokenType,
  Requests,
  Responses,
} from '../ocpp/v201/messages.generated.ts'
export { type ArrivalOptions, type Arrivals, createArrivals, typicalVehicle } from './arrivals.ts'
export type { ExternalLimit } from './calls/smart-charging.ts'
export { type CsrSubject, writeCsr } from './certificates/csr-write.ts'
export type { SigningUse } from './certificates/signing.ts'
export type { OwnCertificate } from './certificates/store.ts'
export type { BackOff } from './client.ts'
export type { Counters, StationEvents } from './context.ts'
export type { Endpoint } from './endpoint.ts'
export type { Evse } from './evse.ts'
export type { EvseOptions } from './evse-options.ts'
export type { FaultPanel, Faults } from './faults.ts'
export { createFleet, type Fleet, type FleetOptions } from './fleet.ts'
export { CallFailure, type CallFailureCode } from './outgoing-calls.ts'
export { type ContractCharging, chargeWithContract } from './plug-and-charge.ts'
export { createRandom, type Random } from './random.ts'
export {
  type Cancel,
  createManualScheduler,
  createRealScheduler,
  type ManualScheduler,
  type RunningScheduler,
  type Scheduler,
} from './scheduler.ts'
export { type NodeRecord, SiteModel, type SiteModelOptions, type SiteNodeOptions } from './site-model.ts'
export type { CurrentSum, Feeder, GridPhase, PhaseRotation, SiteWiring } from './site-wiring.ts'
export type { StoredProfile } from './smart-charging/profile-store.ts'
export { createStation, type Station } from './station.ts'
export type { StationOptions } from './station-options.ts'
export { createVehicle, type PhaseCurrents, type Vehicle, type VehicleOptions } from './vehicle.ts'
