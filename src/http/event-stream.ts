/** One client of the event feed: a Server-Sent Events response. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DomainEvent } from '../bus/ports.ts'
import type { EventFeed } from './event-feed.ts'
import { ApiProblem } from './problems.ts'

export interface StreamOptions {
  readonly maxClients: number
  /** A client with more than this unread is disconnected; it can come back with Last-Event-ID. */
  readonly maxUnreadBytes: number
  readonly heartbeatMs: number
  /** The client's browser waits this long before it reconnects. */
  readonly retryMs: number
}

export const DEFAULT_STREAM_OPTIONS: StreamOptions = {
  maxClients: 200,
  maxUnreadBytes: 1024 * 1024,
  heartbeatMs: 15_000,
  retryMs: 2000,
}

export interface EventFilter {
  readonly kinds?: string
  readonly stationId?: string
  readonly siteId?: string
}

export interface EventStreams {
  open(request: FastifyRequest, reply: FastifyReply, filter: EventFilter): void
  /** Ends all streams; clients will try to reconnect. */
  close(): void
}

export function createEventStreams(feed: EventFeed, options: StreamOptions): EventStreams {
  const open = new Set<{ write(text: string): void; end(): void }>()
  let heartbeat: NodeJS.Timeout | undefined

  function beat(): void {
    for (const stream of [...open]) stream.write(': heartbeat\n\n')
  }

  return {
    open(request, reply, filter) {
      if (open.size >= options.maxClients)
        throw new ApiProblem('events.too-many-clients', 'Close other event streams, or try again later.', {
          retryAfterS: 30,
        })
      const { raw } = reply.hijack()
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // The connection ends with the stream, so that stopping the service need not wait for it to become idle.
        connection: 'close',
        // Proxies that buffer would hold every event back.
        'x-accel-buffering': 'no',
      })
      const stream = {
        write(text: string) {
          if (raw.writableLength > options.maxUnreadBytes) {
            request.log.warn({ unreadBytes: raw.writableLength }, 'event stream reads too slowly: closed')
            raw.destroy()
            return
          }
          raw.write(text)
        },
        end: () => raw.end(),
      }
      const wants = createFilter(filter)
      stream.write(`retry: ${options.retryMs}\n\n${backlog(feed, request.headers['last-event-id'], wants)}`)
      const detach = feed.attach({ wants, write: stream.write })
      open.add(stream)
      heartbeat ??= setInterval(beat, options.heartbeatMs).unref()
      raw.on('close', () => {
        detach()
        open.delete(stream)
        if (open.size > 0) return
        clearInterval(heartbeat)
        heartbeat = undefined
      })
    },
    close() {
      for (const stream of [...open]) stream.end()
      clearInterval(heartbeat)
      heartbeat = undefined
    },
  }
}

/** What a returning client missed, or the advice to read everything anew. */
function backlog(
  feed: EventFeed,
  lastId: string | string[] | undefined,
  wants: (event: DomainEvent) => boolean,
): string {
  if (typeof lastId !== 'string') return ''
  const { entries, complete } = feed.since(lastId)
  if (!complete) return `id: ${feed.lastId()}\nevent: reset\ndata: {}\n\n`
  return entries
    .filter((entry) => wants(entry.event))
    .map((entry) => entry.frame())
    .join('')
}

function createFilter(filter: EventFilter): (event: DomainEvent) => boolean {
  const kinds = filter.kinds === undefined ? undefined : new Set(filter.kinds.split(','))
  return (event) =>
    (kinds === undefined || kinds.has(event.kind)) &&
    (filter.stationId === undefined || ('stationId' in event && event.stationId === filter.stationId)) &&
    (filter.siteId === undefined || ('siteId' in event && event.siteId === filter.siteId))
}
