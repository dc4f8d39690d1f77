/** What happens, as it happens; and what was kept of it. */

import { useState } from 'preact/hooks'
import { dateTime } from '../format.ts'
import { type LiveEvent, recentEvents } from '../live.ts'
import { Badge, Empty, Heading, Panel, Scroll, Tabs } from '../parts/basics.tsx'
import { Choice, download, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { href, route } from '../router.ts'
import { useSignal } from '../signal.ts'
import { KeptEvents } from './kept-events.tsx'

const SHOWN = 200

const TABS = [
  { id: 'live', name: 'Live', href: href(['events']) },
  { id: 'kept', name: 'Kept', href: href(['events'], { tab: 'kept' }) },
]

export function view() {
  const { query } = useSignal(route)
  const isKept = query.tab === 'kept'
  return (
    <div class="screen">
      <Heading
        title="Events"
        note={
          isKept
            ? 'What stations reported and what this service noticed about them, newest first.'
            : 'Since this page was opened, newest first. Meter readings and decisions of sites are left out.'
        }
      />
      <Tabs items={TABS} current={isKept ? 'kept' : 'live'} />
      {isKept ? <KeptEvents /> : <Live />}
    </div>
  )
}

function Live() {
  const live = useSignal(recentEvents)
  const [held, setHeld] = useState<readonly LiveEvent[]>()
  const filters = useFilters()
  const { text, kind } = filters.query
  const events = held ?? live
  const kinds = [...new Set(live.map((one) => one.kind))].sort()
  const shown = events.filter((one) => matches(text, JSON.stringify(one)) && (!kind || one.kind === kind))
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station, type, anything in an event" />
        <Choice filters={filters} name="kind" label="Kind" options={kinds.map((one) => [one, one])} />
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? live : undefined)}
        >
          {held === undefined ? 'Pause' : 'Go on'}
        </button>
        <button type="button" onClick={() => download('events.json', JSON.stringify(shown, null, 2))}>
          Export
        </button>
      </Toolbar>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>Nothing has happened yet.</Empty>
        ) : (
          <Table events={shown.slice(0, SHOWN)} />
        )}
      </Panel>
    </>
  )
}

function Table({ events }: { readonly events: readonly LiveEvent[] }) {
  return (
    <Scroll label="Events">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Event</th>
            <th scope="col">Station</th>
            <th scope="col">More</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => {
            const { kind, at, stationId, ...more } = event
            return (
              <tr key={JSON.stringify(event)}>
                <td class="fit">{dateTime(at)}</td>
                <td class="fit">{event.critical === true ? <Badge tone="bad">{kind}</Badge> : kind}</td>
                <td class="fit">
                  {stationId === undefined ? '' : <a href={href(['stations', stationId])}>{stationId}</a>}
                </td>
                <td class="small">{moreText(more)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Scroll>
  )
}

function moreText(more: Readonly<Record<string, unknown>>): string {
  return Object.entries(more)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ')
}
