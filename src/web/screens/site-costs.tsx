/** What the sessions of the last day cost, and what the same energy would have cost without steering. */

import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { DAY_MS, dateTime, number, plural } from '../format.ts'
import { Empty, Panel, When } from '../parts/basics.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'

type Cost = Schemas['SessionCost']

const SHOWN = 50

const UNKNOWN: Readonly<Record<NonNullable<Cost['unknown']>, string>> = {
  energy: 'its meter did not say',
  maximum: 'its maximum is not known',
  prices: 'prices are missing',
}

const COLUMNS: readonly Column<Cost>[] = [
  {
    name: 'Session',
    cell: ({ stationId, evseId, transactionId }) => (
      <a href={href(['sessions', stationId, transactionId])}>
        {stationId} · {evseId}
      </a>
    ),
  },
  { name: 'Ended', kind: 'fit', cell: ({ endedAt }) => dateTime(endedAt) },
  { name: 'kWh', kind: 'number', cell: ({ energyKwh }) => (energyKwh === null ? '?' : number(energyKwh)) },
  { name: 'Cost', kind: 'number', cell: ({ cost }) => (cost === null ? '?' : cost.toFixed(2)) },
  {
    name: 'Uncontrolled',
    kind: 'number',
    cell: ({ uncontrolledCost }) => (uncontrolledCost === null ? '?' : uncontrolledCost.toFixed(2)),
  },
  { name: 'Not known because', kind: 'small', cell: ({ unknown }) => unknown && UNKNOWN[unknown] },
]

export function SiteCosts({ siteId }: { readonly siteId: string }) {
  const loaded = useLoaded(
    `costs ${siteId}`,
    async () =>
      (
        await read('/sites/{siteId}/session-costs', { path: { siteId }, query: lastDay() })
      ).items.toReversed(),
    (event) => event.kind === 'session.updated' && event.eventType === 'Ended',
  )
  return (
    <Panel
      title="Cost of the sessions that ended"
      aside={
        <a
          href={`/api/v1/sites/${encodeURIComponent(siteId)}/session-costs.csv?${new URLSearchParams(lastDay())}`}
        >
          Export as CSV
        </a>
      }
      flush
    >
      <When loaded={loaded}>
        {(costs) =>
          costs.length === 0 ? (
            <Empty>No session has ended in the last 24 hours.</Empty>
          ) : (
            <>
              <Sum costs={costs} />
              <Table
                label="Costs"
                columns={COLUMNS}
                rows={costs.slice(0, SHOWN)}
                keyOf={(one) => `${one.stationId} ${one.transactionId}`}
              />
            </>
          )
        }
      </When>
    </Panel>
  )
}

function lastDay(): { from: string; to: string } {
  const now = Date.now()
  return { from: new Date(now - DAY_MS).toISOString(), to: new Date(now).toISOString() }
}

/** Only sessions whose both costs are known can be compared. */
function Sum({ costs }: { readonly costs: readonly Cost[] }) {
  const known = costs.filter(({ cost, uncontrolledCost }) => cost !== null && uncontrolledCost !== null)
  if (known.length === 0) return null
  const sum = (of: (one: Cost) => number | null): number =>
    known.reduce((total, one) => total + (of(one) ?? 0), 0)
  return (
    <p class="panel-body">
      {plural(known.length, 'session')}: {sum((one) => one.cost).toFixed(2)} instead of{' '}
      {sum((one) => one.uncontrolledCost).toFixed(2)} without steering.
    </p>
  )
}
