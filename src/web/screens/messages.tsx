/** What was said between stations and this service: searched by the service, newest first. */

import { useEffect, useState } from 'preact/hooks'
import { read, type Schemas } from '../api.ts'
import { OPERATOR_ACTIONS, TRUST_ACTIONS } from '../call-actions.ts'
import { useEvery, useLoaded } from '../data.ts'
import { dateTime, plural } from '../format.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { Choice, type Filters, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'

type Message = Schemas['StationMessage']

export function view() {
  return (
    <div class="screen">
      <Heading
        title="OCPP messages"
        note="Newest first. Secrets are never kept; heartbeats and periodic meter values only where the service is told to."
      />
      <MessageLog />
    </div>
  )
}

/** Calls that stations make. */
const STATION_ACTIONS = [
  'Authorize',
  'BootNotification',
  'DataTransfer',
  'FirmwareStatusNotification',
  'Get15118EVCertificate',
  'GetCertificateStatus',
  'Heartbeat',
  'LogStatusNotification',
  'MeterValues',
  'NotifyChargingLimit',
  'NotifyEVChargingNeeds',
  'NotifyEVChargingSchedule',
  'NotifyEvent',
  'NotifyMonitoringReport',
  'NotifyReport',
  'ReportChargingProfiles',
  'SecurityEventNotification',
  'SignCertificate',
  'StatusNotification',
  'TransactionEvent',
]
const ACTIONS = [...new Set([...STATION_ACTIONS, ...OPERATOR_ACTIONS, ...TRUST_ACTIONS])].sort()

const PAGE = 100
/** A search looks at a bounded part of the log per request: as many are made at most to fill a page. */
const MOST_REQUESTS = 10
const POLL_MS = 3_000
/** The service searches from two letters on. */
const SHORTEST_TEXT = 2

interface Found {
  readonly items: readonly Message[]
  readonly next: number | null
}

type Query = Readonly<Record<string, string | number | undefined>>

async function search(query: Query, before?: number): Promise<Found> {
  const items: Message[] = []
  let next: number | null = before ?? null
  for (let request = 0; request < MOST_REQUESTS; request++) {
    const page: Found = await read('/messages', {
      query: { ...query, limit: PAGE, ...(next === null ? {} : { before: next }) },
    })
    items.push(...page.items)
    next = page.next
    if (next === null || items.length >= PAGE) break
  }
  return { items, next }
}

function queryOf({ query }: Filters, stationId: string | undefined): Query {
  const { station, action, direction, kind, text } = query
  return {
    stationId: stationId ?? station,
    action,
    direction,
    kind,
    text: text !== undefined && text.length >= SHORTEST_TEXT ? text : undefined,
  }
}

/** The log of all stations, or of one. */
export function MessageLog({ stationId }: { readonly stationId?: string }) {
  const filters = useFilters()
  const query = useSettled(queryOf(filters, stationId))
  const key = `messages ${JSON.stringify(query)}`
  const loaded = useLoaded(key, () => search(query))
  useEvery(loaded.reload, POLL_MS)
  return (
    <>
      <Toolbar>
        {stationId === undefined && <Search filters={filters} name="station" label="Station" hint="its id" />}
        <Search filters={filters} name="text" label="Search" hint="in what was said" />
        <Choice filters={filters} name="action" label="Action" options={ACTIONS.map((one) => [one, one])} />
        <Choice
          filters={filters}
          name="direction"
          label="Direction"
          options={[
            ['from-station', 'From stations'],
            ['to-station', 'To stations'],
          ]}
        />
        <Choice
          filters={filters}
          name="kind"
          label="Kind"
          options={[
            ['call', 'Calls'],
            ['result', 'Answers'],
            ['error', 'Errors'],
            ['unreadable', 'Unreadable'],
          ]}
        />
        <a class="button" href={exportHref(query)} download>
          Export
        </a>
      </Toolbar>
      <When loaded={loaded}>{(found) => <Pages key={key} first={found} query={query} />}</When>
    </>
  )
}

const SETTLE_MS = 300

/** What is being typed asks the service only when the typing pauses. */
function useSettled(query: Query): Query {
  const text = JSON.stringify(query)
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return JSON.parse(settled)
}

function exportHref(query: Query): string {
  const set = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return `/api/v1/messages.ndjson?${new URLSearchParams(set)}`
}

/** The newest page, read again as time goes on, and the older ones that were asked for. */
function Pages({ first, query }: { readonly first: Found; readonly query: Query }) {
  const [older, setOlder] = useState<Found>()
  const [busy, setBusy] = useState(false)
  const known = new Set(first.items.map(({ id }) => id))
  const items = [...first.items, ...(older?.items ?? []).filter(({ id }) => !known.has(id))]
  const next = older === undefined ? first.next : older.next
  async function more(): Promise<void> {
    if (next === null) return
    setBusy(true)
    try {
      const found = await search(query, next)
      // From the first step back on, what was shown stays shown although the newest page moves on.
      setOlder({ items: [...(older?.items ?? first.items), ...found.items], next: found.next })
    } finally {
      setBusy(false)
    }
  }
  return (
    <Panel title={plural(items.length, 'message')} flush>
      {items.length === 0 ? (
        <Empty>No message fits these filters.</Empty>
      ) : (
        <Table label="Messages" columns={COLUMNS} rows={items} keyOf={({ id }) => String(id)} />
      )}
      {next !== null && (
        <p class="empty">
          <button type="button" disabled={busy} onClick={() => void more()}>
            {busy ? 'Looking' : 'Older'}
          </button>
        </p>
      )}
    </Panel>
  )
}

const KIND_TEXT: Readonly<Record<Message['kind'], string>> = {
  call: 'call',
  result: 'answer',
  error: 'error',
  unreadable: 'unreadable',
}

const COLUMNS: readonly Column<Message>[] = [
  { name: 'When', kind: 'fit', cell: ({ at }) => dateTime(at) },
  {
    name: 'Station',
    kind: 'fit',
    cell: ({ stationId }) => <a href={href(['stations', stationId])}>{stationId}</a>,
  },
  {
    name: 'Direction',
    kind: 'fit',
    cell: ({ direction }) => (direction === 'from-station' ? 'from station' : 'to station'),
  },
  { name: 'Action', cell: ({ action }) => action },
  {
    name: 'Kind',
    cell: ({ kind, errorCode }) =>
      kind === 'error' || kind === 'unreadable' ? (
        <Badge tone="bad">{errorCode ?? KIND_TEXT[kind]}</Badge>
      ) : (
        KIND_TEXT[kind]
      ),
  },
  { name: 'Payload', cell: (one) => <Payload message={one} /> },
]

const OMITTED = { role: 'not for your role', size: 'too large to keep' } as const

function Payload({ message: { payload, omitted, messageId } }: { readonly message: Message }) {
  if (omitted !== null) return <span class="soft">{OMITTED[omitted]}</span>
  const text = JSON.stringify(payload)
  if (text === '{}' || payload === null) return <span class="soft">empty</span>
  return (
    <details class="payload">
      <summary class="mono small">{text}</summary>
      <pre>{JSON.stringify(payload, null, 2)}</pre>
      <span class="soft small">message id {messageId}</span>
    </details>
  )
}
