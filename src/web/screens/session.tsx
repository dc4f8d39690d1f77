/** Why this power: the chain from the car up to the grid connection, and which link of it holds. */

import { read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { amperes, dateTime, number, time } from '../format.ts'
import { useSiteStatuses } from '../live-sites.ts'
import { Badge, Empty, Facts, Heading, Panel, When } from '../parts/basics.tsx'
import { Chart } from '../parts/chart.tsx'
import { href } from '../router.ts'
import {
  bindingText,
  type EvseStatus,
  headroom,
  type NodeStatus,
  pathToGrid,
  type SiteStatus,
} from '../site-facts.ts'
import { energy, lasted, SessionState, tokenText } from './sessions.tsx'

type Session = Schemas['Session']

async function readSession(stationId: string, transactionId: string) {
  const path = { stationId, transactionId }
  const [session, events, values] = await Promise.all([
    read('/sessions/{stationId}/{transactionId}', { path }),
    read('/sessions/{stationId}/{transactionId}/events', { path }),
    read('/sessions/{stationId}/{transactionId}/meter-values', { path, query: { limit: 1000 } }),
  ])
  return { session, events: events.items, values: values.items }
}

export function SessionDetail({
  stationId,
  transactionId,
}: {
  readonly stationId: string
  readonly transactionId: string
}) {
  const loaded = useLoaded(
    `session ${stationId} ${transactionId}`,
    () => readSession(stationId, transactionId),
    (event) => event.kind === 'session.updated' && event.transactionId === transactionId,
  )
  const nowMs = useNow()
  return (
    <div class="screen">
      <Heading
        title={`Session on ${stationId}`}
        crumbs={
          <>
            <a href="#/sessions">Sessions</a>, <a href={href(['stations', stationId])}>{stationId}</a>
          </>
        }
      >
        {loaded.data && <SessionState session={loaded.data.session} />}
      </Heading>
      <When loaded={loaded}>
        {({ session, events, values }) => (
          <>
            <div class="columns">
              {session.endedAt === null && <Why session={session} />}
              <Panel title="Session">
                <Facts
                  items={[
                    ['Started', session.startedAt === null ? null : dateTime(session.startedAt)],
                    ['Lasted', lasted(session, nowMs)],
                    ['Energy', energy(session)],
                    ['Id token', tokenText(session)],
                    ['EVSE and connector', `${session.evseId ?? '?'}, ${session.connectorId ?? '?'}`],
                    ['Phases used', session.phasesUsed === null ? null : String(session.phasesUsed)],
                    [
                      'Ended',
                      session.endedAt === null
                        ? 'running'
                        : `${dateTime(session.endedAt)}, ${session.stoppedReason ?? ''}`,
                    ],
                    ['Transaction', <span class="mono">{session.transactionId}</span>],
                  ]}
                />
              </Panel>
            </div>
            <Panel title="Current as the station measured it">
              <Currents values={values} />
            </Panel>
            <Panel title="What the station reported, beside its meter" flush>
              <Events events={events} />
            </Panel>
          </>
        )}
      </When>
    </div>
  )
}

function Why({ session }: { readonly session: Session }) {
  const sites = useLoaded('sites of sessions', async () => {
    const { items } = await read('/sites')
    return Promise.all(items.map(({ id }) => read('/sites/{siteId}/status', { path: { siteId: id } })))
  })
  const known = sites.data ?? []
  const live = useSiteStatuses(known.map(({ siteId }) => siteId))
  const isOurs = (evse: EvseStatus): boolean =>
    evse.stationId === session.stationId && evse.evseId === (session.evseId ?? evse.evseId)
  const status = known.map((one) => live.get(one.siteId) ?? one).find((one) => one.evses.some(isOurs))
  const evse = status?.evses.find(isOurs)
  return (
    <Panel title="Why this power">
      {status && evse ? (
        <Chain status={status} evse={evse} />
      ) : (
        <Empty>{sites.loading ? 'Loading' : 'This station belongs to no steered site.'}</Empty>
      )}
    </Panel>
  )
}

function Chain({ status, evse }: { readonly status: SiteStatus; readonly evse: EvseStatus }) {
  const { reason, grantedA, confirmedA, measuredA } = evse
  const drawsA = measuredA ? Math.max(...measuredA) : undefined
  const holdsHere = reason !== null && reason.nodeId === null
  return (
    <div class="stack">
      <p class="why">{reason?.text ?? 'It gets all it can take'}.</p>
      {evse.escalation && (
        <p>
          <Badge tone="bad">{evse.escalation.step}</Badge> {evse.escalation.text}.
        </p>
      )}
      <Otherwise siteId={status.siteId} evse={evse} />
      <ol class="chain">
        <li class={reason?.code === 'takes-less' || reason?.code === 'own-maximum' ? 'binds' : ''}>
          <strong>The car</strong>
          <span>{drawsA === undefined ? 'no reading' : `draws ${amperes(drawsA)}`}</span>
          <span class="soft small">
            {measuredA ? measuredA.map((value, index) => `L${index + 1} ${number(value)}`).join(', ') : ''}
          </span>
        </li>
        <li
          class={holdsHere && reason?.code !== 'takes-less' && reason?.code !== 'own-maximum' ? 'binds' : ''}
        >
          <strong>
            {evse.stationId}, EVSE {evse.evseId}
          </strong>
          <span>granted {amperes(grantedA)}</span>
          <span class="soft small">
            {confirmedA === null
              ? 'The station has not accepted a profile yet.'
              : `The station has accepted ${amperes(confirmedA)}.`}
          </span>
        </li>
        {pathToGrid(status, evse.stationId)
          .filter((node) => node.kind === 'circuit' || node.binding !== null)
          .map((node) => (
            <Link
              key={node.nodeId}
              node={node}
              binds={reason?.nodeId === node.nodeId}
              phase={reason?.phase ?? null}
            />
          ))}
      </ol>
      <p class="soft small">
        Decided {dateTime(status.at)} by the loop of{' '}
        <a href={href(['sites', status.siteId])}>{status.siteId}</a>.
      </p>
    </div>
  )
}

/** What it would get if what binds now did not: asked anew when that changes, as it is decided for this question. */
function Otherwise({ siteId, evse }: { readonly siteId: string; readonly evse: EvseStatus }) {
  const { stationId, evseId, grantedA, reason } = evse
  const path = { siteId, stationId, evseId: String(evseId) }
  const { data } = useLoaded(
    `why ${siteId} ${stationId} ${evseId} ${Math.round(grantedA)} ${reason?.code} ${reason?.nodeId} ${reason?.source}`,
    () => read('/sites/{siteId}/evses/{stationId}/{evseId}/explanation', { path }),
  )
  if (!data?.otherwise) return null
  const { otherwise } = data
  return (
    <p class="small">
      Otherwise it would get {amperes(otherwise.grantedA)} ({number(otherwise.grantedW / 1000)} kW) instead of{' '}
      {amperes(data.grantedA)} ({number(data.grantedW / 1000)} kW). What would hold then:{' '}
      {otherwise.reason.text}.
    </p>
  )
}

function Link({
  node,
  binds,
  phase,
}: {
  readonly node: NodeStatus
  readonly binds: boolean
  readonly phase: number | null
}) {
  const room = headroom(node)
  return (
    <li class={binds ? 'binds' : ''}>
      <strong>{node.nodeId}</strong>
      {binds ? (
        <Badge tone="warn">binds{phase === null ? '' : ` on L${phase}`}</Badge>
      ) : (
        <span class="soft">{room ? 'has room' : ''}</span>
      )}
      <span class="soft small">
        {room
          ? `${amperes(room.measuredA)} of ${amperes(room.limitA)} on L${room.phase}, its fullest phase. `
          : 'No limit of its own. '}
        {node.binding &&
          `Set by ${bindingText(node)}${node.binding.validTo ? `, until ${time(node.binding.validTo)}` : ''}.`}
      </span>
    </li>
  )
}

const LINES = [
  { name: 'L1', color: '--l1' },
  { name: 'L2', color: '--l2' },
  { name: 'L3', color: '--l3' },
]

type MeterValues = Awaited<ReturnType<typeof readSession>>['values']

function Currents({ values }: { readonly values: MeterValues }) {
  const rows = values.flatMap(({ at, value }) => {
    const currents = currentsOf(value)
    return currents.some((current) => current !== null) ? [{ second: Date.parse(at) / 1000, currents }] : []
  })
  if (rows.length === 0) return <Empty>The station has sent no currents.</Empty>
  rows.sort((a, b) => a.second - b.second)
  const data = [
    rows.map((row) => row.second),
    ...[0, 1, 2].map((index) => rows.map((row) => row.currents[index] ?? null)),
  ]
  return <Chart label="Current per phase of this session" unit="A" lines={LINES} data={data} height={220} />
}

interface Sample {
  readonly value?: unknown
  readonly measurand?: unknown
  readonly phase?: unknown
}

function currentsOf(
  meterValue: Readonly<Record<string, unknown>>,
): [number | null, number | null, number | null] {
  const samples: readonly Sample[] = Array.isArray(meterValue.sampledValue) ? meterValue.sampledValue : []
  const of = (phase: string): number | null => {
    const found = samples.find(
      (one) => one.measurand === 'Current.Import' && (one.phase === phase || one.phase === `${phase}-N`),
    )
    return typeof found?.value === 'number' ? found.value : null
  }
  return [of('L1'), of('L2'), of('L3')]
}

function Events({ events }: { readonly events: Awaited<ReturnType<typeof readSession>>['events'] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Event</th>
          <th scope="col">Why it was sent</th>
        </tr>
      </thead>
      <tbody>
        {events
          .filter(({ event }) => event.triggerReason !== 'MeterValuePeriodic')
          .reverse()
          .slice(0, 100)
          .map(({ seqNo, receivedAt, event }) => (
            <tr key={seqNo}>
              <td class="fit">{dateTime(receivedAt)}</td>
              <td>{String(event.eventType ?? '')}</td>
              <td>{String(event.triggerReason ?? '')}</td>
            </tr>
          ))}
      </tbody>
    </table>
  )
}
