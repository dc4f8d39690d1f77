import type { BootReasonEnumType, ChargingStationType } from '../ocpp/v201/messages.generated.ts'
import type { StationContext } from './context.ts'
import type { Cancel } from './scheduler.ts'

export interface RegistrationServices {
  chargingStation(): ChargingStationType
  /** The first acceptance since this boot. */
  accepted(): void
  /** Each time when calls may flow again: after acceptance, and after each reconnect. */
  online(): void
}

export type RegistrationState = 'none' | 'Accepted' | 'Pending' | 'Rejected'

const FALLBACK_INTERVAL_S = 30

/** B01-B03: BootNotification until the CSMS accepts, then heartbeats. */
export class Registration {
  readonly #context: StationContext
  readonly #services: RegistrationServices
  #state: RegistrationState = 'none'
  #reason: BootReasonEnumType = 'PowerUp'
  #booting = false
  #cancelRetry: Cancel = () => {}
  #cancelHeartbeat: Cancel = () => {}

  constructor(context: StationContext, services: RegistrationServices) {
    this.#context = context
    this.#services = services
  }

  get state(): RegistrationState {
    return this.#state
  }

  /** The station restarts: whatever the CSMS said before no longer counts. */
  restart(reason: BootReasonEnumType): void {
    this.stop()
    this.#state = 'none'
    this.#reason = reason
  }

  stop(): void {
    this.#cancelRetry()
    this.#cancelHeartbeat()
  }

  connected(): void {
    if (this.#state === 'Accepted') {
      // No boot happened: the CSMS still knows the station (OCPP 2.0.1 wants no BootNotification here).
      this.#services.online()
      return
    }
    void this.boot()
  }

  async boot(how: { triggered?: boolean } = {}): Promise<void> {
    if (this.#booting) return
    this.#booting = true
    this.#cancelRetry()
    const reason = how.triggered ? 'Triggered' : this.#reason
    try {
      const request = { reason, chargingStation: this.#services.chargingStation() }
      const response = await this.#context.call('BootNotification', request, { solicited: true })
      this.#context.clock.synchronise(response.currentTime)
      this.#context.events.emit('registered', { status: response.status, intervalS: response.interval })
      this.#state = response.status
      if (response.status === 'Accepted') this.#accepted(response.interval)
      else this.#retryIn(response.interval)
    } catch (error) {
      this.#context.problem('BootNotification', error)
      this.#retryIn(0)
    } finally {
      this.#booting = false
    }
  }

  async heartbeat(how: { solicited?: boolean } = {}): Promise<void> {
    try {
      const { currentTime } = await this.#context.call('Heartbeat', {}, how)
      this.#context.clock.synchronise(currentTime)
    } catch (error) {
      this.#context.problem('Heartbeat', error)
    }
  }

  #accepted(intervalS: number): void {
    if (intervalS > 0) this.#context.device.put('OCPPCommCtrlr.HeartbeatInterval', String(intervalS))
    this.scheduleHeartbeats()
    this.#services.accepted()
    this.#services.online()
  }

  /** Again whenever the interval changes. */
  scheduleHeartbeats(): void {
    this.#cancelHeartbeat()
    const periodMs = this.#context.device.number('OCPPCommCtrlr.HeartbeatInterval') * 1000
    // Spread over the period, so that a fleet that booted together does not beat together.
    const firstMs = periodMs * this.#context.random.between(0.5, 1)
    this.#cancelHeartbeat = this.#context.scheduler.after(firstMs, () => {
      if (this.#context.online()) void this.heartbeat()
      this.#cancelHeartbeat = this.#context.scheduler.every(periodMs, () => {
        if (this.#context.online()) void this.heartbeat()
      })
    })
  }

  #retryIn(intervalS: number): void {
    const waitMs = (intervalS > 0 ? intervalS : FALLBACK_INTERVAL_S) * 1000
    this.#cancelRetry = this.#context.scheduler.after(waitMs, () => void this.boot())
  }
}
