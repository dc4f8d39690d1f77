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
import { defaultSeccId, type EvseOptions, type EvseServices, supplyOf } from './evse-options.ts'
import type { Reading } from './meter.ts'
import { type EvseLimit, PowerPath, type Supply } from './power-path.ts'
import type { Cancel } from './scheduler.ts'
import type { Transaction } from './transaction.ts'
import { TransactionReport } from './transaction-report.ts'
import type { PhaseCurrents, Vehicle } from './vehicle.ts'

interface Authorization {
  readonly token: IdTokenType
  readonly remoteStartId: number | undefined
}

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
  readonly #report: TransactionReport
  #authorization: Authorization | undefined
  #cancelCableTimeout: Cancel = () => {}
  #pluggedEnergyWh = 0

  constructor(id: number, options: EvseOptions, context: StationContext, services: EvseServices) {
    this.id = id
    this.connectors = options.connectors ?? 1
    this.#path = new PowerPath(context, supplyOf(options))
    this.seccId = options.seccId ?? defaultSeccId(context.id, id)
    this.#context = context
    this.#services = services
    this.#report = new TransactionReport({ evseId: id, context, services, path: this.#path })
  }

  get supply(): Supply {
    return this.#path.supply
  }

  get vehicle(): Vehicle | undefined {
    return this.#path.vehicle
  }

  get transaction(): Transaction | undefined {
    return this.#report.transaction
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
    if (this.transaction !== undefined) this.#cableOut()
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
    if (this.transaction !== undefined) this.transaction.remoteStartId = remoteStartId
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
    } else if (this.transaction !== undefined) {
      this.#report.changeState('EVConnected')
      this.#report.update(trigger, { idToken: token })
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
    if (request.transactionInfo.transactionId !== this.transaction?.id) return
    this.totalCost = response.totalCost ?? this.totalCost
    const status = response.idTokenInfo?.status
    if (status === undefined || status === 'Accepted' || !this.authorized) return
    if (this.#context.device.flag('TxCtrlr.StopTxOnInvalidId')) {
      this.stop('Deauthorized', 'DeAuthorized')
      return
    }
    this.#openPowerPath()
    this.#authorization = undefined
    this.#report.changeState('SuspendedEVSE')
    this.#report.update('ChargingStateChanged')
  }

  /** Moves the power path to now: car, energy, charging state, periodic readings. */
  tick(): void {
    const { vehicle } = this
    if (vehicle === undefined) return
    this.#path.advance(this.#limit())
    this.#services.draws(this)
    if (this.transaction === undefined) return
    this.#followState(vehicle)
    this.#report.announceRate()
    this.#report.samplePeriodically()
  }

  /** Clock-aligned or triggered readings; within a transaction they travel in a TransactionEvent. */
  sampleTransaction(trigger: 'MeterValueClock' | 'Trigger'): void {
    const aligned = trigger === 'MeterValueClock'
    const list = aligned ? 'AlignedDataCtrlr.Measurands' : 'SampledDataCtrlr.TxUpdatedMeasurands'
    this.#report.sample(trigger, list, aligned ? 'Sample.Clock' : 'Trigger')
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
    const closed = this.authorized && this.transaction !== undefined
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
    this.#report.changeState('Idle')
    this.#report.update('EVCommunicationLost')
    this.#waitForCable()
  }

  #announceNeeds(): void {
    if (this.vehicle?.iso15118 && this.authorized && this.transaction !== undefined) {
      this.#services.needsKnown(this)
    }
  }

  /** Something happened that starts a transaction or is worth telling in the running one. */
  #signal(trigger: TriggerReasonEnumType, idToken?: IdTokenType): void {
    if (this.transaction === undefined && !this.#reaches('TxCtrlr.TxStartPoint')) return
    if (this.transaction !== undefined) {
      this.#report.changeState(this.#idleState)
      this.#report.update(trigger, { idToken })
      return
    }
    this.#start(trigger, idToken ?? this.#authorization?.token)
  }

  #start(trigger: TriggerReasonEnumType, idToken: IdTokenType | undefined): void {
    this.totalCost = undefined
    this.#report.begin({
      trigger,
      connectorId: this.#connectorId,
      chargingState: this.#idleState,
      idToken,
      remoteStartId: this.#authorization?.remoteStartId,
    })
  }

  /** With the contactor open. */
  get #idleState(): ChargingStateEnumType {
    return this.vehicle === undefined ? 'Idle' : 'EVConnected'
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
      before: this.transaction?.chargingState,
    })
    if (!this.#report.changeState(state)) return
    const phasesUsed = this.currents.filter((currentA) => currentA > LEAST_FLOW_A).length
    this.#report.update('ChargingStateChanged', {
      meterValue: this.measure('SampledDataCtrlr.TxUpdatedMeasurands', 'Other'),
      phasesUsed: this.supply.kind === 'AC' && phasesUsed > 0 ? phasesUsed : undefined,
    })
  }

  #end(trigger: TriggerReasonEnumType, reason: ReasonEnumType, idToken?: IdTokenType): void {
    this.#report.end({ trigger, reason, chargingState: this.#idleState, idToken })
  }
}
