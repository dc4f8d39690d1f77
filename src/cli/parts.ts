/** What the commands start; the composition roots provide it, loaded only when it is needed. */

import type { Config } from '../config.ts'
import type { Store } from '../store/ports.ts'
import type { CliIo } from './io.ts'

export interface DemoOptions {
  /** Null: until Ctrl-C. */
  readonly durationMs: number | null
  readonly json: boolean
  readonly httpPort: number
  readonly seed: number
  readonly stations: number
  /** Rotate the CSMS root once the stations are there. */
  readonly rollover: boolean
}

export interface SimulateOptions {
  /** E.g. `wss://localhost:9443`; the station's id is added to the path. */
  readonly url: string
  readonly stations: number
  /** Station ids are PREFIX-001, PREFIX-002 and so on. */
  readonly idPrefix: string
  readonly securityProfile: 1 | 2 | 3
  readonly password: string | null
  /** PEM file with the roots that the server's certificate must chain to. */
  readonly caFile: string | null
  readonly seed: number
  readonly durationMs: number | null
  readonly json: boolean
}

export interface Parts {
  /** Resolves when the service has stopped in good order, which `io.signal` asks for. */
  runServe(config: Config, io: CliIo): Promise<void>
  /** Resolves with the exit code. */
  runDemo(options: DemoOptions, io: CliIo): Promise<0 | 1>
  runSimulate(options: SimulateOptions, io: CliIo): Promise<0 | 1>
  /** The store of a service that may be running or not. */
  openStore(config: Config): Promise<Store>
}

export interface CommandContext {
  readonly io: CliIo
  readonly parts: Parts
  /** Set by an action that ends with another code than 0. */
  exitCode: 0 | 1 | 2
}
