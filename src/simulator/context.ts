import type {
  Action,
  InstallCertificateUseEnumType,
  ReasonEnumType,
  RegistrationStatusEnumType,
  Requests,
  Responses,
} from '../ocpp/v201/messages.generated.ts'
import type { DeviceModel } from './device/model.ts'
import type { Emitter } from './emitter.ts'
import type { FaultPanel } from './faults.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { PhaseCurrents } from './vehicle.ts'

/** What a handler of a CSMS call returns: the answer, and what a real station does once it has left. */
export interface Outcome<A extends Action> {
  readonly answer: Responses[A]
  readonly after?: () => void
}

export type Handlers = {
  readonly [A in Action]?: (request: Requests[A]) => Outcome<A> | Promise<Outcome<A>>
}

export interface StationEvents {
  readonly connected: { readonly attempt: number }
  readonly disconnected: { readonly code: number; readonly reason: string }
  readonly connectionFailed: { readonly error: Error }
  readonly registered: { readonly status: RegistrationStatusEnumType; readonly intervalS: number }
  readonly rebooted: { readonly reason: string }
  readonly sent: { readonly action: string }
  readonly received: { readonly action: string }
  readonly plugged: { readonly evseId: number; readonly vehicleId: string }
  readonly unplugged: { readonly evseId: number; readonly vehicleId: string; readonly energyWh: number }
  readonly transactionStarted: { readonly evseId: number; readonly transactionId: string }
  readonly transactionEnded: {
    readonly evseId: number
    readonly transactionId: string
    readonly energyWh: number
    readonly reason: ReasonEnumType
  }
  /** The true current of an EVSE changed; this is physics, not what the meter says. */
  readonly draw: { readonly evseId: number; readonly currents: PhaseCurrents }
  readonly profilesChanged: { readonly entries: number }
  readonly rootInstalled: { readonly use: InstallCertificateUseEnumType; readonly serialNumber: string }
  readonly certificateSigned: {
    readonly use: 'ChargingStationCertificate' | 'V2GCertificate'
    readonly serialNumber: string
    readonly notAfterMs: number
  }
  readonly securityEvent: { readonly type: string; readonly techInfo: string }
  readonly problem: { readonly where: string; readonly error: Error }
}

export interface Counters {
  callsSent: number
  callsReceived: number
  callErrors: number
  /** Answers that did not come in time. */
  timeouts: number
  connects: number
  disconnects: number
  connectFailures: number
  reboots: number
  transactions: number
  energyWh: number
  certificatesSigned: number
  rootsInstalled: number
  profilesAccepted: number
  profilesRejected: number
  transactionEventsLost: number
  problems: number
}

export function createCounters(): Counters {
  return {
    callsSent: 0,
    callsReceived: 0,
    callErrors: 0,
    timeouts: 0,
    connects: 0,
    disconnects: 0,
    connectFailures: 0,
    reboots: 0,
    transactions: 0,
    energyWh: 0,
    certificatesSigned: 0,
    rootsInstalled: 0,
    profilesAccepted: 0,
    profilesRejected: 0,
    transactionEventsLost: 0,
    problems: 0,
  }
}

/** The station's own idea of the time: what it stamps on messages and plays its profiles by. */
export interface StationClock {
  now(): number
  iso(): string
  /** Follows the CSMS, as `ClockCtrlr.TimeSource` Heartbeat asks. */
  synchronise(csmsTime: string): void
}

/** What the parts of a station share. */
export interface StationContext {
  readonly id: string
  readonly scheduler: Scheduler
  readonly random: Random
  readonly clock: StationClock
  readonly device: DeviceModel
  readonly faults: FaultPanel
  readonly events: Emitter<StationEvents>
  readonly counters: Counters
  /** Connected and accepted by the CSMS. */
  online(): boolean
  /** Rejects with CallFailure; refused locally until the CSMS has accepted the station, unless solicited. */
  call<A extends Action>(
    action: A,
    request: Requests[A],
    how?: { solicited?: boolean },
  ): Promise<Responses[A]>
  /** Sends and forgets: a failure is counted and observed, never thrown. */
  send<A extends Action>(action: A, request: Requests[A], how?: { solicited?: boolean }): void
  securityEvent(type: string, techInfo?: string): void
  problem(where: string, error: unknown): void
}
