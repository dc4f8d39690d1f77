import type { StationBus } from '../bus/ports.ts'
import type { GetVariablesRequest } from '../ocpp/v201/messages.generated.ts'
import type { LiveSite } from './live-site.ts'
import type { PushDesk } from './push-desk.ts'

const WANTED = [
  'Enabled',
  'Available',
  'RateUnit',
  'ProfileStackLevel',
  'PeriodsPerSchedule',
  'LimitChangeSignificance',
  'ACPhaseSwitchingSupported',
  'UpdateRateLimit',
]

export interface DeviceReaderOptions {
  readonly bus: Pick<StationBus, 'call'>
  readonly live: LiveSite
  readonly desk: PushDesk
  readonly deadlineMs: number
  readonly onRead: () => void
}

/** A station that did not say is asked again when it may have changed; one that could not be asked, soon. */
const AGAIN_MS = 3_600_000
const SOON_MS = 60_000

/**
 * Asks stations for what their profiles are shaped by, before the first one; the answer is kept with the device model.
 * What is not answered keeps its careful default.
 */
export class DeviceReader {
  readonly #options: DeviceReaderOptions
  readonly #dueMs = new Map<string, number>()

  constructor(options: DeviceReaderOptions) {
    this.#options = options
  }

  ask(nowMs: number): void {
    const { live, desk, onRead } = this.#options
    for (const stationId of live.undescribed()) {
      if (nowMs < (this.#dueMs.get(stationId) ?? 0)) continue
      const asking = async () => {
        if (await this.#read(stationId)) this.#dueMs.set(stationId, nowMs + AGAIN_MS)
        live.deviceChanged(stationId)
        onRead()
      }
      if (desk.occupy(stationId, asking)) this.#dueMs.set(stationId, nowMs + SOON_MS)
    }
  }

  async #read(stationId: string): Promise<boolean> {
    const { bus, deadlineMs } = this.#options
    const [first, ...more] = WANTED.map((name) => ({
      component: { name: 'SmartChargingCtrlr' },
      variable: { name },
    }))
    if (!first) return true
    const all: GetVariablesRequest = { getVariableData: [first, ...more] }
    const outcome = await bus.call(stationId, 'GetVariables', all, { deadlineMs })
    if (outcome.kind !== 'refused') return outcome.kind === 'answered'
    // It may take fewer items at once than it was asked for (B06.FR.16).
    for (const one of [first, ...more])
      await bus.call(stationId, 'GetVariables', { getVariableData: [one] }, { deadlineMs })
    return true
  }
}
