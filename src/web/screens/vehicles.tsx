/** Cars that are known by their PCID. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, type Schemas } from '../api.ts'
import { date, plural } from '../format.ts'
import { Badge, Empty, Failure, Panel } from '../parts/basics.tsx'
import { TextField } from '../parts/fields.tsx'
import { matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'

type Vehicle = Schemas['Vehicle']

interface VehiclesProps {
  readonly vehicles: readonly Vehicle[]
  readonly contracts: readonly Schemas['Contract'][]
  readonly reload: () => void
}

export function Vehicles({ vehicles, contracts, reload }: VehiclesProps) {
  const filters = useFilters()
  const counts = new Map<string, number>()
  for (const { pcid } of contracts) counts.set(pcid, (counts.get(pcid) ?? 0) + 1)
  const shown = vehicles.filter((one) => matches(filters.query.text, one.pcid, one.description))
  const columns: Column<Vehicle>[] = [
    { name: 'PCID', width: '26%', cell: ({ pcid }) => <span class="mono">{pcid}</span> },
    {
      name: 'State',
      width: '130px',
      cell: ({ state }) => <Badge tone={state === 'active' ? 'ok' : 'bad'}>{state}</Badge>,
    },
    {
      name: 'Contracts',
      width: '120px',
      cell: ({ pcid }) => <a href={href(['contracts'], { text: pcid })}>{counts.get(pcid) ?? 0}</a>,
    },
    { name: 'Description', cell: ({ description }) => description },
    { name: 'Since', width: '130px', cell: ({ createdAt }) => date(createdAt) },
    { name: 'Change', width: '120px', cell: (one) => <BlockButton vehicle={one} reload={reload} /> },
  ]
  return (
    <>
      <NewVehicle reload={reload} />
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="PCID or description" />
      </Toolbar>
      <Panel title={plural(shown.length, 'vehicle')} flush>
        {shown.length === 0 ? (
          <Empty>{vehicles.length === 0 ? 'No vehicle is known yet.' : 'No vehicle fits the search.'}</Empty>
        ) : (
          <VirtualTable label="Vehicles" columns={columns} rows={shown} keyOf={({ pcid }) => pcid} />
        )}
      </Panel>
    </>
  )
}

function BlockButton({ vehicle, reload }: { readonly vehicle: Vehicle; readonly reload: () => void }) {
  const { pcid, description } = vehicle
  const state = vehicle.state === 'active' ? 'blocked' : 'active'
  return (
    <button
      type="button"
      class="plain"
      onClick={() =>
        void act(
          () => change('PUT', '/vehicles/{pcid}', { path: { pcid }, body: { state, description } }),
          `${pcid} is ${state}.`,
        ).then(reload)
      }
    >
      {state === 'blocked' ? 'Block' : 'Unblock'}
      <span class="hidden-visually"> {pcid}</span>
    </button>
  )
}

function NewVehicle({ reload }: { readonly reload: () => void }) {
  const [pcid, setPcid] = useState('')
  const [description, setDescription] = useState('')
  const { busy, error, run } = useSubmit()
  return (
    <Panel title="Register a vehicle">
      <form
        class="stack"
        aria-label="Register a vehicle"
        onSubmit={(event) => {
          event.preventDefault()
          void run(async () => {
            const body = { state: 'active', description: description === '' ? null : description }
            await change('PUT', '/vehicles/{pcid}', { path: { pcid }, body })
            setPcid('')
            setDescription('')
            reload()
          })
        }}
      >
        <div class="fields">
          <TextField label="PCID" value={pcid} required placeholder="WGKTESTCAR1234567X" onInput={setPcid} />
          <TextField label="Description" value={description} placeholder="Van 7" onInput={setDescription} />
          <button type="submit" class="primary" disabled={busy}>
            Register
          </button>
        </div>
        {error && <Failure error={error} />}
      </form>
    </Panel>
  )
}
