/** One station: what it is, what it reports, what it holds, and any call to it. */

import { act } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { dateTime, since } from '../format.ts'
import { useSiteStatuses } from '../live-sites.ts'
import { Badge, Empty, Facts, Heading, Panel, Scroll, Tabs, When } from '../parts/basics.tsx'
import { href, route } from '../router.ts'
import { useSignal } from '../signal.ts'
import { may } from '../signed-in.ts'
import { pathToGrid } from '../site-facts.ts'
import { KeptEvents } from './kept-events.tsx'
import { MessageLog } from './messages.tsx'
import { StationCall } from './station-call.tsx'
import { StationCertificates } from './station-certificates.tsx'
import { StationModel } from './station-model.tsx'
import { StationOrders } from './station-orders.tsx'
import { StationProfiles } from './station-profiles.tsx'
import { ConnectionBadge, SECURITY } from './stations.tsx'

const KINDS = new Set([
  'station.connected',
  'station.disconnected',
  'station.booted',
  'connector.status',
  'session.updated',
])

export function StationDetail({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(
    `station ${stationId}`,
    () => read('/stations/{stationId}', { path: { stationId } }),
    (event) => event.stationId === stationId && KINDS.has(event.kind),
  )
  const { query } = useSignal(route)
  const tab = query.tab ?? 'state'
  const tabs = [
    { id: 'state', name: 'State' },
    { id: 'model', name: 'Device model' },
    { id: 'certificates', name: 'Certificates' },
    { id: 'profiles', name: 'Profiles' },
    { id: 'messages', name: 'Messages' },
    { id: 'events', name: 'Events' },
    { id: 'orders', name: 'Orders' },
    ...(may('operate') || may('secure') ? [{ id: 'call', name: 'Send a call' }] : []),
  ].map((one) => ({ ...one, href: href(['stations', stationId], one.id === 'state' ? {} : { tab: one.id }) }))
  return (
    <div class="screen">
      <Heading title={stationId} crumbs={<a href="#/stations">Stations</a>}>
        {loaded.data && <ConnectionBadge station={loaded.data} />}
      </Heading>
      <Tabs items={tabs} current={tab} />
      {tab === 'model' && <StationModel stationId={stationId} />}
      {tab === 'certificates' && <StationCertificates stationId={stationId} />}
      {tab === 'profiles' && <StationProfiles stationId={stationId} />}
      {tab === 'messages' && <MessageLog stationId={stationId} />}
      {tab === 'events' && <KeptEvents stationId={stationId} />}
      {tab === 'orders' && <StationOrders stationId={stationId} />}
      {tab === 'call' && <StationCall stationId={stationId} />}
      {tab === 'state' && <When loaded={loaded}>{(station) => <State station={station} />}</When>}
    </div>
  )
}

function State({ station }: { readonly station: Schemas['Station'] }) {
  const nowMs = useNow()
  const { boot } = station
  const disconnect = () =>
    act(
      () => change('DELETE', '/stations/{stationId}/connection', { path: { stationId: station.id } }),
      'The connection is closed; the station will try again.',
    )
  return (
    <>
      <div class="columns">
        <Panel title="Identity">
          <Facts
            items={[
              ['Security profile', SECURITY[station.securityProfile]],
              ['Registration', station.registration],
              ['Last seen', station.online ? 'connected now' : since(station.lastSeenAt, nowMs)],
              ['Serial number', station.serialNumber],
              ['Organisation', station.organisation],
              ['Group', station.group],
            ]}
          />
        </Panel>
        <Panel title="Last boot">
          {boot ? (
            <Facts
              items={[
                ['When', since(boot.at, nowMs)],
                ['Why', boot.reason],
                ['Vendor', boot.vendorName],
                ['Model', boot.model],
                ['Firmware', boot.firmwareVersion ?? null],
                ['Serial number', boot.serialNumber ?? null],
              ]}
            />
          ) : (
            <Empty>It has not booted here yet.</Empty>
          )}
        </Panel>
      </div>
      <Connectors stationId={station.id} />
      <Power stationId={station.id} />
      {may('operate') && station.online && (
        <div>
          <button type="button" onClick={() => void disconnect()}>
            Close the connection
          </button>
        </div>
      )}
    </>
  )
}

function Connectors({ stationId }: { readonly stationId: string }) {
  const nowMs = useNow()
  const loaded = useLoaded(
    `connectors ${stationId}`,
    async () => {
      const path = { stationId }
      const [connectors, sessions] = await Promise.all([
        read('/stations/{stationId}/connectors', { path }),
        read('/sessions', { query: { stationId, active: true } }),
      ])
      return { connectors: connectors.items, sessions: sessions.items }
    },
    (event) =>
      event.stationId === stationId &&
      (event.kind === 'connector.status' || event.kind === 'session.updated'),
  )
  return (
    <Panel title="Connectors" flush>
      <When loaded={loaded}>
        {({ connectors, sessions }) =>
          connectors.length === 0 ? (
            <Empty>It has not reported a connector yet.</Empty>
          ) : (
            <Scroll label="Connectors">
              <table>
                <thead>
                  <tr>
                    <th scope="col">EVSE and connector</th>
                    <th scope="col">Status</th>
                    <th scope="col">Since</th>
                    <th scope="col">Session</th>
                  </tr>
                </thead>
                <tbody>
                  {connectors.map((one) => {
                    const session = sessions.find(({ evseId }) => evseId === one.evseId)
                    return (
                      <tr key={`${one.evseId}.${one.connectorId}`}>
                        <td>
                          EVSE {one.evseId}, connector {one.connectorId}
                        </td>
                        <td>
                          <Badge
                            tone={
                              one.status === 'Faulted' ? 'bad' : one.status === 'Unavailable' ? 'warn' : 'ok'
                            }
                          >
                            {one.status}
                          </Badge>
                        </td>
                        <td>{since(one.receivedAt, nowMs)}</td>
                        <td>
                          {session ? (
                            <a href={href(['sessions', stationId, session.transactionId])}>
                              {session.chargingState ?? 'running'}
                            </a>
                          ) : (
                            <span class="soft">none</span>
                          )}
                        </td>
                      </tr>
                    )
                  })}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </When>
    </Panel>
  )
}

/** What its site gives it; the whole chain is on the session's screen. */
function Power({ stationId }: { readonly stationId: string }) {
  const sites = useLoaded('site ids', async () => (await read('/sites')).items.map(({ id }) => id))
  const statuses = useSiteStatuses(sites.data ?? [])
  const status = [...statuses.values()].find((one) => one.evses.some((evse) => evse.stationId === stationId))
  if (!status) return null
  const path = pathToGrid(status, stationId).slice(1)
  return (
    <Panel title="Power" aside={<a href={href(['sites', status.siteId])}>{status.siteId}</a>}>
      <ul class="stack">
        {status.evses
          .filter((evse) => evse.stationId === stationId)
          .map((evse) => (
            <li key={evse.evseId}>
              EVSE {evse.evseId}: granted {evse.grantedA} A, the station has accepted{' '}
              {evse.confirmedA === null ? 'nothing yet' : `${evse.confirmedA} A`}
              {evse.measuredA ? `, draws ${Math.max(...evse.measuredA)} A` : ''}. {evse.reason?.text}
            </li>
          ))}
        <li class="soft small">
          Fed by {path.map((node) => node.nodeId).join(', then ')}. Decided {dateTime(status.at)}.
        </li>
      </ul>
    </Panel>
  )
}
