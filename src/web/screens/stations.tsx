import { read, readAll, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { plural, since } from '../format.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { Choice, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { StationDetail } from './station.tsx'

type Station = Schemas['Station']

export function view({ parts }: { readonly parts: readonly string[] }) {
  const [stationId] = parts
  return stationId === undefined ? <Stations /> : <StationDetail key={stationId} stationId={stationId} />
}

const KINDS = new Set(['station.connected', 'station.disconnected', 'station.booted'])

function Stations() {
  const loaded = useLoaded(
    'stations',
    () => readAll((query) => read('/stations', { query })),
    (event) => KINDS.has(event.kind),
  )
  return (
    <div class="screen">
      <Heading title="Stations" />
      <When loaded={loaded}>{({ items, complete }) => <List stations={items} complete={complete} />}</When>
    </div>
  )
}

function List({ stations, complete }: { readonly stations: readonly Station[]; readonly complete: boolean }) {
  const filters = useFilters()
  const { query } = filters
  const groups = [...new Set(stations.flatMap(({ group }) => (group === null ? [] : [group])))].sort()
  const shown = stations.filter(
    (station) =>
      matches(
        query.text,
        station.id,
        station.serialNumber,
        station.boot?.vendorName,
        station.boot?.model,
        station.boot?.firmwareVersion,
        station.group,
      ) &&
      (!query.online || String(station.online) === query.online) &&
      (!query.enrolment || station.enrolment === query.enrolment) &&
      (!query.securityProfile || String(station.securityProfile) === query.securityProfile) &&
      (!query.group || station.group === query.group),
  )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="id, serial number, model, firmware" />
        <Choice
          filters={filters}
          name="online"
          label="Connection"
          options={[
            ['true', 'Online'],
            ['false', 'Offline'],
          ]}
        />
        <Choice
          filters={filters}
          name="enrolment"
          label="Enrolment"
          options={[
            ['active', 'Active'],
            ['pending', 'Pending'],
            ['blocked', 'Blocked'],
          ]}
        />
        <Choice
          filters={filters}
          name="securityProfile"
          label="Security profile"
          options={[
            ['1', '1'],
            ['2', '2'],
            ['3', '3'],
          ]}
        />
        {groups.length > 0 && (
          <Choice
            filters={filters}
            name="group"
            label="Group"
            options={groups.map((group) => [group, group])}
          />
        )}
      </Toolbar>
      <p class="soft small" role="status">
        {plural(shown.length, 'station')}
        {shown.length === stations.length ? '' : ` of ${stations.length}`}
        {complete ? '' : '; more exist than a page can hold, use the API for all'}
      </p>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>No station fits these filters.</Empty>
        ) : (
          <StationTable stations={shown} />
        )}
      </Panel>
    </>
  )
}

function StationTable({ stations }: { readonly stations: readonly Station[] }) {
  const nowMs = useNow()
  const columns: Column<Station>[] = [
    { name: 'Station', width: '24%', cell: ({ id }) => <a href={href(['stations', id])}>{id}</a> },
    {
      name: 'Connection',
      width: '150px',
      cell: (station) => <ConnectionBadge station={station} />,
    },
    { name: 'Last seen', width: '120px', cell: ({ lastSeenAt }) => since(lastSeenAt, nowMs) },
    { name: 'Security', width: '130px', cell: ({ securityProfile }) => SECURITY[securityProfile] },
    {
      name: 'Model',
      cell: ({ boot }) => (boot ? `${boot.vendorName} ${boot.model}` : <span class="soft">unknown</span>),
    },
    { name: 'Firmware', width: '120px', cell: ({ boot }) => boot?.firmwareVersion ?? '' },
    { name: 'Group', width: '120px', cell: ({ group }) => group ?? '' },
  ]
  return <VirtualTable label="Stations" columns={columns} rows={stations} keyOf={({ id }) => id} />
}

export const SECURITY: Readonly<Record<Station['securityProfile'], string>> = {
  1: '1, no TLS',
  2: '2, password',
  3: '3, certificate',
}

export function ConnectionBadge({ station }: { readonly station: Station }) {
  if (station.enrolment === 'pending') return <Badge tone="warn">pending</Badge>
  if (station.enrolment === 'blocked') return <Badge tone="bad">blocked</Badge>
  if (station.online) return <Badge tone="ok">online</Badge>
  return station.lastSeenAt === null ? (
    <Badge tone="none">never seen</Badge>
  ) : (
    <Badge tone="bad">offline</Badge>
  )
}
