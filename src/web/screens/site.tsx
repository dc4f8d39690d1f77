/** One site; live: load against limit per node and phase, what binds, who gets how much and why, what happens next. */

import { useEffect, useMemo } from 'preact/hooks'
import { read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { amperes, duration, plural, time } from '../format.ts'
import { useSiteStatus } from '../live-sites.ts'
import { BarsLegend } from '../parts/bars.tsx'
import { Badge, Heading, Panel, Tabs, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { href, route } from '../router.ts'
import { useSignal } from '../signal.ts'
import {
  gridOf,
  headroom,
  heldBack,
  isAbove,
  type NodeStatus,
  type SiteStatus,
  troubled,
} from '../site-facts.ts'
import { historyOf, remember } from '../site-history.ts'
import { changesAhead } from '../site-horizon.ts'
import { EvseTable } from './site-evses.tsx'
import { Limits } from './site-limits.tsx'
import { NodeList } from './site-nodes.tsx'
import { SitePlan } from './site-plan.tsx'
import { SiteRecord } from './site-record.tsx'
import { SiteSources } from './site-sources.tsx'

interface SiteData {
  readonly status: SiteStatus
  readonly site: Schemas['Site']
  readonly limits: readonly Schemas['Limit'][]
  readonly schedules: readonly Schemas['LimitSchedule'][]
}

async function readSite(siteId: string): Promise<SiteData> {
  const path = { siteId }
  const [status, site, limits, schedules] = await Promise.all([
    read('/sites/{siteId}/status', { path }),
    read('/sites/{siteId}', { path }),
    read('/sites/{siteId}/limits', { path }),
    read('/sites/{siteId}/schedules', { path }),
  ])
  return { status, site, limits: limits.items, schedules: schedules.items }
}

const TABS = [
  { id: 'live', name: 'Live' },
  { id: 'plan', name: 'Plan' },
  { id: 'sources', name: 'Limits and sources' },
  { id: 'record', name: 'Record' },
]

/** Every place of the site that a limit may be set on, the grid connection first. */
function nodeIdsOf(node: Schemas['CircuitNode']): string[] {
  return [
    node.id,
    ...node.children.flatMap((child) => (child.kind === 'circuit' ? nodeIdsOf(child) : [child.id])),
  ]
}

export function SiteDetail({ siteId }: { readonly siteId: string }) {
  const loaded = useLoaded(
    `site ${siteId}`,
    () => readSite(siteId),
    (event) => event.kind === 'limit.changed' && event.siteId === siteId,
  )
  const live = useSiteStatus(siteId)
  const { query } = useSignal(route)
  const tab = query.tab ?? 'live'
  const tabs = TABS.map((one) => ({
    ...one,
    href: href(['sites', siteId], one.id === 'live' ? {} : { tab: one.id }),
  }))
  return (
    <div class="screen">
      <Heading title={siteId} crumbs={<a href="#/sites">Sites</a>}>
        {live && <StatusBadge status={live} />}
      </Heading>
      <Tabs items={tabs} current={tab} />
      <When loaded={loaded}>
        {({ status, site, limits, schedules }) => {
          if (tab === 'plan') return <SitePlan site={site} status={live ?? status} limits={limits} />
          if (tab === 'sources') return <SiteSources siteId={siteId} nodeIds={nodeIdsOf(site.config.root)} />
          if (tab === 'record') return <SiteRecord site={site} at={query.at} />
          return <Live {...{ status: live ?? status, site, limits, schedules }} reload={loaded.reload} />
        }}
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

function Live({ reload, ...data }: LiveProps) {
  const { status, site, limits } = data
  useEffect(() => remember(status), [status])
  const grid = gridOf(status)
  if (!grid)
    return (
      <Panel>
        <p class="empty">The site loop has not decided yet.</p>
      </Panel>
    )
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
          <NodeList status={status} site={site} />
        </Panel>
        <div class="stack">
          <Panel>
            <Now grid={grid} status={status} />
          </Panel>
          <Panel title="What happens next">
            <Next {...data} />
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
    </>
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

/** Limits and schedules that begin or end, in the order of time. */
function Next({ limits, schedules, site }: SiteData) {
  const nowMs = useNow(5_000)
  const changes = changesAhead({ limits, schedules, voltageV: site.config.voltageV }, nowMs)
  if (changes.length === 0)
    return (
      <p class="soft">
        No limit or schedule begins or ends in the next 24 hours. Grants follow the cars as they come and go.
      </p>
    )
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
