import type { Alarm, Site } from '../../profiles/index.ts'
import type { EventHub } from '../bus/ports.ts'
import type { Store } from '../store/ports.ts'

/** Alarms, also those that are not a decision's own: found by asking a station what it holds, or a car that still waits. */
export interface LoopAlarm {
  readonly code: Alarm['code'] | 'read-back-differs' | 'ev-profile-late'
  readonly where: string
  readonly detail: string
}

/** Says once that an alarm began: as an event of the station it is about, where it is about one. */
export class AlarmBook {
  readonly #options: { readonly store: Store; readonly hub: EventHub; readonly site: Site }
  #raised = new Set<string>()

  constructor(options: { readonly store: Store; readonly hub: EventHub; readonly site: Site }) {
    this.#options = options
  }

  /** The alarms of one decision; returns those that were not there before. */
  async observe(alarms: readonly LoopAlarm[], nowMs: number): Promise<readonly LoopAlarm[]> {
    const now = new Set(alarms.map(keyOf))
    const fresh = alarms.filter((alarm) => !this.#raised.has(keyOf(alarm)))
    this.#raised = now
    for (const alarm of fresh) await this.#record(alarm, nowMs)
    return fresh
  }

  async #record(alarm: LoopAlarm, nowMs: number): Promise<void> {
    const { site, store, hub } = this.#options
    const stationId = site.evseByKey.get(alarm.where)?.stationId
    if (stationId === undefined) return
    const at = new Date(nowMs).toISOString()
    const critical = alarm.code === 'disobeys' || alarm.code === 'safe-default-refused'
    await store.events.record({
      stationId,
      kind: 'energy',
      type: alarm.code,
      at,
      receivedAt: at,
      critical,
      detail: { where: alarm.where, detail: alarm.detail, siteId: site.id },
    })
    hub.publish({ kind: 'station.event', stationId, at, type: alarm.code, critical })
  }
}

function keyOf(alarm: LoopAlarm): string {
  return `${alarm.code} ${alarm.where}`
}
