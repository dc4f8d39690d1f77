import type { InstallCertificateUseEnumType } from '../ocpp/v201/messages.generated.ts'
import type { SigningUse } from './certificates/signing.ts'
import type { BackOff } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import type { EvseOptions } from './evse-options.ts'
import type { Scheduler } from './scheduler.ts'

export interface StationOptions {
  /** OCPP identity, the last segment of the address. */
  readonly id: string
  readonly endpoint: Endpoint
  /** Goes into the CSR as CN and into BootNotification; the id unless said otherwise. */
  readonly serialNumber?: string
  /** `SecurityCtrlr.OrganizationName`: O of the CSRs. */
  readonly organization?: string
  readonly model?: string
  readonly vendorName?: string
  readonly firmwareVersion?: string
  /** One AC EVSE with a 32 A three-phase connector unless said otherwise. */
  readonly evses?: readonly EvseOptions[]
  /** Initial values, `Component.Variable` or `Component.Variable[instance]`. */
  readonly variables?: Readonly<Record<string, string>>
  /** Roots in the station's storage when it leaves the factory. */
  readonly installedRoots?: readonly {
    readonly use: InstallCertificateUseEnumType
    readonly pem: string
  }[]
  /** Simulated time; the wall clock unless said otherwise. */
  readonly scheduler?: Scheduler
  /** Time of deadlines, pings and reconnects; as `scheduler` unless time is accelerated. */
  readonly networkScheduler?: Scheduler
  /** Everything that is a matter of chance follows from this and the id. */
  readonly seed?: number
  /** How often cars, limits and meters are looked at while a car is plugged in. */
  readonly stepMs?: number
  /** From the start of a reboot to the first connection attempt. */
  readonly bootDurationMs?: number
  /** From plugging in to presenting the car's token. */
  readonly driverDelayMs?: number
  /** How long each state of a log or firmware transfer lasts. */
  readonly transferStepMs?: number
  readonly callTimeoutMs?: number
  /** From the device model's RetryBackOff variables unless said otherwise. */
  readonly backOff?: BackOff
  /** Follow the CSMS's time; switch off when simulated time is not real time. */
  readonly followCsmsTime?: boolean
  /** Off only in benchmarks: both directions are checked against the schemas otherwise. */
  readonly checkPayloads?: boolean
  /** Certificates that the station asks for by itself after boot while it has none of that kind. */
  readonly obtainCertificates?: readonly SigningUse[]
  /** Presents the driver's token again when a reboot ended the transaction. */
  readonly resumeAfterReboot?: boolean
}

export const STATION_DEFAULTS = {
  organization: 'Example CPO',
  model: 'Simulated 22',
  vendorName: 'Gridkeep',
  firmwareVersion: '1.0.0',
  stepMs: 1000,
  bootDurationMs: 3000,
  driverDelayMs: 2000,
  transferStepMs: 2000,
  callTimeoutMs: 30_000,
  seed: 1,
} as const
