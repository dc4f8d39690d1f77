/** Where stations hold other roots than they should. */

import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { commonName, plural } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Choice, download, matches, Search, Toolbar, toCsv, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { DRIFT } from './drift-words.ts'

type Drift = Schemas['TrustDrift']

const MOST_DRIFT = 10_000

export function DriftTab() {
  const loaded = useLoaded(
    'drift',
    async () => (await read('/trust/drift', { query: { limit: MOST_DRIFT } })).items,
  )
  return <When loaded={loaded}>{(drift) => <DriftList drift={drift} />}</When>
}

function DriftList({ drift }: { readonly drift: readonly Drift[] }) {
  const filters = useFilters()
  const { text, kind } = filters.query
  const shown = drift.filter(
    (one) =>
      matches(text, one.stationId, one.subject, one.certificate, one.use) && (!kind || one.kind === kind),
  )
  const columns: Column<Drift>[] = [
    {
      name: 'Station',
      width: '20%',
      cell: ({ stationId }) => (
        <a href={href(['stations', stationId], { tab: 'certificates' })}>{stationId}</a>
      ),
    },
    {
      name: 'What differs',
      width: '24%',
      cell: ({ kind: one }) => <Badge tone={DRIFT[one].tone}>{DRIFT[one].text}</Badge>,
    },
    { name: 'Use', width: '22%', cell: ({ use }) => use },
    {
      name: 'Certificate',
      cell: ({ subject, certificate }) =>
        subject === null ? <span class="mono">{certificate}</span> : commonName(subject),
    },
  ]
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station, root, serial number" />
        <Choice
          filters={filters}
          name="kind"
          label="What differs"
          options={Object.entries(DRIFT).map(([one, { text: words }]) => [one, words])}
        />
        <button type="button" onClick={() => download('drift.csv', driftCsv(shown), 'text/csv')}>
          Export
        </button>
      </Toolbar>
      <p class="soft small" role="status">
        {plural(shown.length, 'difference')}
        {drift.length < MOST_DRIFT ? '' : '; there may be more, ask station by station'}
      </p>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>
            {drift.length === 0 ? 'Every station holds what it should.' : 'Nothing fits these filters.'}
          </Empty>
        ) : (
          <VirtualTable
            label="Wanted against installed"
            columns={columns}
            rows={shown}
            keyOf={(one) => `${one.stationId} ${one.kind} ${one.use} ${one.certificate}`}
          />
        )}
      </Panel>
    </>
  )
}

function driftCsv(drift: readonly Drift[]): string {
  return toCsv([
    ['station', 'difference', 'use', 'certificate', 'subject'],
    ...drift.map((one) => [one.stationId, one.kind, one.use, one.certificate, one.subject]),
  ])
}
