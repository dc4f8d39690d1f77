import type {
  ChargingStateEnumType,
  ConnectorStatusEnumType,
  IdTokenType,
  MeterValueType,
  ReadingContextEnumType,
  ReasonEnumType,
  TransactionEventRequest,
  TransactionEventResponse,
  TriggerReasonEnumType,
} from '../ocpp/v201/messages.generated.ts'
import { chargingState, LEAST_FLOW_A } from './charging-state.ts'
import type { StationContext } from './context.ts'
import type { Reading } from './meter.ts'
import { type EvseLimit, PowerPath, type Supply } from './power-path.ts'
import { seedOf } from './random.ts'
import type { Cancel } from './scheduler.ts'
import { Transaction } from './transaction.ts'
import type { PhaseCurrents, Vehicle } from './vehicle.ts'

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
export interface EvseServices {
  limit(evseId: number): EvseLimit
  /** Asks the local list, the cache or the CSMS. */
  authorize(token: IdTokenType): Promise<boolean>
  sameGroup(a: IdTokenType, b: IdTokenType): boolean
  record(event: TransactionEventRequest): void
  transactionEnded(transactionId: string): void
  statusChanged(evse: Evse): void
  needsKnown(evse: Evse): void
  /** The reservation that this token takes up on the EVSE, if any. */
  takeReservation(evseId: number, token: IdTokenType): number | undefined
  reservedFor(evseId: number): boolean
  draws(evse: Evse): void
}

interface Authorization {
  readonly token: IdTokenType
  readonly remoteStartId: number | undefined
}

/** Names in the field are unique across stations; ours follow from the station's identity. */
function defaultSeccId(stationId: string, evseId: number): string {
  return `DEGKD${String(seedOf(stationId)).padStart(10, '0')}E${evseId}`
}

const CHANGE_A = 0.05

/** One EVSE: cable, authorization, transaction and the power path between limit, car and meter. */
export class Evse {
  readonly id: number
  readonly connectors: number
  readonly seccId: string
  operational = true
  readonly inoperativeConnectors = new Set<number>()
  faulted = false
  /** What the CSMS last said this transaction costs. */
  totalCost: number | undefined
  readonly #context: StationContext
  readonly #services: EvseServices
  readonly #path: PowerPath
  #connectorId = 1
  #transaction: Transaction | undefined
  #authorization: Authorization | undefined
  #cancelCableTimeout: Cancel = () => {}
  #pluggedEnergyWh = 0
  #announcedA = 0
  #lastSampleMs = 0

  constructor(id: number, options: EvseOptions, context: StationContext, services: EvseServices) {
    this.id = id
    this.connectors = options.connectors ?? 1
    this.#path = new PowerPath(context, {
      kind: options.kind ?? 'AC',
      maxCurrentA: options.maxCurrentA ?? 32,
      phases: options.phases ?? 3,
      maxDcPowerW: options.maxDcPowerW ?? 150_000,
      voltageV: options.voltageV ?? 230,
    })
    this.seccId = options.seccId ?? defaultSeccId(context.id, id)
    this.#context = context
    this.#services = services
  }

  get supply(): Supply {
    return this.#path.supply
  }

  get vehicle(): Vehicle | undefined {
    return this.#path.vehicle
  }

  get transaction(): Transaction | undefined {
    return this.#transaction
  }

  get authorized(): boolean {
    return this.#authorization !== undefined
  }

  /** Token of the running transaction or of the driver who has still to plug in. */
  get token(): IdTokenType | undefined {
    return this.#authorization?.token
  }

  get connectorId(): number {
    return this.#connectorId
  }

  /** True current on the station's phases. */
  get currents(): PhaseCurrents {
    return this.#path.currents
  }

  get energyWh(): number {
    return this.#path.energyWh
  }

  get offeredA(): number {
    return this.#path.offeredA
  }

  get needsTicks(): boolean {
    return this.vehicle !== undefined
  }

  status(connectorId: number): ConnectorStatusEnumType {
    if (this.faulted) return 'Faulted'
    const taken = this.#connectorId === connectorId && (this.vehicle !== undefined || this.authorized)
    // A cable that is in, or a transaction, outlives a scheduled change to inoperative (G03/G04).
    if (taken) return 'Occupied'
    if (!this.operational || this.inoperativeConnectors.has(connectorId)) return 'Unavailable'
    if (this.vehicle !== undefined) return 'Unavailable'
    return this.#services.reservedFor(this.id) ? 'Reserved' : 'Available'
  }

  plugIn(vehicle: Vehicle, connectorId = 1): void {
    if (this.vehicle !== undefined) throw new Error(`EVSE ${this.id} has a car plugged in already.`)
    if (connectorId < 1 || connectorId > this.connectors) {
      throw new RangeError(`EVSE ${this.id} has no connector ${connectorId}.`)
    }
    this.#path.attach(vehicle)
    this.#connectorId = connectorId
    this.#pluggedEnergyWh = this.energyWh
    this.#cancelCableTimeout()
    this.#services.statusChanged(this)
    this.#context.events.emit('plugged', { evseId: this.id, vehicleId: vehicle.id })
    this.#signal('CablePluggedIn')
    this.#announceNeeds()
  }

  unplug(): Vehicle | undefined {
    const { vehicle } = this
    if (vehicle === undefined) return undefined
    this.#openPowerPath()
    this.#path.detach()
    if (this.#transaction !== undefined) this.#cableOut()
    this.#context.events.emit('unplugged', {
      evseId: this.id,
      vehicleId: vehicle.id,
      energyWh: this.energyWh - this.#pluggedEnergyWh,
    })
    this.#services.statusChanged(this)
    return vehicle
  }

  /** The driver holds a card to the reader: starts, or stops what the same card or its group started. */
  async presentToken(token: IdTokenType): Promise<boolean> {
    const present = this.#authorization
    if (present !== undefined) {
      if (!this.#services.sameGroup(present.token, token)) return false
      this.stop('StopAuthorized', 'Local', token)
      return true
    }
    const accepted = await this.#services.authorize(token)
    if (accepted) this.grant(token, 'Authorized')
    return accepted
  }

  /** Lets the driver charge: at the reader or by order of the CSMS. */
  grant(token: IdTokenType, trigger: TriggerReasonEnumType, remoteStartId?: number): void {
    if (this.authorized) return
    this.#authorization = { token, remoteStartId }
    if (this.#transaction !== undefined) this.#transaction.remoteStartId = remoteStartId
    this.#signal(trigger, token)
    if (this.vehicle === undefined) this.#waitForCable()
    this.#services.statusChanged(this)
    this.#announceNeeds()
  }

  /** Ends authorization and, where the stop points say so, the transaction. */
  stop(trigger: TriggerReasonEnumType, reason: ReasonEnumType, token?: IdTokenType): void {
    this.#openPowerPath()
    this.#authorization = undefined
    const stopPoints = this.#context.device.list('TxCtrlr.TxStopPoint')
    if (stopPoints.includes('Authorized') || stopPoints.includes('PowerPathClosed')) {
      this.#end(trigger, reason, token)
    } else if (this.#transaction !== undefined) {
      this.#setState('EVConnected')
      this.#transactionEvent('Updated', trigger, { idToken: token })
    }
    this.#services.statusChanged(this)
  }

  /** Reset, power loss or a fault: nothing flows any more and the transaction is over. */
  interrupt(trigger: TriggerReasonEnumType, reason: ReasonEnumType): void {
    this.#openPowerPath()
    this.#authorization = undefined
    this.#cancelCableTimeout()
    this.#end(trigger, reason)
    this.#services.statusChanged(this)
  }

  /** What the CSMS answered to one of this EVSE's transaction events. */
  answered(request: TransactionEventRequest, response: TransactionEventResponse): void {
    if (request.transactionInfo.transactionId !== this.#transaction?.id) return
    this.totalCost = response.totalCost ?? this.totalCost
    const status = response.idTokenInfo?.status
    if (status === undefined || status === 'Accepted' || !this.authorized) return
    if (this.#context.device.flag('TxCtrlr.StopTxOnInvalidId')) {
      this.stop('Deauthorized', 'DeAuthorized')
      return
    }
    this.#openPowerPath()
    this.#authorization = undefined
    this.#setState('SuspendedEVSE')
    this.#transactionEvent('Updated', 'ChargingStateChanged')
  }

  /** Moves the power path to now: car, energy, charging state, periodic readings. */
  tick(): void {
    const { vehicle } = this
    if (vehicle === undefined) return
    this.#path.advance(this.#limit())
    this.#services.draws(this)
    const nowMs = this.#context.scheduler.now()
    if (this.#transaction === undefined) return
    this.#followState(vehicle)
    this.#announceRate()
    const intervalMs = this.#context.device.number('SampledDataCtrlr.TxUpdatedInterval') * 1000
    if (intervalMs > 0 && nowMs - this.#lastSampleMs >= intervalMs - 1) {
      this.#lastSampleMs = nowMs
      this.#sample('MeterValuePeriodic', 'SampledDataCtrlr.TxUpdatedMeasurands', 'Sample.Periodic')
    }
  }

  /** Clock-aligned or triggered readings; within a transaction they travel in a TransactionEvent. */
  sampleTransaction(trigger: 'MeterValueClock' | 'Trigger'): void {
    const aligned = trigger === 'MeterValueClock'
    const list = aligned ? 'AlignedDataCtrlr.Measurands' : 'SampledDataCtrlr.TxUpdatedMeasurands'
    this.#sample(trigger, list, aligned ? 'Sample.Clock' : 'Trigger')
  }

  measure(list: string, context: ReadingContextEnumType): MeterValueType | undefined {
    return this.#path.measure(list, context)
  }

  /** What the meter shows, lies included. */
  reading(): Reading {
    return this.#path.reading()
  }

  get powerW(): number {
    return this.#path.powerW
  }

  get maxPowerW(): number {
    return this.#path.maxPowerW
  }

  /** Undefined while the contactor is open: nobody may charge. */
  #limit(): EvseLimit | undefined {
    const closed = this.authorized && this.#transaction !== undefined
    return closed ? this.#services.limit(this.id) : undefined
  }

  #openPowerPath(): void {
    this.#path.open(this.#limit())
    this.#services.draws(this)
  }

  #waitForCable(): void {
    const timeoutS = this.#context.device.number('TxCtrlr.EVConnectionTimeOut')
    this.#cancelCableTimeout()
    if (timeoutS <= 0) return
    this.#cancelCableTimeout = this.#context.scheduler.after(timeoutS * 1000, () => {
      if (this.vehicle !== undefined || !this.authorized) return
      this.#authorization = undefined
      this.#end('EVConnectTimeout', 'Timeout')
      this.#services.statusChanged(this)
    })
  }

  #cableOut(): void {
    const { device } = this.#context
    const stopPoints = device.list('TxCtrlr.TxStopPoint')
    const stops = stopPoints.includes('EVConnected') || stopPoints.includes('PowerPathClosed')
    if (stops && device.flag('TxCtrlr.StopTxOnEVSideDisconnect')) {
      this.#authorization = undefined
      this.#end('EVCommunicationLost', 'EVDisconnected')
      return
    }
    this.#setState('Idle')
    this.#transactionEvent('Updated', 'EVCommunicationLost')
    this.#waitForCable()
  }

  #announceNeeds(): void {
    if (this.vehicle?.iso15118 && this.authorized && this.#transaction !== undefined) {
      this.#services.needsKnown(this)
    }
  }

  /** Something happened that starts a transaction or is worth telling in the running one. */
  #signal(trigger: TriggerReasonEnumType, idToken?: IdTokenType): void {
    if (this.#transaction === undefined && !this.#reaches('TxCtrlr.TxStartPoint')) return
    if (this.#transaction !== undefined) {
      this.#setState(this.vehicle === undefined ? 'Idle' : 'EVConnected')
      this.#transactionEvent('Updated', trigger, { idToken })
      return
    }
    this.#start(trigger, idToken ?? this.#authorization?.token)
  }

  #start(trigger: TriggerReasonEnumType, idToken: IdTokenType | undefined): void {
    const nowMs = this.#context.scheduler.now()
    const reservationId = idToken && this.#services.takeReservation(this.id, idToken)
    const transaction = new Transaction({
      evseId: this.id,
      connectorId: this.#connectorId,
      startedMs: nowMs,
      startEnergyWh: this.energyWh,
      chargingState: this.vehicle === undefined ? 'Idle' : 'EVConnected',
      remoteStartId: this.#authorization?.remoteStartId,
      reservationId,
    })
    this.#transaction = transaction
    this.totalCost = undefined
    this.#lastSampleMs = nowMs
    this.#announcedA = 0
    this.#context.counters.transactions++
    const reading = this.measure('SampledDataCtrlr.TxStartedMeasurands', 'Transaction.Begin')
    this.#transactionEvent('Started', trigger, { idToken, meterValue: reading })
    this.#context.events.emit('transactionStarted', { evseId: this.id, transactionId: transaction.id })
  }

  #reaches(points: string): boolean {
    const connected = this.vehicle !== undefined
    return this.#context.device.list(points).some((point) => {
      if (point === 'EVConnected') return connected
      if (point === 'Authorized') return this.authorized
      return (
        ['PowerPathClosed', 'EnergyTransfer', 'DataSigned'].includes(point) && connected && this.authorized
      )
    })
  }

  #followState(vehicle: Vehicle): void {
    const state = chargingState({
      authorized: this.authorized,
      flowsA: this.currents[0],
      offeredA: this.offeredA,
      leastOfferA: this.supply.kind === 'DC' ? LEAST_FLOW_A : vehicle.minCurrentA,
      full: vehicle.full,
      before: this.#transaction?.chargingState,
    })
    if (!this.#setState(state)) return
    const phasesUsed = this.currents.filter((currentA) => currentA > LEAST_FLOW_A).length
    this.#transactionEvent('Updated', 'ChargingStateChanged', {
      meterValue: this.measure('SampledDataCtrlr.TxUpdatedMeasurands', 'Other'),
      phasesUsed: this.supply.kind === 'AC' && phasesUsed > 0 ? phasesUsed : undefined,
    })
  }

  /** True when the state is a new one. */
  #setState(state: ChargingStateEnumType): boolean {
    return this.#transaction?.changeState(state, this.#context.scheduler.now()) ?? false
  }

  /** K: tells the CSMS when the allowed rate has changed by more than LimitChangeSignificance. */
  #announceRate(): void {
    const changeA = Math.abs(this.offeredA - this.#announcedA)
    const share = this.#context.device.number('SmartChargingCtrlr.LimitChangeSignificance') / 100
    if (changeA <= Math.max(CHANGE_A, this.#announcedA * share)) return
    this.#announcedA = this.offeredA
    this.#sample('ChargingRateChanged', 'SampledDataCtrlr.TxUpdatedMeasurands', 'Other')
  }

  #sample(trigger: TriggerReasonEnumType, list: string, context: ReadingContextEnumType): void {
    if (this.#transaction === undefined) return
    const reading = this.measure(list, context)
    if (reading === undefined && trigger !== 'Trigger') return
    this.#transactionEvent('Updated', trigger, { meterValue: reading })
  }

  #end(trigger: TriggerReasonEnumType, reason: ReasonEnumType, idToken?: IdTokenType): void {
    const transaction = this.#transaction
    if (transaction === undefined) return
    this.#setState(this.vehicle === undefined ? 'Idle' : 'EVConnected')
    const reading = this.measure('SampledDataCtrlr.TxEndedMeasurands', 'Transaction.End')
    this.#transactionEvent('Ended', trigger, { meterValue: reading, idToken, stoppedReason: reason })
    this.#transaction = undefined
    this.#services.transactionEnded(transaction.id)
    this.#context.events.emit('transactionEnded', {
      evseId: this.id,
      transactionId: transaction.id,
      energyWh: this.energyWh - transaction.startEnergyWh,
      reason,
    })
  }

  #transactionEvent(
    type: 'Started' | 'Updated' | 'Ended',
    trigger: TriggerReasonEnumType,
    details: {
      idToken?: IdTokenType | undefined
      meterValue?: MeterValueType | undefined
      phasesUsed?: number | undefined
      stoppedReason?: ReasonEnumType
    } = {},
  ): void {
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
