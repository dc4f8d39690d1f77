/** One campaign: what its preflight found, how far each wave is, and what can be done about it. */

import { act } from '../act.ts'
import { change, read, readAll, type Schemas } from '../api.ts'
import { useEvery, useLoaded, useNow } from '../data.ts'
import { dateTime, plural, since } from '../format.ts'
import { Badge, Empty, Facts, Heading, Panel, When } from '../parts/basics.tsx'
import { Choice, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import {
  ACTIONS,
  type Campaign,
  KIND,
  reasonText,
  STATE_TONE,
  STATION_STATES,
  STATION_TONE,
  type StationState,
} from './campaign-words.ts'

type Row = Schemas['CampaignStation']

const PAGE = 1000
const MOVING: ReadonlySet<Campaign['state']> = new Set(['running', 'rolling-back', 'paused'])

async function readCampaign(campaignId: string) {
  const path = { campaignId }
  const [{ campaign }, stations] = await Promise.all([
    read('/campaigns/{campaignId}', { path }),
    readAll(async (query) => {
      const { items } = await read('/campaigns/{campaignId}/stations', { path, query })
      return { items, next: items.length < PAGE ? null : (items.at(-1)?.stationId ?? null) }
    }),
  ])
  return { campaign, rows: stations.items }
}

export function CampaignDetail({ campaignId }: { readonly campaignId: string }) {
  const loaded = useLoaded(`campaign ${campaignId}`, () => readCampaign(campaignId))
  const { data } = loaded
  // A large fleet is read less often: its rows are many, and its waves slow.
  const everyMs =
    data && MOVING.has(data.campaign.state) ? (data.rows.length > PAGE ? 10_000 : 1_500) : undefined
  useEvery(loaded.reload, everyMs)
  return (
    <div class="screen">
      <Heading title={data?.campaign.name ?? 'Campaign'} crumbs={<a href="#/campaigns">Campaigns</a>}>
        {data && <Badge tone={STATE_TONE[data.campaign.state]}>{data.campaign.state}</Badge>}
        {data && may('secure') && <Buttons campaign={data.campaign} reload={loaded.reload} />}
      </Heading>
      <When loaded={loaded}>
        {({ campaign, rows }) => (
          <>
            {campaign.detail !== null && (
              <div class={`notice ${campaign.state === 'halted' ? 'bad' : 'warn'}`} role="alert">
                <span>
                  {campaign.state === 'halted' ? <strong>Halted: </strong> : null}
                  {campaign.detail}
                </span>
              </div>
            )}
            <div class="columns">
              <Panel title="Waves" aside={`phase: ${campaign.phase}`}>
                <Waves campaign={campaign} rows={rows} />
              </Panel>
              <Plan campaign={campaign} rows={rows} />
            </div>
            <Preflight rows={rows} />
            <Stations rows={rows} />
          </>
        )}
      </When>
    </div>
  )
}

function Buttons({ campaign, reload }: { readonly campaign: Campaign; readonly reload: () => void }) {
  return (
    <>
      {ACTIONS.filter(({ from }) => from.includes(campaign.state)).map(({ action, name, danger }) => (
        <button
          key={action}
          type="button"
          class={danger ? 'danger' : 'primary'}
          onClick={async () => {
            const path = { campaignId: campaign.id }
            await act(
              () => change('POST', '/campaigns/{campaignId}/actions', { path, body: { action } }),
              `${name}: done.`,
            )
            reload()
          }}
        >
          {name}
        </button>
      ))}
    </>
  )
}

function countsOf(rows: readonly Row[]): ReadonlyMap<StationState, number> {
  const counts = new Map<StationState, number>()
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
}

/** One bar per wave, in the colours of what became of its stations; the numbers say the same. */
function Waves({ campaign, rows }: { readonly campaign: Campaign; readonly rows: readonly Row[] }) {
  const taking = rows.filter(({ state }) => state !== 'excluded')
  if (taking.length === 0) return <Empty>No station takes part.</Empty>
  return (
    <ol class="stack">
      {[...Array(campaign.waves).keys()].map((wave) => {
        const own = taking.filter((row) => row.wave === wave)
        const counts = countsOf(own)
        const parts = STATION_STATES.flatMap((state) => {
          const count = counts.get(state) ?? 0
          return count === 0 ? [] : [{ state, count }]
        })
        return (
          <li key={wave} data-wave={wave + 1}>
            <div class="row between small">
              <strong>
                Wave {wave + 1}
                {wave === campaign.wave && MOVING.has(campaign.state) ? ', now' : ''}
              </strong>
              <span class="soft">{parts.map(({ state, count }) => `${count} ${state}`).join(', ')}</span>
            </div>
            <div class="wave" aria-hidden="true">
              {parts.map(({ state, count }) => (
                <span key={state} class={state} style={{ flexGrow: count }} />
              ))}
            </div>
          </li>
        )
      })}
    </ol>
  )
}

function Plan({ campaign, rows }: { readonly campaign: Campaign; readonly rows: readonly Row[] }) {
  const counts = countsOf(rows)
  const excluded = counts.get('excluded') ?? 0
  const limit = (name: string): string => String(campaign.limits[name] ?? '')
  return (
    <Panel title="Plan" aside={KIND[campaign.kind].name}>
      <Facts
        items={[
          ['Take part', plural(rows.length - excluded, 'station')],
          ['Left out', plural(excluded, 'station')],
          ['Done', String(counts.get('done') ?? 0)],
          ['At once, per hour', `${limit('atOnce')}, ${limit('perHour')}`],
          ['Per site', limit('perSite')],
          ['Halts above', `${Number(campaign.limits.maxFailures ?? 0) * 100} % failed of a wave`],
          ['Deadline', campaign.deadline === null ? null : dateTime(campaign.deadline)],
          ['Planned', `${dateTime(campaign.createdAt)} by ${campaign.createdBy}`],
        ]}
      />
    </Panel>
  )
}

/** Who does not take part and why; and what is to be known of those who do. */
function Preflight({ rows }: { readonly rows: readonly Row[] }) {
  const groups = new Map<string, { excluded: boolean; reason: string; ids: string[] }>()
  for (const { stationId, state, step, reason } of rows) {
    if (reason === null || (state !== 'excluded' && step !== 'planned')) continue
    const key = `${state === 'excluded'} ${reason}`
    const group = groups.get(key) ?? { excluded: state === 'excluded', reason, ids: [] }
    group.ids.push(stationId)
    groups.set(key, group)
  }
  if (groups.size === 0) return null
  return (
    <Panel title="Preflight" flush>
      <ul class="attention">
        {[...groups.values()].map(({ excluded, reason, ids }) => (
          <li key={`${excluded} ${reason}`}>
            <Badge tone={excluded ? 'none' : 'warn'}>{excluded ? 'left out' : 'takes part'}</Badge>
            <span>
              {plural(ids.length, 'station')}: {reasonText(reason)}{' '}
              <span class="soft small">
                {ids.slice(0, 5).join(', ')}
                {ids.length > 5 ? ' and others' : ''}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Stations({ rows }: { readonly rows: readonly Row[] }) {
  const nowMs = useNow()
  const filters = useFilters()
  const { text, state } = filters.query
  const shown = rows.filter(
    (row) =>
      matches(text, row.stationId, row.siteId, row.step, row.reason) && (!state || row.state === state),
  )
  const columns: Column<Row>[] = [
    {
      name: 'Station',
      width: '17%',
      cell: ({ stationId }) => <a href={href(['stations', stationId])}>{stationId}</a>,
    },
    { name: 'Site', width: '11%', cell: ({ siteId }) => siteId },
    {
      name: 'Wave',
      width: '70px',
      cell: (row) => (row.state === 'excluded' ? '' : row.wave + 1),
    },
    {
      name: 'State',
      width: '130px',
      cell: (row) => <Badge tone={STATION_TONE[row.state]}>{row.state}</Badge>,
    },
    { name: 'Step', width: '10%', cell: ({ step }) => step },
    { name: 'Tries', width: '70px', cell: ({ attempts }) => attempts },
    {
      name: 'Reason',
      cell: ({ reason }) => <span title={reason ?? ''}>{reasonText(reason)}</span>,
    },
    { name: 'Updated', width: '120px', cell: ({ updatedAt }) => since(updatedAt, nowMs) },
  ]
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station, site, step, reason" />
        <Choice
          filters={filters}
          name="state"
          label="State"
          options={STATION_STATES.map((one) => [one, one])}
        />
      </Toolbar>
      <Panel title={plural(shown.length, 'station')} flush>
        {shown.length === 0 ? (
          <Empty>No station fits these filters.</Empty>
        ) : (
          <VirtualTable
            label="Stations"
            columns={columns}
            rows={shown}
            keyOf={({ stationId }) => stationId}
          />
        )}
      </Panel>
    </>
  )
}
