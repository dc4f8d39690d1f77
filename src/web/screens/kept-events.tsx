/** What stations reported and what this service noticed about them: security, monitoring, statuses; newest first. */

import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime } from '../format.ts'
import { Badge, Empty, Panel, Scroll, When } from '../parts/basics.tsx'
import { Choice, download, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { href } from '../router.ts'

type StationEvent = Schemas['StationEvent']

/** Events of one request; what is older is found by kind, or by the command line. */
const READ = 1000
const SHOWN = 300
const KINDS = [
  ['security', 'Security, of stations'],
  ['csms-security', 'Security, of this service'],
  ['monitoring', 'Monitoring'],
] as const

/** Of all stations, or of one. */
export function KeptEvents({ stationId }: { readonly stationId?: string }) {
  const { query } = useFilters()
  const { kind } = query
  const isCritical = query.critical === 'true'
  const loaded = useLoaded(
    `events ${stationId} ${kind} ${isCritical}`,
    () =>
      read('/station-events', {
        query: {
          order: 'newest',
          limit: READ,
          ...(stationId === undefined ? {} : { stationId }),
          ...(kind ? { kind } : {}),
          ...(isCritical ? { critical: true } : {}),
        },
      }),
    (event) => event.kind === 'station.event' && [undefined, event.stationId].includes(stationId),
  )
  return <When loaded={loaded}>{({ items }) => <List events={items} stationId={stationId} />}</When>
}

interface ListProps {
  readonly events: readonly StationEvent[]
  readonly stationId: string | undefined
}

function List({ events, stationId }: ListProps) {
  const filters = useFilters()
  const shown = events.filter((one) =>
    matches(filters.query.text, one.stationId, one.kind, one.type, JSON.stringify(one.detail)),
  )
  const file = `${stationId ?? 'stations'}-events.json`
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station, kind, type or detail" />
        <Choice filters={filters} name="kind" label="Kind" options={KINDS} />
        <Choice filters={filters} name="critical" label="Weight" options={[['true', 'Critical']]} />
        <button type="button" onClick={() => download(file, JSON.stringify(shown, null, 2))}>
          Export
        </button>
      </Toolbar>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>Nothing of that kind has been reported.</Empty>
        ) : (
          <Table events={shown.slice(0, SHOWN)} isOfAll={stationId === undefined} />
        )}
      </Panel>
    </>
  )
}

function Table({ events, isOfAll }: { readonly events: readonly StationEvent[]; readonly isOfAll: boolean }) {
  return (
    <Scroll label="Events of stations">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            {isOfAll && <th scope="col">Station</th>}
            <th scope="col">Kind</th>
            <th scope="col">Type</th>
            <th scope="col">Detail</th>
          </tr>
        </thead>
        <tbody>
          {events.map((one) => (
            <tr key={one.id}>
              <td class="fit">{dateTime(one.receivedAt)}</td>
              {isOfAll && (
                <td class="fit">
                  <a href={href(['stations', one.stationId])}>{one.stationId}</a>
                </td>
              )}
              <td>{one.critical ? <Badge tone="bad">{one.kind}</Badge> : one.kind}</td>
              <td>{one.type}</td>
              <td class="mono small">
                {Object.keys(one.detail).length === 0 ? '' : JSON.stringify(one.detail)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
