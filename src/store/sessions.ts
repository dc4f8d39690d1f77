/** Port: charging sessions (OCPP transactions), their events in order, and meter values. */

import type { MeterValueType, TransactionEventRequest } from '../ocpp/v201/messages.generated.ts'

export interface Session {
  readonly stationId: string
  readonly transactionId: string
  readonly evseId: number | null
  readonly connectorId: number | null
  readonly idToken: { readonly type: string; readonly idToken: string } | null
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly chargingState: string | null
  readonly stoppedReason: string | null
  readonly remoteStartId: number | null
  readonly reservationId: number | null
  readonly phasesUsed: number | null
  /** Highest sequence number seen. */
  readonly lastSeqNo: number
  /** Sequence numbers between the first and the last that have not arrived (E12, offline events). */
  readonly missingSeqNos: number
  /** Energy.Active.Import.Register in Wh at the first and at the latest reading. */
  readonly meterStartWh: number | null
  readonly meterLastWh: number | null
  readonly updatedAt: string
}

export interface SessionOutcome {
  readonly session: Session
  /** This event had been stored before: nothing was changed. */
  readonly repeated: boolean
}

export interface StoredTransactionEvent {
  readonly seqNo: number
  readonly receivedAt: string
  readonly event: TransactionEventRequest
}

export interface SessionFilter {
  readonly stationId?: string
  readonly active?: boolean
  readonly from?: string
  readonly to?: string
  readonly limit?: number
  /** Only sessions that came before this one: the cursor of a page (newest first). */
  readonly after?: { readonly stationId: string; readonly transactionId: string }
}

export interface SessionStore {
  /** Stores an event once (key: station, transaction, seqNo), its meter values and the session that follows. */
  record(stationId: string, event: TransactionEventRequest, receivedAt: string): Promise<SessionOutcome>
  get(stationId: string, transactionId: string): Promise<Session | undefined>
  list(filter?: SessionFilter): Promise<readonly Session[]>
  events(stationId: string, transactionId: string): Promise<readonly StoredTransactionEvent[]>
  /** Meter values outside transactions (J01). */
  recordMeterValues(
    stationId: string,
    evseId: number,
    values: readonly MeterValueType[],
    receivedAt: string,
  ): Promise<void>
  meterValues(query: {
    stationId: string
    transactionId?: string
    evseId?: number
    from?: string
    to?: string
    limit?: number
  }): Promise<readonly { readonly evseId: number; readonly at: string; readonly value: MeterValueType }[]>
}
