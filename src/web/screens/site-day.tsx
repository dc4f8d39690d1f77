/** The last 24 hours at the grid connection, minute by minute, with every time above the limit marked. */

import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { amperes, DAY_MS, dateTime, number } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { href } from '../router.ts'

type Minute = Schemas['ComplianceMinute']

const LINES = [
  { name: 'L1', color: '--l1' },
  { name: 'L2', color: '--l2' },
  { name: 'L3', color: '--l3' },
  { name: 'Limit', color: '--text', stepped: true, dashed: true },
]
const LISTED = 20

export function SiteDay({ siteId, nodeId }: { readonly siteId: string; readonly nodeId: string }) {
  const loaded = useLoaded(`day ${siteId} ${nodeId}`, async () => {
    const now = Date.now()
    const from = new Date(now - DAY_MS).toISOString()
    const query = { from, to: new Date(now).toISOString(), nodeId, limit: 1441 }
    return (await read('/sites/{siteId}/compliance', { path: { siteId }, query })).items
  })
  return (
    <Panel
      title="The last 24 hours"
      aside={
        <a href={csvHref(siteId, nodeId)} download>
          Export as CSV
        </a>
      }
    >
      <When loaded={loaded}>
        {(minutes) =>
          minutes.length === 0 ? (
            <Empty>Nothing is recorded yet.</Empty>
          ) : (
            <Day siteId={siteId} minutes={minutes} />
          )
        }
      </When>
    </Panel>
  )
}

function csvHref(siteId: string, nodeId: string): string {
  const to = new Date()
  const query = new URLSearchParams({
    from: new Date(to.getTime() - DAY_MS).toISOString(),
    to: to.toISOString(),
    nodeId,
  })
  return `/api/v1/sites/${encodeURIComponent(siteId)}/compliance.csv?${query}`
}

function Day({ siteId, minutes }: { readonly siteId: string; readonly minutes: readonly Minute[] }) {
  const above = minutes.filter((minute) => minute.secondsAbove > 0)
  const data = [
    minutes.map((minute) => Date.parse(minute.at) / 1000),
    ...[0, 1, 2].map((phase) => minutes.map((minute) => minute.highestA[phase] ?? null)),
    minutes.map(lowestLimit),
  ]
  const peakA = Math.max(...minutes.flatMap((minute) => minute.highestA))
  const sum = (of: (minute: Minute) => number): number =>
    minutes.reduce((total, minute) => total + of(minute), 0)
  return (
    <div class="stack">
      <p>
        {above.length === 0 ? (
          <Badge tone="ok">never above the limit</Badge>
        ) : (
          <Badge tone="bad">above the limit</Badge>
        )}{' '}
        Peak {amperes(peakA)}, {number(sum((minute) => minute.deliveredKwh))} kWh delivered,{' '}
        {number(sum((minute) => minute.unmetKwh))} kWh more could have been taken.
      </p>
      <p class="soft small">Highest current of each minute.</p>
      <Chart label="Highest current per minute and phase, and the limit" unit="A" lines={LINES} data={data} />
      {above.length > 0 && (
        <ul class="stack small">
          {above.slice(-LISTED).map((minute) => (
            <li key={minute.at}>
              <a href={href(['sites', siteId], { tab: 'record', at: minute.at })}>{dateTime(minute.at)}</a>:{' '}
              {number(minute.secondsAbove)} s above the limit, the longest {number(minute.longestExcursionS)}{' '}
              s, highest {amperes(Math.max(...minute.highestA))}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function lowestLimit(minute: Minute): number | null {
  const known = minute.limitA.filter((value): value is number => value !== null)
  return known.length === 0 ? null : Math.min(...known)
}
