/** What stations asked to have signed, and what is to be done to authorities. */

import { act } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { dateTime, plural, since } from '../format.ts'
import { Badge, Empty, Heading, Panel, Scroll, When } from '../parts/basics.tsx'
import { Choice, matches, Search, Toolbar, useFilters } from '../parts/filters.tsx'
import { href } from '../router.ts'
import { may, self } from '../signed-in.ts'
import type { Tone } from '../tone.ts'

const TONE: Readonly<Record<Schemas['OrderState'], Tone>> = {
  requested: 'none',
  issued: 'warn',
  delivered: 'ok',
  rejected: 'bad',
  failed: 'bad',
}

export function view() {
  return (
    <div class="screen">
      <Heading title="Issuance" note="What stations asked to have signed, and how far each request got." />
      <Operations />
      <Orders />
    </div>
  )
}

function Operations() {
  const nowMs = useNow()
  const loaded = useLoaded('operations', () => read('/authority-operations', { query: { limit: 20 } }))
  const waiting = loaded.data?.items.filter((one) => one.state === 'waiting') ?? []
  if (waiting.length === 0) return null
  const decide = (operationId: string, decision: 'approve' | 'reject') =>
    act(
      () =>
        change('POST', '/authority-operations/{operationId}/decision', {
          path: { operationId },
          body: { decision },
        }),
      decision === 'approve' ? 'Approved.' : 'Rejected.',
    ).then(loaded.reload)
  return (
    <Panel title="Waits for a second key" flush>
      <ul class="attention">
        {waiting.map((one) => (
          <li key={one.id}>
            <Badge tone="warn">{one.kind}</Badge>
            <span>
              asked for by {one.requestedBy}, {since(one.createdAt, nowMs)}{' '}
              <span class="mono small">{JSON.stringify(one.parameters)}</span>
            </span>
            {may('secure') && one.requestedBy !== self.get()?.name && (
              <span class="row">
                <button type="button" onClick={() => void decide(one.id, 'approve')}>
                  Approve
                </button>
                <button type="button" class="danger" onClick={() => void decide(one.id, 'reject')}>
                  Reject
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Orders() {
  const filters = useFilters()
  const loaded = useLoaded(
    'signing orders',
    () => read('/signing-orders', { query: { limit: 1000 } }),
    (event) => event.kind === 'certificate.requested' || event.kind === 'certificate.issued',
  )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="station or detail" />
        <Choice
          filters={filters}
          name="state"
          label="State"
          options={Object.keys(TONE).map((state) => [state, state])}
        />
      </Toolbar>
      <When loaded={loaded}>
        {({ items }) => {
          const { text, state } = filters.query
          const shown = items.filter(
            (one) => matches(text, one.stationId, one.detail) && (!state || one.state === state),
          )
          return (
            <Panel title={plural(shown.length, 'request')} flush>
              {shown.length === 0 ? <Empty>No request fits these filters.</Empty> : <Table orders={shown} />}
            </Panel>
          )
        }}
      </When>
    </>
  )
}

const SHOWN = 300

function Table({ orders }: { readonly orders: readonly Schemas['SigningOrder'][] }) {
  return (
    <Scroll label="Requests">
      <table>
        <thead>
          <tr>
            <th scope="col">Asked</th>
            <th scope="col">Station</th>
            <th scope="col">Kind</th>
            <th scope="col">State</th>
            <th scope="col" class="num">
              Attempts
            </th>
            <th scope="col">Certificate or reason</th>
          </tr>
        </thead>
        <tbody>
          {orders.slice(0, SHOWN).map((one) => (
            <tr key={one.id}>
              <td class="fit">{dateTime(one.createdAt)}</td>
              <td>
                <a href={href(['stations', one.stationId])}>{one.stationId}</a>
              </td>
              <td>{one.certificateType === 'V2GCertificate' ? 'V2G' : 'station'}</td>
              <td>
                <Badge tone={TONE[one.state]}>{one.state}</Badge>
              </td>
              <td class="num">{one.attempts}</td>
              <td>
                {one.fingerprint !== null && (
                  <a class="mono" href={href(['certificates', one.fingerprint])}>
                    {one.fingerprint.slice(0, 12)}
                  </a>
                )}{' '}
                {one.detail}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
