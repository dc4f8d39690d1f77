/** Site live: load against limit per node and phase, what binds, who gets how much and why, what happens next. */

import { useEffect, useMemo } from 'preact/hooks'
import { read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { amperes, duration, plural, time } from '../format.ts'
import { useSiteStatus } from '../live-sites.ts'
import { BarsLegend, PhaseBars } from '../parts/bars.tsx'
import { Badge, Heading, Panel, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { href } from '../router.ts'
import {
  bindingText,
  gridOf,
  headroom,
  heldBack,
  isAbove,
  type NodeStatus,
  type SiteStatus,
  troubled,
} from '../site-facts.ts'
import { historyOf, remember } from '../site-history.ts'
import { SiteDay } from './site-day.tsx'
import { EvseTable } from './site-evses.tsx'
import { Limits } from './site-limits.tsx'

interface SiteData {
  readonly status: SiteStatus
  readonly site: Schemas['Site']
  readonly limits: readonly Schemas['Limit'][]
}

async function readSite(siteId: string): Promise<SiteData> {
  const path = { siteId }
  const [status, site, limits] = await Promise.all([
    read('/sites/{siteId}/status', { path }),
    read('/sites/{siteId}', { path }),
    read('/sites/{siteId}/limits', { path }),
  ])
  return { status, site, limits: limits.items }
}

export function SiteLive({ siteId }: { readonly siteId: string }) {
  const loaded = useLoaded(
    `site ${siteId}`,
    () => readSite(siteId),
    (event) => event.kind === 'limit.changed' && event.siteId === siteId,
  )
  const live = useSiteStatus(siteId)
  return (
    <div class="screen">
      <Heading title={siteId} crumbs={<a href="#/sites">Sites</a>}>
        {live && <StatusBadge status={live} />}
      </Heading>
      <When loaded={loaded}>
        {({ status, site, limits }) => (
          <Live status={live ?? status} site={site} limits={limits} reload={loaded.reload} />
        )}
      </When>
    </div>
  )
}

function StatusBadge({ status }: { readonly status: SiteStatus }) {
  if (status.nodes.some(isAbove)) return <Badge tone="bad">Above its limit</Badge>
  if (troubled(status).length > 0)
    return <Badge tone="warn">Inside its limit, {plural(troubled(status).length, 'EVSE')} not steered</Badge>
  return <Badge tone="ok">Inside its limit</Badge>
}

interface LiveProps extends SiteData {
  reload(): void
}

function Live({ status, site, limits, reload }: LiveProps) {
  useEffect(() => remember(status), [status])
  const grid = gridOf(status)
  if (!grid)
    return (
      <Panel>
        <p class="empty">The site loop has not decided yet.</p>
      </Panel>
    )
  const circuits = status.nodes.filter((node) => node.kind === 'circuit' && node !== grid)
  return (
    <>
      {status.alarms.map((alarm) => (
        <div key={alarm.code + alarm.where} class="notice warn" role="alert">
          <span>
            <strong>{alarm.where}</strong>: {alarm.detail}
          </span>
        </div>
      ))}
      <div class="columns">
        <Panel title="Load against limit" aside={<BarsLegend />}>
          <NodeBars node={grid} scaleA={configuredA(site, grid)} />
          {circuits.map((node) => (
            <NodeBars key={node.nodeId} node={node} scaleA={configuredA(site, node)} />
          ))}
        </Panel>
        <div class="stack">
          <Panel>
            <Now grid={grid} status={status} />
          </Panel>
          <Panel title="What happens next">
            <Next limits={limits} />
          </Panel>
          <Limits siteId={status.siteId} nodes={status.nodes} limits={limits} onChanged={reload} />
        </div>
      </div>
      <Panel
        title={`Grid connection since ${time(new Date((historyOf(status.siteId).timeS[0] ?? Date.parse(status.at) / 1000) * 1000).toISOString())}`}
      >
        <History status={status} />
      </Panel>
      <Panel title="Charging points" aside={`${plural(heldBack(status).length, 'car')} held back`} flush>
        <EvseTable status={status} site={site} />
      </Panel>
      <SiteDay siteId={status.siteId} nodeId={grid.nodeId} />
    </>
  )
}

/** The fuse is the full width of a bar, so that a lower limit in force is seen as what it takes away. */
function configuredA(site: Schemas['Site'], node: NodeStatus): number {
  const found = find(site.config.root, node.nodeId)
  const limit = found?.limitA
  const configured = limit === undefined ? [] : typeof limit === 'number' ? [limit] : limit
  return Math.max(1, ...configured, ...node.limitA.map((value) => value ?? 0), ...(node.measuredA ?? []))
}

type Circuit = Schemas['CircuitNode']

function find(node: Circuit, nodeId: string): Circuit | Schemas['StationNode'] | undefined {
  if (node.id === nodeId) return node
  for (const child of node.children) {
    const found = child.kind === 'circuit' ? find(child, nodeId) : child.id === nodeId ? child : undefined
    if (found) return found
  }
  return undefined
}

function NodeBars({ node, scaleA }: { readonly node: NodeStatus; readonly scaleA: number }) {
  const room = headroom(node)
  return (
    <div class="node" data-node={node.nodeId}>
      <div class="row between">
        <h3>{node.nodeId}</h3>
        <span class="small soft">
          {room ? `${amperes(Math.max(0, room.freeA))} free on L${room.phase}` : 'no limit of its own'}
        </span>
      </div>
      <PhaseBars node={node} scaleA={scaleA} />
      <p class="small soft">
        Limit: {bindingText(node)}
        {node.binding?.validTo ? `, until ${time(node.binding.validTo)}` : ''}
        {node.limitW === null ? '' : `; ${Math.round(node.limitW / 100) / 10} kW over all phases`}
      </p>
    </div>
  )
}

function Now({ grid, status }: { readonly grid: NodeStatus; readonly status: SiteStatus }) {
  const room = headroom(grid)
  const cars = status.evses.filter((evse) => evse.transactionId !== null)
  return (
    <dl class="figures">
      <div>
        <dt>Headroom{room ? ` on L${room.phase}` : ''}</dt>
        <dd class="big">{room ? amperes(Math.max(0, room.freeA)) : 'unlimited'}</dd>
      </div>
      <div>
        <dt>Cars connected</dt>
        <dd class="big">{cars.length}</dd>
      </div>
      <div>
        <dt>Held back</dt>
        <dd class="big">{heldBack(status).length}</dd>
      </div>
    </dl>
  )
}

/** The limits that begin or end, in the order of time. */
function Next({ limits }: { readonly limits: readonly Schemas['Limit'][] }) {
  const nowMs = useNow(5_000)
  const changes = limits
    .flatMap((limit) => [
      { at: limit.validFrom, text: `"${limit.id}" begins: ${limit.value} ${limit.unit} on ${limit.nodeId}` },
      { at: limit.validTo, text: `"${limit.id}" ends on ${limit.nodeId}` },
    ])
    .flatMap(({ at, text }) =>
      at === null || Date.parse(at) <= nowMs ? [] : [{ atMs: Date.parse(at), text }],
    )
    .sort((a, b) => a.atMs - b.atMs)
  if (changes.length === 0)
    return <p class="soft">No limit begins or ends. Grants follow the cars as they come and go.</p>
  return (
    <ul class="stack">
      {changes.slice(0, 6).map((change) => (
        <li key={change.text}>
          <strong>In {duration(change.atMs - nowMs)}</strong> {change.text}.
        </li>
      ))}
    </ul>
  )
}

const LINES = [
  { name: 'L1', color: '--l1' },
  { name: 'L2', color: '--l2' },
  { name: 'L3', color: '--l3' },
  { name: 'Limit', color: '--text', stepped: true, dashed: true },
]

function History({ status }: { readonly status: SiteStatus }) {
  const data = useMemo(() => {
    const { timeS, measuredA, limitA } = historyOf(status.siteId)
    return [[...timeS], ...measuredA.map((row) => [...row]), [...limitA]]
  }, [status])
  return (
    <Chart
      label="Current per phase at the grid connection, and the limit in force"
      unit="A"
      lines={LINES}
      data={data}
    />
  )
}

export const stationHref = (stationId: string): string => href(['stations', stationId])
