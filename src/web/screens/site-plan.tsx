/** The next 24 hours: which limit holds when and who sets it, what energy costs, and what the cars that are here still want. */

import { read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { amperes, dateTime, duration, kilowattHours, number, time } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import type { EvseStatus, SiteStatus } from '../site-facts.ts'
import { HORIZON_MS, horizonOf, type Slot } from '../site-horizon.ts'

interface PlanProps {
  readonly site: Schemas['Site']
  readonly status: SiteStatus
  readonly limits: readonly Schemas['Limit'][]
}

type Signal = Pick<Schemas['Limit'], 'id' | 'nodeId' | 'value' | 'unit' | 'validFrom' | 'validTo'>

interface Wish {
  readonly evse: EvseStatus
  readonly demand: Schemas['SessionDemand'] | null
}

/** Wishes are read one by one: of more cars than this only the first ones. */
const MOST_CARS = 60

async function readPlan(siteId: string, status: SiteStatus) {
  const path = { siteId }
  const cars = status.evses.filter(({ transactionId }) => transactionId !== null).slice(0, MOST_CARS)
  const [schedules, steering, inForce, wishes] = await Promise.all([
    read('/sites/{siteId}/schedules', { path }),
    read('/sites/{siteId}/steering', { path }),
    read('/sites/{siteId}/limits-in-force', { path }),
    Promise.all(cars.map(readWish)),
  ])
  return { schedules: schedules.items, steering, signals: inForce.items.flatMap(signalOf), wishes }
}

/** What the grid or a station says now stands until it says something else. */
function signalOf({ kind, sourceId, value, ...rest }: Schemas['LimitInForce']): Signal[] {
  return (kind === 'grid' || kind === 'station') && value !== null ? [{ ...rest, id: sourceId, value }] : []
}

/** What was told through the API goes before what the car says itself. */
async function readWish(evse: EvseStatus): Promise<Wish> {
  const path = { stationId: evse.stationId, transactionId: evse.transactionId ?? '' }
  const { told, needs } = await read('/sessions/{stationId}/{transactionId}/demand', { path })
  return { evse, demand: told ?? needs }
}

export function SitePlan({ site, status, limits }: PlanProps) {
  const nowMs = useNow(60_000)
  const loaded = useLoaded(
    `plan ${site.id}`,
    () => readPlan(site.id, status),
    (event) => event.kind === 'limit.changed' && event.siteId === site.id,
  )
  return (
    <When loaded={loaded}>
      {({ schedules, steering, signals, wishes }) => {
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
            <Wishes wishes={wishes} voltageV={voltageV} nowMs={nowMs} />
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

interface WishesProps {
  readonly wishes: readonly Wish[]
  readonly voltageV: number
  readonly nowMs: number
}

function Wishes({ wishes, voltageV, nowMs }: WishesProps) {
  const columns: Column<Wish>[] = [
    {
      name: 'Car at',
      cell: ({ evse }) => (
        <a href={href(['sessions', evse.stationId, evse.transactionId ?? ''])}>
          {evse.stationId} · {evse.evseId}
        </a>
      ),
    },
    {
      name: 'Leaves',
      kind: 'fit',
      cell: ({ demand }) =>
        demand?.departure ? (
          `${dateTime(demand.departure)}, in ${duration(Date.parse(demand.departure) - nowMs)}`
        ) : (
          <span class="soft">not said</span>
        ),
    },
    {
      name: 'Still wants',
      kind: 'number',
      cell: ({ demand }) =>
        demand?.energyWh ? kilowattHours(demand.energyWh) : <span class="soft">not said</span>,
    },
    { name: 'Granted now', kind: 'number', cell: ({ evse }) => amperes(evse.grantedA) },
    {
      name: 'Needs on average',
      kind: 'number',
      cell: (wish) => <Needed wish={wish} {...{ voltageV, nowMs }} />,
    },
    { name: 'Class', kind: 'number', cell: ({ demand }) => demand?.priorityClass },
  ]
  return (
    <Panel title="What the cars still want" aside="said by the car or through the API" flush>
      {wishes.length === 0 ? (
        <Empty>No car is here.</Empty>
      ) : (
        <Table
          label="Wishes"
          columns={columns}
          rows={wishes}
          keyOf={({ evse }) => `${evse.stationId}#${evse.evseId}`}
        />
      )}
    </Panel>
  )
}

/** Amperes on three phases that would bring it there in time, beside what it has now. */
function Needed(props: { readonly wish: Wish; readonly voltageV: number; readonly nowMs: number }) {
  const { wish, voltageV, nowMs } = props
  const { departure, energyWh } = wish.demand ?? {}
  if (!departure || !energyWh) return null
  const hours = (Date.parse(departure) - nowMs) / 3_600_000
  if (hours <= 0) return <Badge tone="bad">overdue</Badge>
  const needA = energyWh / hours / (3 * voltageV)
  return needA > wish.evse.grantedA + 0.5 ? (
    <Badge tone="warn">{number(needA)} A</Badge>
  ) : (
    <>{number(needA)} A</>
  )
}
