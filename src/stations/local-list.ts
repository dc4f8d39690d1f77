/**
 * The local authorization list of a station (D01, D02): the operator's id tokens, sent as a full list or as
 * differences, in parts that the station takes, each with the next version number.
 */

import type { Logger } from 'pino'
import type { DomainEvent, EventHub } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { AuthorizationData, IdTokenType } from '../ocpp/v201/messages.generated.ts'
import type { LocalList } from '../store/local-lists.ts'
import type { Store } from '../store/ports.ts'
import { tokenInfo } from './authorization.ts'
import { differences, inParts, keyOf, type Update } from './local-list-entries.ts'
import { type Orders, POLICY_ACTOR } from './orders.ts'
import { itemsPerMessage } from './split-calls.ts'

export interface LocalListOutcome {
  readonly status: 'Accepted' | 'Failed' | 'VersionMismatch' | 'unreachable'
  readonly version: number
  /** Messages that were needed. */
  readonly messages: number
  readonly detail?: string
}

export interface LocalLists {
  /** Brings the station's list to the operator's tokens. `full`: even where differences would do. */
  sync(stationId: string, options: { actor: string; full?: boolean }): Promise<LocalListOutcome>
  /** What the station has confirmed. */
  get(stationId: string): Promise<LocalList | undefined>
}

const DEFAULT_ITEMS = 100
const MAX_ENTRIES = 10_000
/** A station that does not report by then is not waited for. */
const REPORT_MS = 10_000

export function createLocalLists(options: {
  store: Pick<Store, 'localLists' | 'tokens' | 'stations'>
  orders: Orders
  hub: EventHub
  clock: Clock
  log: Logger
}): LocalLists {
  const { store, orders, hub, clock, log } = options

  async function wantedEntries(): Promise<AuthorizationData[]> {
    const tokens = await store.tokens.list({ limit: MAX_ENTRIES })
    return tokens.map((token) => ({
      idToken: { type: token.type, idToken: token.idToken } as IdTokenType,
      // A cache hint has no place in a list that lives until the next update.
      idTokenInfo: tokenInfo(token, { clock, policy: {} }),
    }))
  }

  async function send(
    stationId: string,
    actor: string,
    known: LocalList,
    updates: readonly Update[],
  ): Promise<LocalListOutcome> {
    let { version } = known
    for (const [index, update] of updates.entries()) {
      const versionNumber = version + 1
      const request = {
        versionNumber,
        updateType: update.updateType,
        // D01.FR.04: no list at all empties the station's.
        ...(update.entries.length === 0 ? {} : { localAuthorizationList: [...update.entries] }),
      }
      const { outcome } = await orders.place(stationId, 'SendLocalList', request, { actor })
      const messages = index + 1
      if (outcome.kind !== 'answered')
        return { status: 'unreachable', version, messages, detail: outcome.kind }
      const { status } = outcome.payload as { status: 'Accepted' | 'Failed' | 'VersionMismatch' }
      if (status !== 'Accepted') return { status, version, messages }
      // What the station holds now was kept with its answer.
      version = versionNumber
    }
    return { status: 'Accepted', version, messages: updates.length }
  }

  async function reportedVersion(stationId: string, actor: string): Promise<number | undefined> {
    const { outcome } = await orders.place(stationId, 'GetLocalListVersion', {}, { actor })
    if (outcome.kind !== 'answered') return undefined
    return (outcome.payload as { versionNumber: number }).versionNumber
  }

  /** N10.FR.02: what a station was told to forget about a customer must not stay in its list. */
  async function forget(stationId: string, idToken: IdTokenType): Promise<void> {
    const known = await store.localLists.get(stationId)
    const entry = known?.entries.find((candidate) => keyOf(candidate) === keyOf({ idToken }))
    if (known === undefined || entry === undefined) return
    const removal: Update = { updateType: 'Differential', entries: [{ idToken: entry.idToken }] }
    await send(stationId, POLICY_ACTOR, known, [removal])
  }

  /** Clearings whose station has yet to report what it knew, by station and request. */
  const clearing = new Map<string, () => void>()

  hub.subscribe((event: DomainEvent) => {
    if (event.kind === 'customer.reported') clearing.get(`${event.stationId} ${event.requestId}`)?.()
    if (event.kind !== 'customer.cleared') return
    const { stationId, requestId, idToken } = event
    const key = `${stationId} ${requestId}`
    const proceed = () => {
      clearTimeout(timer)
      clearing.delete(key)
      forget(stationId, idToken).catch((error: unknown) =>
        log.error({ err: error, stationId }, 'a local list could not be cleared of a customer'),
      )
    }
    const timer = setTimeout(proceed, event.isReported ? REPORT_MS : 0)
    timer.unref()
    clearing.set(key, proceed)
  })

  return {
    get: (stationId) => store.localLists.get(stationId),

    async sync(stationId, { actor, full = false }) {
      const kept = await store.localLists.get(stationId)
      const known: LocalList = kept ?? { stationId, version: 0, entries: [], updatedAt: '' }
      const actual = await reportedVersion(stationId, actor)
      if (actual === undefined) return { status: 'unreachable', version: known.version, messages: 0 }
      const wanted = await wantedEntries()
      const limit = (await itemsPerMessage(store.stations, stationId, 'LocalAuthListCtrlr')) ?? DEFAULT_ITEMS
      const isInStep = !full && kept !== undefined && actual === kept.version && actual > 0
      if (isInStep) {
        const changes = differences(known.entries, wanted)
        if (changes.length === 0) return { status: 'Accepted', version: known.version, messages: 0 }
        const outcome = await send(stationId, actor, known, inParts('Differential', changes, limit))
        if (outcome.status === 'Accepted' || outcome.status === 'unreachable') return outcome
        // D01.FR.03: after a refused difference the full list follows.
      }
      const from = { ...known, version: Math.max(known.version, actual) }
      return send(stationId, actor, from, inParts('Full', wanted, limit))
    },
  }
}
