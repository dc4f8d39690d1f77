import type {
  Action,
  BootReasonEnumType,
  ChargingLimitSourceEnumType,
  IdTokenType,
  Requests,
  Responses,
} from '../ocpp/v201/messages.generated.ts'
import { AlignedReadings } from './aligned.ts'
import { AnswerDesk } from './answer-desk.ts'
import { notifyChargingNeeds } from './calls/charging-needs.ts'
import type { ExternalLimit } from './calls/smart-charging.ts'
import type { SigningUse } from './certificates/signing.ts'
import type { CertificateStore } from './certificates/store.ts'
import { OcppClient } from './client.ts'
import { createStationClock } from './clock.ts'
import { type Counters, createCounters, type StationContext, type StationEvents } from './context.ts'
import { Conversation } from './conversation.ts'
import { liveValues } from './device/live.ts'
import { DeviceModel } from './device/model.ts'
import { createEmitter } from './emitter.ts'
import type { Evse } from './evse.ts'
import { leaveFactory } from './factory.ts'
import { FaultPanel } from './faults.ts'
import { assembleParts, type Parts } from './parts.ts'
import { PowerCycle } from './power-cycle.ts'
import { createRandom } from './random.ts'
import { Registration, type RegistrationState } from './registration.ts'
import { type Cancel, createRealScheduler, type Scheduler } from './scheduler.ts'
import type { StoredProfile } from './smart-charging/profile-store.ts'
import { STATION_DEFAULTS, type StationOptions } from './station-options.ts'
import { Uplink } from './uplink.ts'
import type { PhaseCurrents, Vehicle } from './vehicle.ts'

let sharedScheduler: Scheduler | undefined

/** A charging station that speaks OCPP 2.0.1 to a CSMS and lets cars draw what their profiles allow. */
export class Station {
  readonly id: string
  readonly faults: FaultPanel
  readonly device: DeviceModel
  readonly counters: Counters
  readonly #options: StationOptions
  readonly #scheduler: Scheduler
  readonly #context: StationContext
  readonly #parts: Parts
  readonly #client: OcppClient
  readonly #registration: Registration
  readonly #desk: AnswerDesk
  readonly #talk: Conversation
  readonly #uplink: Uplink
  #cancelTicks: Cancel | undefined
  readonly #power: PowerCycle
  #stopped = true
  readonly #aligned: AlignedReadings

  constructor(options: StationOptions) {
    this.id = options.id
    this.#options = options
    sharedScheduler ??= createRealScheduler()
    this.#scheduler = options.scheduler ?? sharedScheduler
    const random = createRandom(options.seed ?? STATION_DEFAULTS.seed).fork(options.id)
    this.faults = new FaultPanel(random.fork('faults'))
    this.counters = createCounters()
    const follows = options.followCsmsTime ?? true
    const clock = createStationClock(this.#scheduler, this.faults, follows)
    this.device = new DeviceModel({
      layout: { connectors: (options.evses ?? [{}]).map((evse) => evse.connectors ?? 1) },
      live: liveValues(() => this.#parts, clock),
      onChange: (placed) => this.#variableChanged(placed.spec.component, placed.spec.variable),
    })
    const events = createEmitter<StationEvents>()
    this.#talk = new Conversation({
      counters: this.counters,
      events,
      clock,
      client: () => this.#client,
      accepted: () => this.#registration.state === 'Accepted',
    })
    this.#context = {
      id: options.id,
      scheduler: this.#scheduler,
      random,
      clock,
      device: this.device,
      faults: this.faults,
      events,
      counters: this.counters,
      online: () => this.connected && this.#registration.state === 'Accepted',
      call: (action, request, how) => this.#talk.call(action, request, how),
      send: (action, request, how) => this.#talk.send(action, request, how),
      securityEvent: (type, techInfo) => this.#talk.securityEvent(type, techInfo),
      problem: (where, error) => this.#talk.problem(where, error),
    }
    this.#registration = new Registration(this.#context, {
      chargingStation: () => this.#nameplate(),
      accepted: () => this.#accepted(),
      online: () => this.#online(),
    })
    this.#parts = assembleParts(this.#context, options, {
      registration: () => this.#registration,
      reboot: (reason) => this.reboot(reason),
      stationCertificateChanged: () => this.#reconnectWith(3),
    })
    this.#aligned = new AlignedReadings(this.#context, this.#parts.evses)
    this.#desk = new AnswerDesk(this.#context, this.#parts.handlers, {
      refusesEverything: () => this.#registration.state === 'Rejected',
      dropSocket: () => this.#client.drop(),
    })
    const { pinnedPems } = leaveFactory(options, this.device, this.#parts.certificates, this.#scheduler.now())
    this.#uplink = new Uplink(this.#context, {
      parts: this.#parts,
      registration: this.#registration,
      desk: this.#desk,
      talk: this.#talk,
      backOff: options.backOff,
      pinnedPems,
    })
    this.#client = new OcppClient({
      stationId: options.id,
      scheduler: options.networkScheduler ?? this.#scheduler,
      random: random.fork('back-off'),
      hooks: this.#uplink,
      callTimeoutMs: options.callTimeoutMs ?? STATION_DEFAULTS.callTimeoutMs,
      pingIntervalMs: () => this.device.number('OCPPCommCtrlr.WebSocketPingInterval') * 1000,
      checkPayloads: options.checkPayloads ?? true,
    })
    this.#power = new PowerCycle(this.#context, {
      parts: this.#parts,
      client: this.#client,
      registration: this.#registration,
      bootDurationMs: options.bootDurationMs ?? STATION_DEFAULTS.bootDurationMs,
      stopTicks: () => this.#stopTicks(),
      isStopped: () => this.#stopped,
    })
  }

  readonly on: StationContext['events']['on'] = (name, listener) => this.#context.events.on(name, listener)

  get connected(): boolean {
    return this.#client.connected
  }

  get registration(): RegistrationState {
    return this.#registration.state
  }

  get evses(): readonly Evse[] {
    return this.#parts.evses
  }

  get certificates(): CertificateStore {
    return this.#parts.certificates
  }

  /** OCSP answers that the station holds for its own chain. */
  get ocspAnswers(): ReadonlyMap<string, string> {
    return this.#parts.ocsp.answers
  }

  get profiles(): readonly StoredProfile[] {
    return this.#parts.smartCharging.store.all
  }

  /** Calls of the CSMS that this station answers. */
  get answers(): readonly string[] {
    return Object.keys(this.#parts.handlers)
  }

  /** Transaction events that wait for the CSMS. */
  get queuedEvents(): number {
    return this.#parts.outbox.size
  }

  evse(evseId: number): Evse {
    const evse = this.#parts.evses[evseId - 1]
    if (evse === undefined) throw new RangeError(`${this.id} has no EVSE ${evseId}.`)
    return evse
  }

  /** True current on the station's phases. */
  currents(evseId: number): PhaseCurrents {
    return this.evse(evseId).currents
  }

  start(): void {
    this.#stopped = false
    this.#aligned.schedule()
    if (this.#parts.evses.some((evse) => evse.needsTicks)) this.#startTicks()
    this.#client.start()
  }

  /** Disconnects in good order; timers stop, cars stay where they are. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#power.stop()
    this.#aligned.stop()
    this.#stopTicks()
    this.#stopParts()
    await this.#client.stop()
  }

  /** Drives up, plugs in, and, when the car carries a token, presents it a moment later. */
  plugIn(evseId: number, vehicle: Vehicle, connectorId = 1): void {
    const evse = this.evse(evseId)
    evse.plugIn(vehicle, connectorId)
    this.#startTicks()
    this.#presentLater(evse, vehicle)
  }

  unplug(evseId: number): Vehicle | undefined {
    const vehicle = this.evse(evseId).unplug()
    if (!this.#parts.evses.some((evse) => evse.needsTicks)) this.#stopTicks()
    return vehicle
  }

  presentToken(evseId: number, token: IdTokenType): Promise<boolean> {
    return this.evse(evseId).presentToken(token)
  }

  /** Cuts the link without a closing handshake; the station reconnects by itself. */
  dropConnection(): void {
    this.#client.drop()
  }

  /** No link for so long; charging goes on by the profiles that are there. */
  goOffline(durationMs: number): void {
    this.#power.goOffline(durationMs)
  }

  /** Restarts and ends what runs: in good order after a reset, in the middle of a sentence otherwise. */
  reboot(reason: BootReasonEnumType = 'Watchdog'): void {
    this.#power.reboot(reason)
  }

  /** A defect of the EVSE (and its repair). */
  setFaulted(evseId: number, faulted: boolean): void {
    const evse = this.evse(evseId)
    evse.faulted = faulted
    if (faulted) {
      evse.interrupt('AbnormalCondition', 'GroundFault')
      this.#parts.reservations.removeFor(evseId)
    }
    this.#parts.status.changed(evse)
  }

  /** Asks for a certificate as a station does that has none or whose own runs out. */
  requestCertificate(use: SigningUse): Promise<void> {
    return this.#parts.signing.request(use)
  }

  setExternalLimit(limit: ExternalLimit): void {
    this.#parts.smartCharging.setExternalLimit(limit)
  }

  clearExternalLimit(evseId = 0, source: ChargingLimitSourceEnumType = 'EMS'): void {
    this.#parts.smartCharging.clearExternalLimit(evseId, source)
  }

  /** K17: the car wants another schedule, and the station passes its needs on again. */
  renegotiate(evseId: number): void {
    notifyChargingNeeds(this.#context, this.evse(evseId))
  }

  /** Any message of a station, for parts that live outside of it such as an ISO 15118 car. */
  call<A extends Action>(action: A, request: Requests[A]): Promise<Responses[A]> {
    return this.#talk.call(action, request)
  }

  securityEvent(type: string, techInfo = ''): void {
    this.#talk.securityEvent(type, techInfo)
  }

  #nameplate() {
    return {
      model: this.device.text('ChargingStation.Model'),
      vendorName: this.device.text('ChargingStation.VendorName'),
      serialNumber: this.device.text('ChargingStation.SerialNumber'),
      firmwareVersion: this.device.text('ChargingStation.FirmwareVersion'),
    }
  }

  #accepted(): void {
    this.#parts.status.forget()
    this.#parts.files.booted()
    this.#parts.signing.watchExpiry()
    for (const use of this.#options.obtainCertificates ?? []) this.#parts.signing.obtain(use)
    if (this.#parts.certificates.v2gChains.length > 0) this.#parts.ocsp.refresh()
    this.#talk.securityEvent('StartupOfTheDevice', '')
    for (const evse of this.#parts.evses) {
      const { vehicle } = evse
      const resumes = this.#options.resumeAfterReboot ?? true
      if (vehicle === undefined || evse.authorized) continue
      this.#startTicks()
      if (resumes) this.#presentLater(evse, vehicle)
    }
  }

  #online(): void {
    // B04: after a long absence everything is told again, after a short one what has changed.
    if (this.#uplink.wasLongAway()) this.#parts.status.forget()
    for (const evse of this.#parts.evses) this.#parts.status.changed(evse)
    this.#talk.catchUp()
    this.#parts.outbox.flush()
  }

  #presentLater(evse: Evse, vehicle: Vehicle): void {
    const { token } = vehicle
    if (token === undefined) return
    this.#scheduler.after(this.#options.driverDelayMs ?? STATION_DEFAULTS.driverDelayMs, () => {
      if (this.#stopped || evse.vehicle !== vehicle || evse.authorized) return
      evse.presentToken(token).catch((error: unknown) => this.#talk.problem('presentToken', error))
    })
  }

  #startTicks(): void {
    this.#cancelTicks ??= this.#scheduler.every(this.#options.stepMs ?? STATION_DEFAULTS.stepMs, () => {
      for (const evse of this.#parts.evses) evse.tick()
    })
  }

  #stopTicks(): void {
    this.#cancelTicks?.()
    this.#cancelTicks = undefined
  }

  #variableChanged(component: string, variable: string): void {
    const name = `${component}.${variable}`
    if (name === 'AlignedDataCtrlr.Interval' && !this.#stopped) this.#aligned.schedule()
    if (name === 'OCPPCommCtrlr.HeartbeatInterval' && this.#registration.state === 'Accepted') {
      this.#registration.scheduleHeartbeats()
    }
    // A01: the new password is used from the next connection on, which the station makes at once.
    if (name === 'SecurityCtrlr.BasicAuthPassword') this.#reconnectWith(1, 2)
  }

  #reconnectWith(...profiles: readonly number[]): void {
    if (!profiles.includes(this.#parts.network.endpoint.securityProfile)) return
    // After the answer that carries the acceptance has left.
    this.#scheduler.after(100, () => this.#client.reconnect())
  }

  #stopParts(): void {
    this.#registration.stop()
    this.#parts.signing.stop()
    this.#parts.ocsp.stop()
    this.#parts.monitoring.stop()
    this.#parts.files.stop()
  }
}

/** A simulated station; `start()` connects it. */
export function createStation(options: StationOptions): Station {
  return new Station(options)
}
