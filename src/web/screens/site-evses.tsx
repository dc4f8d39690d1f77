import type { Schemas } from '../api.ts'
import { amperes } from '../format.ts'
import { MiniBar } from '../parts/bars.tsx'
import { Badge, Scroll } from '../parts/basics.tsx'
import { href } from '../router.ts'
import type { EvseStatus, SiteStatus } from '../site-facts.ts'

/** Each EVSE: what it was given, what it draws, and why it is not more. Those with a car come first. */
export function EvseTable({ status, site }: { readonly status: SiteStatus; readonly site: Schemas['Site'] }) {
  const maxima = maximaOf(site.config.root)
  const rows = [...status.evses].sort(
    (a, b) =>
      Number(b.transactionId !== null) - Number(a.transactionId !== null) ||
      a.stationId.localeCompare(b.stationId),
  )
  return (
    <Scroll label="Charging points">
      <table class="blocks">
        <thead>
          <tr>
            <th scope="col">Charging point</th>
            <th scope="col" class="num">
              Draws
            </th>
            <th scope="col" class="num">
              Granted
            </th>
            <th scope="col" class="optional">
              <span class="hidden-visually">Draw against grant</span>
            </th>
            <th scope="col">Why not more</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((evse) => (
            <Row
              key={`${evse.stationId}#${evse.evseId}`}
              evse={evse}
              maxA={maxima.get(`${evse.stationId}#${evse.evseId}`) ?? 32}
            />
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

function Row({ evse, maxA }: { readonly evse: EvseStatus; readonly maxA: number }) {
  const { stationId, evseId, transactionId, grantedA, confirmedA, measuredA, reason } = evse
  const drawsA = measuredA === null ? 0 : Math.max(...measuredA)
  const name = `${stationId} · ${evseId}`
  return (
    <tr>
      <th scope="row" class="fit">
        <a
          href={
            transactionId === null
              ? href(['stations', stationId])
              : href(['sessions', stationId, transactionId])
          }
        >
          {name}
        </a>
        {!evse.online && (
          <>
            {' '}
            <Badge tone="bad">offline</Badge>
          </>
        )}
      </th>
      <td class="num" data-name="draws">
        {transactionId === null ? <span class="soft">no car</span> : amperes(drawsA)}
      </td>
      <td class="num" data-name="granted">
        {amperes(grantedA)}
        {confirmedA !== null && Math.abs(confirmedA - grantedA) > 0.05 && (
          <div class="soft small">station has {amperes(confirmedA)}</div>
        )}
      </td>
      <td class="optional">
        <MiniBar measuredA={drawsA} grantedA={grantedA} maxA={Math.max(maxA, grantedA)} />
      </td>
      <td>{reason === null ? <span class="soft">It gets all it can take</span> : reason.text}</td>
    </tr>
  )
}

/** The largest current of each EVSE, as configured; DC outlets are drawn against their grant. */
function maximaOf(node: Schemas['CircuitNode'], found = new Map<string, number>()): Map<string, number> {
  for (const child of node.children) {
    if (child.kind === 'circuit') maximaOf(child, found)
    else
      for (const { evseId, supply } of child.evses)
        if (supply.kind !== 'dc') found.set(`${child.id}#${evseId}`, supply.maxA)
  }
  return found
}
