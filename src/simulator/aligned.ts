import type { StationContext } from './context.ts'
import type { Evse } from './evse.ts'
import type { Cancel } from './scheduler.ts'

/** J01: readings at round clock times, within a transaction or outside of one. */
export class AlignedReadings {
  readonly #context: StationContext
  readonly #evses: readonly Evse[]
  #cancel: Cancel = () => {}

  constructor(context: StationContext, evses: readonly Evse[]) {
    this.#context = context
    this.#evses = evses
  }

  /** From now on, and again whenever the interval changes. */
  schedule(): void {
    this.stop()
    const { device, clock, scheduler } = this.#context
    const intervalMs = device.number('AlignedDataCtrlr.Interval') * 1000
    if (intervalMs <= 0) return
    const nowMs = clock.now()
    const dueMs = (Math.floor(nowMs / intervalMs) + 1) * intervalMs
    this.#cancel = scheduler.after(dueMs - nowMs, () => {
      this.#sample()
      this.schedule()
    })
  }

  stop(): void {
    this.#cancel()
  }

  #sample(): void {
    const { device } = this.#context
    if (!device.flag('AlignedDataCtrlr.Enabled')) return
    const busy = this.#evses.some((evse) => evse.transaction !== undefined)
    if (busy && device.flag('AlignedDataCtrlr.SendDuringIdle')) return
    for (const evse of this.#evses) {
      if (evse.transaction !== undefined) {
        evse.sampleTransaction('MeterValueClock')
        continue
      }
      const value = evse.measure('AlignedDataCtrlr.Measurands', 'Sample.Clock')
      if (value !== undefined) this.#context.send('MeterValues', { evseId: evse.id, meterValue: [value] })
    }
  }
}
