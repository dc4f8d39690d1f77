/**
 * Stations that wait for a slow authority are told to be patient before they ask again (A02.FR.17), and to be as they
 * were when it is over.
 */

import type { SigningOrder } from '../../store/certificates.ts'
import { audit, type FleetContext } from './context.ts'

const LONGEST_WAIT_S = 3_600
/** Where a station does not say: the shortest that is common. */
const USUAL_WAIT_S = 30
const MAX_ORDERS = 1000
const MAX_TOLD = 50_000

export class Patience {
  readonly #context: FleetContext
  /** What was asked of stations here, whatever they answered: once per doubling. */
  readonly #told = new Map<string, number>()

  constructor(context: FleetContext) {
    this.#context = context
  }

  async sweep(): Promise<void> {
    const { store } = this.#context
    const waiting = await store.certificates.orders({ states: ['requested'], limit: MAX_ORDERS })
    for (const order of waiting) await this.#raise(order)
    // More orders than are looked at: nobody can tell who has none.
    if (waiting.length >= MAX_ORDERS) return
    const busy = new Set(waiting.map(({ stationId }) => stationId))
    for (const { stationId, signingWaitS } of await store.fleet.raisedWaits())
      if (!busy.has(stationId)) await this.#restore(stationId, signingWaitS)
  }

  /** Before the station's own timer ends, once per doubling. */
  async #raise({ stationId, createdAt }: SigningOrder): Promise<void> {
    const { store, bus, clock } = this.#context
    const ageS = (clock.now() - Date.parse(createdAt)) / 1000
    const fromS = await this.#waitOf(stationId)
    if (ageS < fromS * 0.5 || fromS >= LONGEST_WAIT_S || !bus.isOnline(stationId)) return
    const toS = Math.min(LONGEST_WAIT_S, Math.ceil(Math.max(fromS, ageS) * 2))
    const before = (await store.fleet.trust(stationId))?.signingWaitS ?? fromS
    // On disk first: what was raised is set back even where this process ends.
    await store.fleet.updateTrust(stationId, { signingWaitS: before })
    await this.#set(stationId, toS, 'station.signing-wait-raised', fromS)
  }

  async #restore(stationId: string, toS: number): Promise<void> {
    const { store, bus } = this.#context
    if (!bus.isOnline(stationId)) return
    const isSettled = await this.#set(stationId, toS, 'station.signing-wait-restored', undefined)
    this.#told.delete(stationId)
    if (isSettled) await store.fleet.updateTrust(stationId, { signingWaitS: null })
  }

  /** False where nobody can tell yet. A station that refuses keeps what it has. */
  async #set(stationId: string, toS: number, action: string, fromS: number | undefined): Promise<boolean> {
    if (this.#told.size >= MAX_TOLD) this.#told.clear()
    this.#told.set(stationId, toS)
    const outcome = await this.#context.bus.call(
      stationId,
      'SetVariables',
      {
        setVariableData: [
          {
            component: { name: 'SecurityCtrlr' },
            variable: { name: 'CertSigningWaitMinimum' },
            attributeValue: String(toS),
          },
        ],
      },
      { deadlineMs: this.#context.timing.callDeadlineMs },
    )
    const status =
      outcome.kind === 'answered' ? outcome.payload.setVariableResult[0]?.attributeStatus : undefined
    await audit(this.#context, {
      action,
      subject: stationId,
      detail: { ...(fromS === undefined ? {} : { fromS }), toS, outcome: status ?? outcome.kind },
    })
    return outcome.kind === 'answered' || outcome.kind === 'refused'
  }

  async #waitOf(stationId: string): Promise<number> {
    const known = this.#told.get(stationId)
    if (known !== undefined) return known
    const [variable] = await this.#context.store.stations.variables(stationId, {
      component: 'SecurityCtrlr',
      variable: 'CertSigningWaitMinimum',
    })
    const reported = Number(variable?.value)
    return Number.isFinite(reported) && reported > 0 ? reported : USUAL_WAIT_S
  }
}
