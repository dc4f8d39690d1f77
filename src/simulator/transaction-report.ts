import type {
  ChargingStateEnumType,
  IdTokenType,
  MeterValueType,
  ReadingContextEnumType,
  ReasonEnumType,
  TransactionEventEnumType,
  TransactionEventRequest,
  TriggerReasonEnumType,
} from '../ocpp/v201/messages.generated.ts'
import type { StationContext } from './context.ts'
import type { PowerPath } from './power-path.ts'
import { Transaction } from './transaction.ts'

/** What an EVSE's transactions need from the rest of the station. */
export interface ReportServices {
  record(event: TransactionEventRequest): void
  transactionEnded(transactionId: string): void
  /** The reservation that this token takes up on the EVSE, if any. */
  takeReservation(evseId: number, token: IdTokenType): number | undefined
}

export interface EventDetails {
  readonly idToken?: IdTokenType | undefined
  readonly meterValue?: MeterValueType | undefined
  readonly phasesUsed?: number | undefined
  readonly stoppedReason?: ReasonEnumType
}

const CHANGE_A = 0.05

/** The transaction of an EVSE, and what the CSMS is told of it: its events, its readings, the rate it is offered. */
export class TransactionReport {
  readonly #evseId: number
  readonly #context: StationContext
  readonly #services: ReportServices
  readonly #path: PowerPath
  #transaction: Transaction | undefined
  #announcedA = 0
  #lastSampleMs = 0

  constructor(options: {
    evseId: number
    context: StationContext
    services: ReportServices
    path: PowerPath
  }) {
    this.#evseId = options.evseId
    this.#context = options.context
    this.#services = options.services
    this.#path = options.path
  }

  get transaction(): Transaction | undefined {
    return this.#transaction
  }

  begin(options: {
    trigger: TriggerReasonEnumType
    connectorId: number
    chargingState: ChargingStateEnumType
    idToken: IdTokenType | undefined
    remoteStartId: number | undefined
  }): void {
    const { trigger, idToken, ...begun } = options
    const startedMs = this.#context.scheduler.now()
    const transaction = new Transaction({
      ...begun,
      evseId: this.#evseId,
      startedMs,
      startEnergyWh: this.#path.energyWh,
      reservationId: idToken && this.#services.takeReservation(this.#evseId, idToken),
    })
    this.#transaction = transaction
    this.#lastSampleMs = startedMs
    this.#announcedA = 0
    this.#context.counters.transactions++
    const reading = this.#path.measure('SampledDataCtrlr.TxStartedMeasurands', 'Transaction.Begin')
    this.#tell('Started', trigger, { idToken, meterValue: reading })
    this.#context.events.emit('transactionStarted', { evseId: this.#evseId, transactionId: transaction.id })
  }

  update(trigger: TriggerReasonEnumType, details: EventDetails = {}): void {
    this.#tell('Updated', trigger, details)
  }

  end(options: {
    trigger: TriggerReasonEnumType
    reason: ReasonEnumType
    chargingState: ChargingStateEnumType
    idToken: IdTokenType | undefined
  }): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    const { trigger, reason, idToken } = options
    this.changeState(options.chargingState)
    const meterValue = this.#path.measure('SampledDataCtrlr.TxEndedMeasurands', 'Transaction.End')
    this.#tell('Ended', trigger, { meterValue, idToken, stoppedReason: reason })
    this.#transaction = undefined
    this.#services.transactionEnded(transaction.id)
    this.#context.events.emit('transactionEnded', {
      evseId: this.#evseId,
      transactionId: transaction.id,
      energyWh: this.#path.energyWh - transaction.startEnergyWh,
      reason,
    })
  }

  /** True when the state is a new one. */
  changeState(state: ChargingStateEnumType): boolean {
    return this.#transaction?.changeState(state, this.#context.scheduler.now()) ?? false
  }

  sample(trigger: TriggerReasonEnumType, list: string, context: ReadingContextEnumType): void {
    if (this.#transaction === undefined) return
    const reading = this.#path.measure(list, context)
    if (reading === undefined && trigger !== 'Trigger') return
    this.update(trigger, { meterValue: reading })
  }

  /** The reading that is due while a transaction runs, if one is. */
  samplePeriodically(): void {
    const nowMs = this.#context.scheduler.now()
    const intervalMs = this.#context.device.number('SampledDataCtrlr.TxUpdatedInterval') * 1000
    if (intervalMs <= 0 || nowMs - this.#lastSampleMs < intervalMs - 1) return
    this.#lastSampleMs = nowMs
    this.sample('MeterValuePeriodic', 'SampledDataCtrlr.TxUpdatedMeasurands', 'Sample.Periodic')
  }

  /** K: tells the CSMS when the allowed rate has changed by more than LimitChangeSignificance. */
  announceRate(): void {
    const { offeredA } = this.#path
    const share = this.#context.device.number('SmartChargingCtrlr.LimitChangeSignificance') / 100
    if (Math.abs(offeredA - this.#announcedA) <= Math.max(CHANGE_A, this.#announcedA * share)) return
    this.#announcedA = offeredA
    this.sample('ChargingRateChanged', 'SampledDataCtrlr.TxUpdatedMeasurands', 'Other')
  }

  #tell(type: TransactionEventEnumType, trigger: TriggerReasonEnumType, details: EventDetails): void {
    const { clock, scheduler } = this.#context
    const event = this.#transaction?.event(type, scheduler.now(), {
      trigger,
      timestamp: clock.iso(),
      offline: !this.#context.online(),
      ...details,
    })
    if (event !== undefined) this.#services.record(event)
  }
}
