/**
 * The local authorization list of a station (D01, D02): the operator's id tokens, sent as a full list or as
 * differences, in parts that the station takes, each with the next version number.
 */

import type { Logger } from 'pino'
import type { DomainEvent, EventHub } from '../bus/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { AuthorizationData, IdTokenType, Requests } from '../ocpp/v201/messages.generated.ts'
import type { LocalList } from '../store/local-lists.ts'
import type { Store } from '../store/ports.ts'
import { tokenInfo } from './authorization.ts'
import type { Orders } from './orders.ts'
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

type Update = { readonly updateType: 'Full' | 'Differential'; readonly entries: readonly AuthorizationData[] }

export function createLocalLists(options: {
  store: Pick<Store, 'localLists' | 'tokens' | 'stations'>
  orders: Orders
  hub: EventHub
  clock: Clock
  log: Logger
}): LocalLists {
  const { store, orders, hub, clock, log } = options
  const clearing = new Set<string>()

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
    let { version, entries } = known
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
      version = versionNumber
      entries = applied(update.updateType === 'Full' ? [] : entries, update.entries)
      await store.localLists.put({
        stationId,
        version,
        entries,
        updatedAt: new Date(clock.now()).toISOString(),
      })
    }
    return { status: 'Accepted', version, messages: updates.length }
  }

  async function reportedVersion(stationId: string, actor: string): Promise<number | undefined> {
    const { outcome } = await orders.place(stationId, 'GetLocalListVersion', {}, { actor })
    if (outcome.kind !== 'answered') return undefined
    return (outcome.payload as { versionNumber: number }).versionNumber
  }

  /** N10.FR.02: what a station was told to forget about a customer must not stay in its list. */
  async function forget(stationId: string, orderId: string): Promise<void> {
    const order = await orders.get(orderId)
    const { clear, idToken } = (order?.request ?? {}) as Partial<Requests['CustomerInformation']>
    if (clear !== true || idToken === undefined) return
    const known = await store.localLists.get(stationId)
    const entry = known?.entries.find((candidate) => keyOf(candidate) === keyOf({ idToken }))
    if (known === undefined || entry === undefined) return
    const removal: Update = { updateType: 'Differential', entries: [{ idToken: entry.idToken }] }
    await send(stationId, 'policy', known, [removal])
  }

  hub.subscribe((event: DomainEvent) => {
    if (event.kind !== 'order.updated' || event.action !== 'CustomerInformation') return
    if (event.outcome !== 'Accepted' || clearing.has(event.orderId)) return
    const { stationId, orderId } = event
    clearing.add(orderId)
    forget(stationId, orderId)
      .catch((error: unknown) =>
        log.error({ err: error, stationId }, 'a local list could not be cleared of a customer'),
      )
      .finally(() => clearing.delete(orderId))
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

/** A full list that is too large starts with a full part and goes on with differences (D01, error handling). */
function inParts(
  updateType: 'Full' | 'Differential',
  entries: readonly AuthorizationData[],
  limit: number,
): Update[] {
  const updates: Update[] = [{ updateType, entries: entries.slice(0, limit) }]
  for (let i = limit; i < entries.length; i += limit)
    updates.push({ updateType: 'Differential', entries: entries.slice(i, i + limit) })
  return updates
}

function keyOf({ idToken }: AuthorizationData): string {
  return `${idToken.type}\0${idToken.idToken.toLowerCase()}`
}

/** Entries to add or change, and entries without idTokenInfo to remove (D01.FR.16, FR.17). */
function differences(
  known: readonly AuthorizationData[],
  wanted: readonly AuthorizationData[],
): AuthorizationData[] {
  const before = new Map(known.map((entry) => [keyOf(entry), JSON.stringify(entry)]))
  const changed = wanted.filter((entry) => before.get(keyOf(entry)) !== JSON.stringify(entry))
  const kept = new Set(wanted.map(keyOf))
  const removed = known.filter((entry) => !kept.has(keyOf(entry))).map(({ idToken }) => ({ idToken }))
  return [...changed, ...removed]
}

function applied(
  before: readonly AuthorizationData[],
  changes: readonly AuthorizationData[],
): AuthorizationData[] {
  const entries = new Map(before.map((entry) => [keyOf(entry), entry]))
  for (const change of changes) {
    if (change.idTokenInfo === undefined) entries.delete(keyOf(change))
    else entries.set(keyOf(change), change)
  }
  return [...entries.values()]
}
