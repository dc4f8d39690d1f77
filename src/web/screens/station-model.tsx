import type { Schemas } from '../api.ts'
import { read } from '../api.ts'
import { useLoaded } from '../data.ts'
import { plural } from '../format.ts'
import { Empty, Panel, When } from '../parts/basics.tsx'
import { matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'

type Attribute = Schemas['VariableAttribute']

const columns: Column<Attribute>[] = [
  {
    name: 'Component',
    width: '26%',
    cell: (one) => named(one.component, one.componentInstance, one.evseId, one.connectorId),
  },
  { name: 'Variable', width: '30%', cell: (one) => named(one.variable, one.variableInstance) },
  {
    name: 'Value',
    cell: (one) => (
      <span class="mono" title={one.value ?? ''}>
        {one.value ?? ''}
      </span>
    ),
  },
  { name: 'Attribute', width: '100px', cell: (one) => one.attributeType },
  { name: 'Mutability', width: '120px', cell: (one) => one.mutability ?? '' },
]

function named(name: string, ...more: readonly (string | number | null)[]): string {
  const rest = more.filter((part) => part !== null)
  return rest.length === 0 ? name : `${name} (${rest.join('.')})`
}

/** The device model as the station reported it. */
export function StationModel({ stationId }: { readonly stationId: string }) {
  const filters = useFilters()
  const loaded = useLoaded(`model ${stationId}`, () =>
    read('/stations/{stationId}/variables', { path: { stationId } }),
  )
  return (
    <When loaded={loaded}>
      {({ items }) => {
        const shown = items.filter((one) =>
          matches(filters.query.text, one.component, one.variable, one.value),
        )
        return (
          <>
            <Toolbar>
              <Search filters={filters} name="text" label="Search" hint="component, variable or value" />
            </Toolbar>
            <p class="soft small" role="status">
              {plural(shown.length, 'attribute')}
            </p>
            <Panel flush>
              {shown.length === 0 ? (
                <Empty>
                  {items.length === 0
                    ? 'The station has not reported its device model.'
                    : 'Nothing fits the search.'}
                </Empty>
              ) : (
                <VirtualTable
                  label="Device model"
                  columns={columns}
                  rows={shown}
                  keyOf={(one) =>
                    JSON.stringify([
                      one.component,
                      one.componentInstance,
                      one.evseId,
                      one.connectorId,
                      one.variable,
                      one.variableInstance,
                      one.attributeType,
                    ])
                  }
                />
              )}
            </Panel>
          </>
        )
      }}
    </When>
  )
}
