import { read, readAll, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { date, plural } from '../format.ts'
import { Badge, Empty, Heading, Panel, Tabs, When } from '../parts/basics.tsx'
import { Choice, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href, route } from '../router.ts'
import { useSignal } from '../signal.ts'
import { may } from '../signed-in.ts'
import type { Tone } from '../tone.ts'
import { Vehicles } from './vehicles.tsx'

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

const TABS = [
  { id: 'contracts', name: 'Contracts', href: href(['contracts']) },
  { id: 'vehicles', name: 'Vehicles', href: href(['contracts'], { tab: 'vehicles' }) },
]

function Contracts() {
  const { query } = useSignal(route)
  const tab = query.tab ?? 'contracts'
  const loaded = useLoaded('contracts', readContracts, (event) => event.kind === 'certificate.issued')
  return (
    <>
      <Tabs items={TABS} current={tab} />
      <When loaded={loaded}>
        {({ contracts, vehicles }) =>
          tab === 'vehicles' ? (
            <Vehicles vehicles={vehicles} contracts={contracts} reload={loaded.reload} />
          ) : (
            <List contracts={contracts} vehicles={vehicles} />
          )
        }
      </When>
    </>
  )
}

function List({ contracts, vehicles }: Awaited<ReturnType<typeof readContracts>>) {
  const filters = useFilters()
  const { text, state } = filters.query
  const shown = contracts.filter(
    (one) => matches(text, one.emaid, one.pcid) && (!state || one.state === state),
  )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="eMAID or PCID" />
        <Choice
          filters={filters}
          name="state"
          label="State"
          options={Object.keys(TONE).map((one) => [one, one])}
        />
      </Toolbar>
      <p class="soft small" role="status">
        {plural(shown.length, 'contract')} of {plural(vehicles.length, 'vehicle')}
      </p>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>
            {contracts.length === 0 ? 'There are no contracts yet.' : 'No contract fits these filters.'}
          </Empty>
        ) : (
          <VirtualTable label="Contracts" columns={columns} rows={shown} keyOf={(one) => one.id} />
        )}
      </Panel>
    </>
  )
}
