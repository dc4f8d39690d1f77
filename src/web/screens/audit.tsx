/** Who did what, newest first, searchable and exportable. */

import { read, readAll, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime, plural } from '../format.ts'
import { Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { Choice, download, matches, Search, Toolbar, toCsv, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'

type Entry = Schemas['AuditEntry']

const columns: Column<Entry>[] = [
  { name: 'When', width: '170px', cell: (one) => dateTime(one.at) },
  { name: 'Who', width: '18%', cell: (one) => one.actor },
  { name: 'What', width: '20%', cell: (one) => one.action },
  { name: 'On', width: '20%', cell: (one) => one.subject },
  {
    name: 'Detail',
    cell: (one) => (
      <span class="mono" title={JSON.stringify(one.detail)}>
        {Object.keys(one.detail).length === 0 ? '' : JSON.stringify(one.detail)}
      </span>
    ),
  },
]

/** Entries that are read at most. */
const MOST = 20_000
/** How exactly the end of the trail is looked for. */
const NEAR = 5_000

/** The service gives the trail oldest first. A long one is entered near its end, which is searched for by halving. */
async function readTrail(): Promise<{ items: Entry[]; complete: boolean }> {
  const continues = async (after: number): Promise<boolean> =>
    (await read('/audit', { query: { after, limit: 1 } })).items.length > 0
  let before = 0
  let end = MOST
  while (await continues(end)) {
    before = end
    end *= 2
  }
  while (before > 0 && end - before > NEAR) {
    const middle = Math.floor((before + end) / 2)
    if (await continues(middle)) before = middle
    else end = middle
  }
  const after = Math.max(0, end - MOST)
  const { items } = await readAll((page) => read('/audit', { query: { after, ...page } }), MOST)
  return { items: items.reverse(), complete: after === 0 }
}

export function view() {
  const loaded = useLoaded('audit', readTrail)
  return (
    <div class="screen">
      <Heading title="Audit trail" note="Every change, and who made it." />
      <When loaded={loaded}>{({ items, complete }) => <Trail entries={items} complete={complete} />}</When>
    </div>
  )
}

function Trail({ entries, complete }: { readonly entries: readonly Entry[]; readonly complete: boolean }) {
  const filters = useFilters()
  const { text, actor, action } = filters.query
  const options = (values: readonly string[]) =>
    [...new Set(values)].sort().map((value) => [value, value] as const)
  const shown = entries.filter(
    (one) =>
      matches(text, one.subject, one.action, one.actor, JSON.stringify(one.detail)) &&
      (!actor || one.actor === actor) &&
      (!action || one.action === action),
  )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="anything in an entry" />
        <Choice
          filters={filters}
          name="actor"
          label="Who"
          options={options(entries.map((one) => one.actor)).slice(0, 200)}
        />
        <Choice
          filters={filters}
          name="action"
          label="What"
          options={options(entries.map((one) => one.action))}
        />
        <button type="button" onClick={() => download('audit.csv', csvOf(shown), 'text/csv')}>
          Export
        </button>
      </Toolbar>
      <p class="soft small" role="status">
        {plural(shown.length, 'entry', 'entries')}
        {complete ? '' : '; older ones are in the API (GET /api/v1/audit)'}
      </p>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>No entry fits these filters.</Empty>
        ) : (
          <VirtualTable label="Audit trail" columns={columns} rows={shown} keyOf={(one) => String(one.id)} />
        )}
      </Panel>
    </>
  )
}

function csvOf(entries: readonly Entry[]): string {
  return toCsv([
    ['id', 'at', 'actor', 'action', 'subject', 'detail'],
    ...entries.map((one) => [one.id, one.at, one.actor, one.action, one.subject, JSON.stringify(one.detail)]),
  ])
}
