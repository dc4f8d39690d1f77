import type { BootReasonEnumType } from '../ocpp/v201/messages.generated.ts'
import type { OcppClient } from './client.ts'
import type { StationContext } from './context.ts'
import type { Parts } from './parts.ts'
import type { Registration } from './registration.ts'
import type { Cancel } from './scheduler.ts'

const ORDERLY: ReadonlySet<BootReasonEnumType> = new Set(['RemoteReset', 'ScheduledReset', 'FirmwareUpdate'])
const LAST_WORDS_STEP_MS = 100
const LAST_WORDS_PATIENCE = 20

export interface PowerCycleOptions {
  readonly parts: Parts
  readonly client: OcppClient
  readonly registration: Registration
  readonly bootDurationMs: number
  readonly stopTicks: () => void
  /** A station that was switched off does not start again by itself. */
  readonly isStopped: () => boolean
}

/** Restarts and times without a link: in good order after a reset, in the middle of a sentence otherwise. */
export class PowerCycle {
  readonly #context: StationContext
  readonly #options: PowerCycleOptions
  #cancel: Cancel = () => {}

  constructor(context: StationContext, options: PowerCycleOptions) {
    this.#context = context
    this.#options = options
  }

  reboot(reason: BootReasonEnumType): void {
    const { parts, client } = this.#options
    if (ORDERLY.has(reason)) {
      for (const evse of parts.evses) evse.interrupt('ResetCommand', 'Reboot')
      this.#afterLastWords(() => {
        client.hangUp()
        this.#restart(reason)
      })
      return
    }
    client.cut()
    const stoppedReason = reason === 'PowerUp' ? 'PowerLoss' : 'Reboot'
    for (const evse of parts.evses) evse.interrupt('AbnormalCondition', stoppedReason)
    this.#restart(reason)
  }

  goOffline(durationMs: number): void {
    this.#options.client.cut()
    this.#startAfter(durationMs)
  }

  stop(): void {
    this.#cancel()
  }

  #restart(reason: BootReasonEnumType): void {
    const { parts, registration, bootDurationMs, stopTicks } = this.#options
    this.#context.counters.reboots++
    this.#context.events.emit('rebooted', { reason })
    registration.restart(reason)
    stopTicks()
    parts.ocsp.stop()
    parts.status.forget()
    parts.network.booted()
    this.#startAfter(bootDurationMs)
  }

  /** Gives the events of the ended transactions a moment to be answered. */
  #afterLastWords(next: () => void, patience = LAST_WORDS_PATIENCE): void {
    if (patience === 0 || this.#options.parts.outbox.size === 0 || !this.#context.online()) {
      next()
      return
    }
    this.#cancel()
    this.#cancel = this.#context.scheduler.after(LAST_WORDS_STEP_MS, () => {
      this.#afterLastWords(next, patience - 1)
    })
  }

  #startAfter(delayMs: number): void {
    this.#cancel()
    this.#cancel = this.#context.scheduler.after(delayMs, () => {
      if (!this.#options.isStopped()) this.#options.client.start()
    })
  }
}
