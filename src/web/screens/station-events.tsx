import { read, readAll, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime } from '../format.ts'
import { Badge, Empty, Panel, Scroll, When } from '../parts/basics.tsx'
import { download, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'

const SHOWN = 300

/** Security events, monitoring events, log and firmware statuses; newest first. */
export function StationEvents({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(
    `events ${stationId}`,
    async () =>
      (
        await readAll((query) => read('/stations/{stationId}/events', { path: { stationId }, query }))
      ).items.reverse(),
    (event) => event.kind === 'station.event' && event.stationId === stationId,
  )
  return <When loaded={loaded}>{(events) => <List events={events} stationId={stationId} />}</When>
}

function List({
  events,
  stationId,
}: {
  readonly events: readonly Schemas['StationEvent'][]
  readonly stationId: string
}) {
  const filters = useFilters()
  const shown = events.filter((one) =>
    matches(filters.query.text, one.kind, one.type, JSON.stringify(one.detail)),
  )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="kind, type or detail" />
        <button
          type="button"
          onClick={() => download(`${stationId}-events.json`, JSON.stringify(shown, null, 2))}
        >
          Export
        </button>
      </Toolbar>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>
            {events.length === 0 ? 'The station has reported no events.' : 'Nothing fits the search.'}
          </Empty>
        ) : (
          <Scroll label="Events of the station">
            <table>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Type</th>
                  <th scope="col">Detail</th>
                </tr>
              </thead>
              <tbody>
                {shown.slice(0, SHOWN).map((one) => (
                  <tr key={one.id}>
                    <td class="fit">{dateTime(one.receivedAt)}</td>
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
        )}
      </Panel>
    </>
  )
}
