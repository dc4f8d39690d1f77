import type { Schemas } from '../api.ts'
import { read } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { duration, kilowattHours, since } from '../format.ts'
import { Badge, Empty, Heading, Panel, Scroll, When } from '../parts/basics.tsx'
import { Choice, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { href } from '../router.ts'
import { SessionDetail } from './session.tsx'

type Session = Schemas['Session']

export function view({ parts }: { readonly parts: readonly string[] }) {
  const [stationId, transactionId] = parts
  if (stationId === undefined || transactionId === undefined) return <Sessions />
  return (
    <SessionDetail
      key={`${stationId}/${transactionId}`}
      stationId={stationId}
      transactionId={transactionId}
    />
  )
}

const PAGE = 500

function Sessions() {
  const filters = useFilters()
  const { active, text } = filters.query
  const loaded = useLoaded(
    `sessions ${active ?? ''}`,
    () => read('/sessions', { query: { limit: PAGE, ...(active ? { active: active === 'true' } : {}) } }),
    (event) => event.kind === 'session.updated',
  )
  return (
    <div class="screen">
      <Heading title="Sessions" note="Open one to see why it gets the power it gets." />
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station, transaction, id token" />
        <Choice
          filters={filters}
          name="active"
          label="State"
          options={[
            ['true', 'Running'],
            ['false', 'Ended'],
          ]}
        />
      </Toolbar>
      <When loaded={loaded}>
        {({ items, next }) => {
          const shown = items.filter((one) =>
            matches(text, one.stationId, one.transactionId, one.idToken?.idToken),
          )
          return (
            <Panel flush>
              {shown.length === 0 ? (
                <Empty>No session fits these filters.</Empty>
              ) : (
                <Table sessions={shown} />
              )}
              {next !== null && <p class="soft small empty">The latest {PAGE} sessions are shown.</p>}
            </Panel>
          )
        }}
      </When>
    </div>
  )
}

function Table({ sessions }: { readonly sessions: readonly Session[] }) {
  const nowMs = useNow()
  return (
    <Scroll label="Sessions">
      <table>
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col">State</th>
            <th scope="col">Started</th>
            <th scope="col" class="num">
              Lasted
            </th>
            <th scope="col" class="num">
              Energy
            </th>
            <th scope="col" class="optional">
              Id token
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={`${session.stationId}/${session.transactionId}`}>
              <td>
                <a href={href(['sessions', session.stationId, session.transactionId])}>{session.stationId}</a>{' '}
                <span class="soft small">{session.evseId === null ? '' : `EVSE ${session.evseId}`}</span>
              </td>
              <td>
                <SessionState session={session} />
              </td>
              <td class="fit">{since(session.startedAt, nowMs)}</td>
              <td class="num">{lasted(session, nowMs)}</td>
              <td class="num">{energy(session)}</td>
              <td class="optional small">{tokenText(session)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

export function SessionState({ session }: { readonly session: Session }) {
  if (session.endedAt !== null) return <Badge tone="none">{session.stoppedReason ?? 'ended'}</Badge>
  return (
    <Badge tone={session.chargingState === 'Charging' ? 'ok' : 'warn'}>
      {session.chargingState ?? 'running'}
    </Badge>
  )
}

export function lasted({ startedAt, endedAt }: Session, nowMs: number): string {
  return startedAt === null
    ? ''
    : duration((endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt))
}

export function energy({ meterStartWh, meterLastWh }: Session): string {
  return meterStartWh === null || meterLastWh === null ? '' : kilowattHours(meterLastWh - meterStartWh)
}

export function tokenText({ idToken }: Session): string {
  return idToken ? `${idToken.type} ${idToken.idToken}` : ''
}
