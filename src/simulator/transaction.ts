import { randomUUID } from 'node:crypto'
import type {
  ChargingStateEnumType,
  IdTokenType,
  MeterValueType,
  ReasonEnumType,
  TransactionEventEnumType,
  TransactionEventRequest,
  TriggerReasonEnumType,
} from '../ocpp/v201/messages.generated.ts'

export interface TransactionEventDetails {
  readonly trigger: TriggerReasonEnumType
  readonly timestamp: string
  readonly offline: boolean
  readonly meterValue?: MeterValueType | undefined
  readonly idToken?: IdTokenType | undefined
  readonly phasesUsed?: number | undefined
  readonly stoppedReason?: ReasonEnumType
}

/** One transaction: numbers its events and remembers what the next one has to say. */
export class Transaction {
  readonly id: string
  readonly evseId: number
  readonly connectorId: number
  readonly startedMs: number
  readonly startEnergyWh: number
  chargingState: ChargingStateEnumType
  remoteStartId: number | undefined
  reservationId: number | undefined
  #seqNo = 0
  #chargingSinceMs: number | undefined
  #chargedMs = 0

  constructor(options: {
    evseId: number
    connectorId: number
    startedMs: number
    startEnergyWh: number
    chargingState: ChargingStateEnumType
    remoteStartId?: number | undefined
    reservationId?: number | undefined
  }) {
    this.id = randomUUID()
    this.evseId = options.evseId
    this.connectorId = options.connectorId
    this.startedMs = options.startedMs
    this.startEnergyWh = options.startEnergyWh
    this.chargingState = options.chargingState
    this.remoteStartId = options.remoteStartId
    this.reservationId = options.reservationId
  }

  /** True when the state is a new one. */
  changeState(state: ChargingStateEnumType, nowMs: number): boolean {
    if (state === this.chargingState) return false
    if (this.#chargingSinceMs !== undefined) this.#chargedMs += nowMs - this.#chargingSinceMs
    this.#chargingSinceMs = state === 'Charging' ? nowMs : undefined
    this.chargingState = state
    return true
  }

  event(
    eventType: TransactionEventEnumType,
    nowMs: number,
    details: TransactionEventDetails,
  ): TransactionEventRequest {
    const runningMs = this.#chargingSinceMs === undefined ? 0 : nowMs - this.#chargingSinceMs
    const isFirst = this.#seqNo === 0
    const { meterValue, idToken, phasesUsed, stoppedReason } = details
    return {
      eventType,
      timestamp: details.timestamp,
      triggerReason: details.trigger,
      seqNo: this.#seqNo++,
      offline: details.offline,
      evse: { id: this.evseId, connectorId: this.connectorId },
      transactionInfo: {
        transactionId: this.id,
        chargingState: this.chargingState,
        timeSpentCharging: Math.round((this.#chargedMs + runningMs) / 1000),
        ...(stoppedReason === undefined ? {} : { stoppedReason }),
        ...(this.remoteStartId === undefined ? {} : { remoteStartId: this.remoteStartId }),
      },
      ...(meterValue === undefined ? {} : { meterValue: [meterValue] }),
      ...(idToken === undefined ? {} : { idToken }),
      ...(phasesUsed === undefined ? {} : { numberOfPhasesUsed: phasesUsed }),
      ...(isFirst && this.reservationId !== undefined ? { reservationId: this.reservationId } : {}),
    }
  }
}
