import type { IdTokenType } from '../ocpp/v201/messages.generated.ts'
import type { Evse } from './evse.ts'
import type { EvseLimit, Supply } from './power-path.ts'
import { seedOf } from './random.ts'
import type { ReportServices } from './transaction-report.ts'

export interface EvseOptions {
  readonly kind?: 'AC' | 'DC'
  readonly connectors?: number
  readonly maxCurrentA?: number
  /** Phases that the EVSE is wired to. */
  readonly phases?: 1 | 2 | 3
  readonly maxDcPowerW?: number
  readonly voltageV?: number
  readonly seccId?: string
}

/** What an EVSE needs from the rest of its station. */
export interface EvseServices extends ReportServices {
  limit(evseId: number): EvseLimit
  /** Asks the local list, the cache or the CSMS. */
  authorize(token: IdTokenType): Promise<boolean>
  sameGroup(a: IdTokenType, b: IdTokenType): boolean
  statusChanged(evse: Evse): void
  needsKnown(evse: Evse): void
  reservedFor(evseId: number): boolean
  draws(evse: Evse): void
}

/** Names in the field are unique across stations; ours follow from the station's identity. */
export function defaultSeccId(stationId: string, evseId: number): string {
  return `DEGKD${String(seedOf(stationId)).padStart(10, '0')}E${evseId}`
}

export function supplyOf(options: EvseOptions): Supply {
  return {
    kind: options.kind ?? 'AC',
    maxCurrentA: options.maxCurrentA ?? 32,
    phases: options.phases ?? 3,
    maxDcPowerW: options.maxDcPowerW ?? 150_000,
    voltageV: options.voltageV ?? 230,
  }
}
