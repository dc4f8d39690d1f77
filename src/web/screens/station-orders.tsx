import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime } from '../format.ts'
import { Badge, Empty, Panel, Scroll, When } from '../parts/basics.tsx'
import type { Tone } from '../tone.ts'

const TONE: Readonly<Record<Schemas['StationOrderState'], Tone>> = {
  sending: 'none',
  following: 'warn',
  done: 'ok',
  failed: 'bad',
}

/** What operators had the station do, and how far each came. */
export function StationOrders({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(
    `orders ${stationId}`,
    () => read('/orders', { query: { stationId, limit: 200 } }),
    (event) => event.kind === 'order.updated' && event.stationId === stationId,
  )
  return (
    <Panel flush>
      <When loaded={loaded}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>Nothing was ordered yet.</Empty>
          ) : (
            <Scroll label="Orders">
              <table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Action</th>
                    <th scope="col">State</th>
                    <th scope="col">Outcome</th>
                    <th scope="col">By</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((order) => (
                    <tr key={order.id}>
                      <td class="fit">{dateTime(order.createdAt)}</td>
                      <td>{order.action}</td>
                      <td>
                        <Badge tone={TONE[order.state]}>{order.state}</Badge>
                      </td>
                      <td>
                        {order.outcome} {order.detail}
                      </td>
                      <td>{order.actor}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )
        }
      </When>
    </Panel>
  )
}
