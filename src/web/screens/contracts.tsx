import { read, readAll, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { date, plural } from '../format.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import type { Tone } from '../tone.ts'

type Contract = Schemas['Contract']

export function view() {
  return (
    <div class="screen">
      <Heading title="Contracts" note="Which cars may charge by themselves, and with what." />
      {may('secure') ? (
        <Contracts />
      ) : (
        <Panel>
          <Empty>
            Contracts and vehicles are personal data: only a key with the role security or admin sees them.
          </Empty>
        </Panel>
      )}
    </div>
  )
}

const TONE: Readonly<Record<Contract['state'], Tone>> = {
  offered: 'none',
  installed: 'ok',
  updated: 'ok',
  suspended: 'warn',
  terminated: 'bad',
}

const columns: Column<Contract>[] = [
  { name: 'eMAID', width: '22%', cell: (one) => <span class="mono">{one.emaid}</span> },
  { name: 'Vehicle (PCID)', width: '24%', cell: (one) => <span class="mono">{one.pcid}</span> },
  {
    name: 'State',
    width: '140px',
    cell: (one) => <Badge tone={TONE[one.state]}>{one.state}</Badge>,
  },
  { name: 'Source', width: '110px', cell: (one) => one.source },
  {
    name: 'Certificate',
    cell: (one) =>
      one.fingerprint === null ? (
        <span class="soft">not given out yet</span>
      ) : (
        <a href={href(['certificates', one.fingerprint])}>
          {one.certificateNotAfter === null ? 'given out' : `until ${date(one.certificateNotAfter)}`}
        </a>
      ),
  },
]

async function readContracts() {
  const [contracts, vehicles] = await Promise.all([
    readAll((query) => read('/contracts', { query })),
    readAll((query) => read('/vehicles', { query })),
  ])
  return { contracts: contracts.items, vehicles: vehicles.items }
}

function Contracts() {
  const filters = useFilters()
  const loaded = useLoaded('contracts', readContracts, (event) => event.kind === 'certificate.issued')
  return (
    <When loaded={loaded}>
      {({ contracts, vehicles }) => {
        const shown = contracts.filter((one) => matches(filters.query.text, one.emaid, one.pcid))
        return (
          <>
            <Toolbar>
              <Search filters={filters} name="text" label="Search" hint="eMAID or PCID" />
            </Toolbar>
            <p class="soft small" role="status">
              {plural(shown.length, 'contract')} of {plural(vehicles.length, 'vehicle')}
            </p>
            <Panel flush>
              {shown.length === 0 ? (
                <Empty>
                  {contracts.length === 0 ? 'There are no contracts yet.' : 'No contract fits the search.'}
                </Empty>
              ) : (
                <VirtualTable label="Contracts" columns={columns} rows={shown} keyOf={(one) => one.id} />
              )}
            </Panel>
          </>
        )
      }}
    </When>
  )
}
