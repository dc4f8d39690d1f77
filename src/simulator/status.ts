import type { ConnectorStatusEnumType } from '../ocpp/v201/messages.generated.ts'
import type { StationContext } from './context.ts'
import type { Evse } from './evse.ts'

/** StatusNotification: each change once, and what changed offline after the reconnect (B04). */
export class StatusReporter {
  readonly #context: StationContext
  readonly #reported = new Map<string, ConnectorStatusEnumType>()

  constructor(context: StationContext) {
    this.#context = context
  }

  /** After a boot the CSMS knows nothing: everything is news. */
  forget(): void {
    this.#reported.clear()
  }

  changed(evse: Evse): void {
    if (!this.#context.online()) return
    for (let connectorId = 1; connectorId <= evse.connectors; connectorId++) {
      if (this.#reported.get(`${evse.id}/${connectorId}`) !== evse.status(connectorId)) {
        this.notify(evse, connectorId)
      }
    }
  }

  notify(evse: Evse, connectorId: number, how?: { solicited?: boolean }): void {
    const connectorStatus = evse.status(connectorId)
    this.#reported.set(`${evse.id}/${connectorId}`, connectorStatus)
    const timestamp = this.#context.clock.iso()
    this.#context.send(
      'StatusNotification',
      { timestamp, connectorStatus, evseId: evse.id, connectorId },
      how,
    )
  }
}
