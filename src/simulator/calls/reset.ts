import type { BootReasonEnumType, ResetStatusEnumType } from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'

export interface ResetServices {
  readonly evses: readonly Evse[]
  reboot(reason: BootReasonEnumType): void
}

/** B11, B12: resets of the station or one EVSE, at once or when nobody charges. */
export class Resets {
  readonly #context: StationContext
  readonly #services: ResetServices
  #stationWaits = false
  readonly #evsesWaiting = new Set<number>()

  constructor(context: StationContext, services: ResetServices) {
    this.#context = context
    this.#services = services
  }

  /** A transaction ended: carry out what was put off. */
  transactionEnded(): void {
    const { evses } = this.#services
    for (const evse of evses) {
      if (this.#evsesWaiting.has(evse.id) && evse.transaction === undefined)
        this.#evsesWaiting.delete(evse.id)
    }
    if (!this.#stationWaits || evses.some((evse) => evse.transaction !== undefined)) return
    this.#stationWaits = false
    this.#context.scheduler.after(0, () => this.#services.reboot('ScheduledReset'))
  }

  readonly handlers: Handlers = {
    Reset: ({ type, evseId }) => {
      const affected = this.#services.evses.filter((evse) => evseId === undefined || evse.id === evseId)
      if (affected.length === 0) return { answer: { status: 'Rejected' } }
      const busy = affected.some((evse) => evse.transaction !== undefined)
      const status: ResetStatusEnumType = busy && type === 'OnIdle' ? 'Scheduled' : 'Accepted'
      const after = () => {
        if (status === 'Scheduled' && evseId !== undefined) this.#evsesWaiting.add(evseId)
        else if (status === 'Scheduled') this.#stationWaits = true
        else if (evseId === undefined) this.#resetStation()
        else for (const evse of affected) evse.interrupt('ResetCommand', 'ImmediateReset')
      }
      return { answer: { status }, after }
    },
  }

  #resetStation(): void {
    for (const evse of this.#services.evses) evse.interrupt('ResetCommand', 'ImmediateReset')
    this.#services.reboot('RemoteReset')
  }
}
