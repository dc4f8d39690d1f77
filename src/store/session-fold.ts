import type { MeterValueType, TransactionEventRequest } from '../ocpp/v201/messages.generated.ts'

/** What a session's row is made of; `Session` in sessions.ts is its public view. */
export interface SessionState {
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
  /** 0, or the sequence number of Started where that is another one. */
  readonly firstSeqNo: number
  readonly lastSeqNo: number
  readonly eventCount: number
  readonly meterStartWh: number | null
  readonly meterLastWh: number | null
  /** Sequence numbers of the events that the three changing facts come from; -1 before there is one. */
  readonly chargingStateSeqNo: number
  readonly phasesSeqNo: number
  readonly meterSeqNo: number
  /** Earliest and latest time stamp of its meter values: where in the large table they are. */
  readonly valuesFromMs: number | null
  readonly valuesToMs: number | null
}

const unstarted: SessionState = {
  evseId: null,
  connectorId: null,
  idToken: null,
  startedAt: null,
  endedAt: null,
  chargingState: null,
  stoppedReason: null,
  remoteStartId: null,
  reservationId: null,
  phasesUsed: null,
  firstSeqNo: 0,
  lastSeqNo: -1,
  eventCount: 0,
  meterStartWh: null,
  meterLastWh: null,
  chargingStateSeqNo: -1,
  phasesSeqNo: -1,
  meterSeqNo: -1,
  valuesFromMs: null,
  valuesToMs: null,
}

/**
 * Folds one event, which has not been folded before, into a session. Events may come in any order (a station that
 * was offline sends the old ones after new ones): facts that are fixed once (start, end, token) are taken
 * from whichever event has them, what changes is taken from the highest sequence number.
 */
export function foldTransactionEvent(
  previous: SessionState | undefined,
  event: TransactionEventRequest,
): SessionState {
  const before = previous ?? unstarted
  const { transactionInfo, evse, idToken, seqNo } = event
  const readings = energyReadingsWh(event.meterValue ?? [])
  const chargingState = seqNo > before.chargingStateSeqNo ? transactionInfo.chargingState : undefined
  const phasesUsed = seqNo > before.phasesSeqNo ? event.numberOfPhasesUsed : undefined
  const meterLastWh = seqNo > before.meterSeqNo ? readings.at(-1) : undefined
  const started = event.eventType === 'Started'
  return {
    evseId: evse?.id ?? before.evseId,
    connectorId: evse?.connectorId ?? before.connectorId,
    idToken: before.idToken ?? (idToken ? { type: idToken.type, idToken: idToken.idToken } : null),
    startedAt: started ? event.timestamp : before.startedAt,
    endedAt: event.eventType === 'Ended' ? event.timestamp : before.endedAt,
    chargingState: chargingState ?? before.chargingState,
    stoppedReason: transactionInfo.stoppedReason ?? before.stoppedReason,
    remoteStartId: transactionInfo.remoteStartId ?? before.remoteStartId,
    reservationId: event.reservationId ?? before.reservationId,
    phasesUsed: phasesUsed ?? before.phasesUsed,
    firstSeqNo: started ? seqNo : Math.min(before.firstSeqNo, seqNo),
    lastSeqNo: Math.max(before.lastSeqNo, seqNo),
    eventCount: before.eventCount + 1,
    meterStartWh: (started ? readings[0] : undefined) ?? before.meterStartWh ?? readings[0] ?? null,
    meterLastWh: meterLastWh ?? before.meterLastWh,
    chargingStateSeqNo: chargingState === undefined ? before.chargingStateSeqNo : seqNo,
    phasesSeqNo: phasesUsed === undefined ? before.phasesSeqNo : seqNo,
    meterSeqNo: meterLastWh === undefined ? before.meterSeqNo : seqNo,
    ...valueTimes(before, event.meterValue ?? []),
  }
}

function valueTimes(before: SessionState, values: readonly MeterValueType[]) {
  let { valuesFromMs, valuesToMs } = before
  for (const { timestamp } of values) {
    const atMs = Date.parse(timestamp)
    if (!Number.isFinite(atMs)) continue
    valuesFromMs = Math.min(valuesFromMs ?? atMs, atMs)
    valuesToMs = Math.max(valuesToMs ?? atMs, atMs)
  }
  return { valuesFromMs, valuesToMs }
}

/** Readings of Energy.Active.Import.Register over all phases, in Wh, in the order given. */
export function energyReadingsWh(values: readonly MeterValueType[]): number[] {
  const readings: number[] = []
  for (const { sampledValue } of values) {
    for (const sample of sampledValue) {
      // The measurand defaults to the import register (OCPP 2.0.1 SampledValueType).
      const measurand = sample.measurand ?? 'Energy.Active.Import.Register'
      if (measurand !== 'Energy.Active.Import.Register' || sample.phase !== undefined) continue
      if (sample.location !== undefined && sample.location !== 'Outlet') continue
      const unitWh = sample.unitOfMeasure?.unit === 'kWh' ? 1000 : 1
      readings.push(sample.value * unitWh * 10 ** (sample.unitOfMeasure?.multiplier ?? 0))
    }
  }
  return readings
}
