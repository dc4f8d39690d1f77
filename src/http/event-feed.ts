/** Numbers the domain events and keeps the latest, so that a client that lost its connection misses nothing. */

import type { DomainEvent, EventHub } from '../bus/ports.ts'

export interface FeedEntry {
  readonly id: string
  readonly event: DomainEvent
  /** The Server-Sent Event, made once for all clients. */
  readonly frame: () => string
}

export interface FeedClient {
  wants(event: DomainEvent): boolean
  write(text: string): void
}

export interface EventFeed {
  /** Events after `lastId` that are still known. `complete` is false where some may be missing. */
  since(lastId: string): { readonly entries: readonly FeedEntry[]; readonly complete: boolean }
  lastId(): string
  attach(client: FeedClient): () => void
  readonly clientCount: number
  close(): void
}

export interface FeedOptions {
  /** Tells this process's numbers from those of the one before. */
  readonly epoch: string
  readonly capacity?: number
}

/**
 * The hub calls its listeners in the middle of other work, so that the listener here only records; clients are
 * served in one batch per turn of the event loop.
 */
export function createEventFeed(hub: EventHub, options: FeedOptions): EventFeed {
  const ring = createRing(options.epoch, options.capacity ?? 2048)
  const clients = new Set<FeedClient>()
  let pending: FeedEntry[] = []
  let scheduled: NodeJS.Immediate | undefined

  function flush(): void {
    scheduled = undefined
    const batch = pending
    pending = []
    for (const client of [...clients]) {
      const text = batch
        .filter((entry) => client.wants(entry.event))
        .map((entry) => entry.frame())
        .join('')
      if (text !== '') client.write(text)
    }
  }

  const unsubscribe = hub.subscribe((event) => {
    const entry = ring.remember(event)
    if (clients.size === 0) return
    pending.push(entry)
    scheduled ??= setImmediate(flush)
  })

  return {
    since: ring.since,
    lastId: ring.lastId,
    attach(client) {
      // What is pending was published before the client came: it is in the ring, and `since` has given it.
      if (scheduled) {
        clearImmediate(scheduled)
        flush()
      }
      clients.add(client)
      return () => clients.delete(client)
    },
    get clientCount() {
      return clients.size
    },
    close() {
      unsubscribe()
      if (scheduled) clearImmediate(scheduled)
      clients.clear()
    },
  }
}

interface Ring {
  remember(event: DomainEvent): FeedEntry
  since: EventFeed['since']
  lastId: EventFeed['lastId']
}

/** The latest events by number; of those that carry a whole state only the latest of its kind. */
function createRing(epoch: string, capacity: number): Ring {
  const entries = new Map<number, FeedEntry>()
  const latest = new Map<string, number>()
  let lastNo = 0
  let forgottenNo = 0

  function forgetOldest(): void {
    for (const [no, entry] of entries) {
      entries.delete(no)
      forgottenNo = no
      const key = stateKey(entry.event)
      if (key !== undefined) latest.delete(key)
      return
    }
  }

  return {
    remember(event) {
      const no = ++lastNo
      const entry = createEntry(`${epoch}.${no}`, event)
      const key = stateKey(event)
      if (key !== undefined) {
        entries.delete(latest.get(key) ?? 0)
        latest.set(key, no)
      }
      entries.set(no, entry)
      if (entries.size > capacity) forgetOldest()
      return entry
    },
    since(lastId) {
      const [of, digits = ''] = lastId.split('.')
      const no = /^\d{1,15}$/.test(digits) ? Number(digits) : -1
      if (of !== epoch || no < 0 || no > lastNo) return { entries: [], complete: false }
      const after = [...entries].filter(([entryNo]) => entryNo > no).map(([, entry]) => entry)
      return { entries: after, complete: no >= forgottenNo }
    },
    lastId: () => `${epoch}.${lastNo}`,
  }
}

/** Of events that carry a whole state, only the latest is worth replaying: this keeps the ring small. */
function stateKey(event: DomainEvent): string | undefined {
  if (event.kind === 'site.updated') return `site/${event.siteId}`
  if (event.kind === 'meter.read') return `meter/${event.stationId}/${event.evseId}`
  return undefined
}

function createEntry(id: string, event: DomainEvent): FeedEntry {
  let frame: string | undefined
  return {
    id,
    event,
    frame: () => {
      frame ??= `id: ${id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
      return frame
    },
  }
}
