/** The hours ahead: which limit holds when and who sets it, what energy costs, what is planned, and what the cars still want. */

import { read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { amperes, dateTime, duration, HOUR_MS, kilowattHours, time } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import type { SiteStatus } from '../site-facts.ts'
import { HORIZON_MS, horizonOf, type Slot } from '../site-horizon.ts'

interface PlanProps {
  readonly site: Schemas['Site']
  readonly status: SiteStatus
  readonly limits: readonly Schemas['Limit'][]
}

type Signal = Pick<Schemas['Limit'], 'id' | 'nodeId' | 'value' | 'unit' | 'validFrom' | 'validTo'>

type Outlook = Schemas['SiteOutlook']
type Car = Outlook['evses'][number]

async function readPlan(siteId: string) {
  const path = { siteId }
  const [schedules, steering, inForce, outlook] = await Promise.all([
    read('/sites/{siteId}/schedules', { path }),
    read('/sites/{siteId}/steering', { path }),
    read('/sites/{siteId}/limits-in-force', { path }),
    read('/sites/{siteId}/outlook', { path }),
  ])
  return { schedules: schedules.items, steering, signals: inForce.items.flatMap(signalOf), outlook }
}

/** What the grid or a station says now stands until it says something else. */
function signalOf({ kind, sourceId, value, ...rest }: Schemas['LimitInForce']): Signal[] {
  return (kind === 'grid' || kind === 'station') && value !== null ? [{ ...rest, id: sourceId, value }] : []
}

export function SitePlan({ site, status, limits }: PlanProps) {
  const nowMs = useNow(60_000)
  const loaded = useLoaded(
    `plan ${site.id}`,
    () => readPlan(site.id),
    (event) => event.kind === 'limit.changed' && event.siteId === site.id,
  )
  return (
    <When loaded={loaded}>
      {({ schedules, steering, signals, outlook }) => {
        const { root, voltageV } = site.config
        const slots = horizonOf(
          {
            nodeId: root.id,
            configuredA: lowestOf(root.limitA),
            voltageV,
            limits: [...limits, ...signals],
            schedules,
          },
          nowMs,
        )
        return (
          <>
            <LimitAhead slots={slots} />
            <PricesAhead prices={steering.prices} policy={steering.policy} nowMs={nowMs} />
            <Planned outlook={outlook} />
            <Cars cars={outlook.evses} status={status} voltageV={voltageV} nowMs={nowMs} />
          </>
        )
      }}
    </When>
  )
}

function lowestOf(limitA: number | readonly number[] | undefined): number | null {
  const values = limitA === undefined ? [] : [limitA].flat()
  return values.length === 0 ? null : Math.min(...values)
}

const LIMIT_LINE = [{ name: 'Limit', color: '--text', stepped: true }]

function LimitAhead({ slots }: { readonly slots: readonly Slot[] }) {
  const changes = slots.filter((slot, index) => {
    const before = slots[index - 1]
    return before === undefined || before.limitA !== slot.limitA || before.by !== slot.by
  })
  return (
    <Panel title="Limit at the grid connection" aside="as known now; grid signals may come at any time">
      <div class="stack">
        <Chart
          label="The limit at the grid connection over the next 24 hours"
          unit="A"
          lines={LIMIT_LINE}
          data={[slots.map(({ atMs }) => atMs / 1000), slots.map(({ limitA }) => limitA)]}
          height={180}
        />
        <ul class="stack small">
          {changes.map(({ atMs, limitA, by }, index) => (
            <li key={atMs}>
              <strong>{index === 0 ? 'Now' : time(new Date(atMs).toISOString())}</strong>{' '}
              {limitA === null ? 'no limit' : amperes(limitA)}, set by {by}
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  )
}

const PRICE_LINE = [{ name: 'Price', color: '--accent', stepped: true }]

interface PricesProps {
  readonly prices: Schemas['Steering']['prices']
  readonly policy: string
  readonly nowMs: number
}

function PricesAhead({ prices, policy, nowMs }: PricesProps) {
  const ahead = prices
    .filter(({ from, to }) => Date.parse(to) > nowMs && Date.parse(from) < nowMs + HORIZON_MS)
    .sort((a, b) => a.from.localeCompare(b.from))
  const points = ahead.flatMap(({ from, to, pricePerKwh }) => [
    { second: Date.parse(from) / 1000, pricePerKwh },
    { second: Date.parse(to) / 1000 - 1, pricePerKwh },
  ])
  return (
    <Panel title="Prices" aside={`policy ${policy}`}>
      {points.length === 0 ? (
        <Empty>No price is known for the next 24 hours.</Empty>
      ) : (
        <Chart
          label="Price per kWh over the next 24 hours"
          unit=""
          lines={PRICE_LINE}
          data={[points.map(({ second }) => second), points.map(({ pricePerKwh }) => pricePerKwh)]}
          height={160}
        />
      )}
    </Panel>
  )
}

const PLANNED_LINES = [
  { name: 'Free for cars', color: '--text', stepped: true, dashed: true },
  { name: 'Planned', color: '--accent', stepped: true },
]

/** The tightest phase of what is free, and the fullest one of what is planned. */
function Planned({ outlook: { slots, plannedAt } }: { readonly outlook: Outlook }) {
  const points = slots.flatMap(({ from, to, availableA, plannedA }) => {
    const known = availableA.filter((value): value is number => value !== null)
    const freeA = known.length === 0 ? null : Math.min(...known)
    const givenA = plannedA === null ? null : Math.max(...plannedA)
    return [Date.parse(from) / 1000, Date.parse(to) / 1000 - 1].map((second) => ({ second, freeA, givenA }))
  })
  return (
    <Panel
      title="Free for cars, and planned"
      aside={
        plannedAt === null
          ? 'nothing is planned: this policy does not look ahead'
          : `planned ${dateTime(plannedAt)}`
      }
    >
      {points.length === 0 ? (
        <Empty>The site loop has not looked ahead yet.</Empty>
      ) : (
        <Chart
          label="What is free for cars at the grid connection, and what the plan gives"
          unit="A"
          lines={PLANNED_LINES}
          data={[
            points.map(({ second }) => second),
            points.map(({ freeA }) => freeA),
            points.map(({ givenA }) => givenA),
          ]}
          height={180}
        />
      )}
    </Panel>
  )
}

interface CarsProps {
  readonly cars: readonly Car[]
  readonly status: SiteStatus
  readonly voltageV: number
  readonly nowMs: number
}

function Cars({ cars, status, voltageV, nowMs }: CarsProps) {
  const grantedA = ({ stationId, evseId }: Car): number =>
    status.evses.find((evse) => evse.stationId === stationId && evse.evseId === evseId)?.grantedA ?? 0
  const columns: Column<Car>[] = [
    {
      name: 'Car at',
      cell: ({ stationId, evseId, transactionId }) => (
        <a href={href(['sessions', stationId, transactionId])}>
          {stationId} · {evseId}
        </a>
      ),
    },
    {
      name: 'Leaves',
      kind: 'fit',
      cell: ({ departure }) =>
        departure === null ? (
          <span class="soft">not said</span>
        ) : (
          `${dateTime(departure)}, in ${duration(Date.parse(departure) - nowMs)}`
        ),
    },
    {
      name: 'Still wants',
      kind: 'number',
      cell: ({ remainingWh }) =>
        remainingWh === null ? <span class="soft">not said</span> : kilowattHours(remainingWh),
    },
    { name: 'Granted now', kind: 'number', cell: (car) => amperes(grantedA(car)) },
    {
      name: 'Needs on average',
      kind: 'number',
      cell: (car) => <Needed car={car} grantedA={grantedA(car)} voltageV={voltageV} nowMs={nowMs} />,
    },
    {
      name: 'Planned at most',
      kind: 'number',
      cell: ({ plannedA }) => (plannedA === null ? '' : amperes(Math.max(0, ...plannedA))),
    },
  ]
  return (
    <Panel title="What the cars still want" aside="said by the car or through the API" flush>
      {cars.length === 0 ? (
        <Empty>No car is here.</Empty>
      ) : (
        <Table
          label="Cars"
          columns={columns}
          rows={cars}
          keyOf={({ stationId, evseId }) => `${stationId}#${evseId}`}
        />
      )}
    </Panel>
  )
}

interface NeededProps {
  readonly car: Car
  readonly grantedA: number
  readonly voltageV: number
  readonly nowMs: number
}

/** Amperes on three phases that would bring it there in time; marked where it has less now. */
function Needed({ car: { departure, remainingWh }, grantedA, voltageV, nowMs }: NeededProps) {
  if (departure === null || remainingWh === null || remainingWh <= 0) return null
  const hours = (Date.parse(departure) - nowMs) / HOUR_MS
  if (hours <= 0) return <Badge tone="bad">overdue</Badge>
  const needA = remainingWh / hours / (3 * voltageV)
  return needA > grantedA + 0.5 ? <Badge tone="warn">{amperes(needA)}</Badge> : <span>{amperes(needA)}</span>
}
