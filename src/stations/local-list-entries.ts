/** Entries of local authorization lists: parts, differences, and what a list is after an update (D01). Pure. */

import type { AuthorizationData, Requests } from '../ocpp/v201/messages.generated.ts'
import type { LocalList } from '../store/local-lists.ts'

export interface Update {
  readonly updateType: 'Full' | 'Differential'
  readonly entries: readonly AuthorizationData[]
}

/** A full list that is too large starts with a full part and goes on with differences (D01, error handling). */
export function inParts(
  updateType: 'Full' | 'Differential',
  entries: readonly AuthorizationData[],
  limit: number,
): Update[] {
  const updates: Update[] = [{ updateType, entries: entries.slice(0, limit) }]
  for (let i = limit; i < entries.length; i += limit)
    updates.push({ updateType: 'Differential', entries: entries.slice(i, i + limit) })
  return updates
}

export function keyOf({ idToken }: AuthorizationData): string {
  return `${idToken.type}\0${idToken.idToken.toLowerCase()}`
}

/** Entries to add or change, and entries without idTokenInfo to remove (D01.FR.16, FR.17). */
export function differences(
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

/** The station's list once it has taken `update`; undefined where nobody knows what a difference was added to. */
export function listAfter(
  before: LocalList | undefined,
  { updateType, versionNumber, localAuthorizationList = [] }: Requests['SendLocalList'],
): Pick<LocalList, 'version' | 'entries'> | undefined {
  if (updateType === 'Full') return { version: versionNumber, entries: applied([], localAuthorizationList) }
  return before && { version: versionNumber, entries: applied(before.entries, localAuthorizationList) }
}
