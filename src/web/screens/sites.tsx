import { read } from '../api.ts'
import { useLoaded } from '../data.ts'
import { amperes, plural } from '../format.ts'
import { useSiteStatuses } from '../live-sites.ts'
import { BarsLegend, PhaseBars } from '../parts/bars.tsx'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { href } from '../router.ts'
import { bindingText, gridOf, headroom, heldBack, isAbove, type SiteStatus } from '../site-facts.ts'
import { SiteDetail } from './site.tsx'

export function view({ parts }: { readonly parts: readonly string[] }) {
  const [siteId] = parts
  return siteId === undefined ? <Sites /> : <SiteDetail key={siteId} siteId={siteId} />
}

async function readSites(): Promise<SiteStatus[]> {
  const { items } = await read('/sites')
  return Promise.all(items.map(({ id }) => read('/sites/{siteId}/status', { path: { siteId: id } })))
}

function Sites() {
  const loaded = useLoaded('sites', readSites)
  const live = useSiteStatuses((loaded.data ?? []).map((status) => status.siteId))
  return (
    <div class="screen">
      <Heading title="Sites" note="Load against the limit in force at each grid connection." />
      <When loaded={loaded}>
        {(statuses) =>
          statuses.length === 0 ? (
            <Panel>
              <Empty>
                No site is steered yet. Describe one with <code>gridkeep site put</code> or{' '}
                <code>PUT /api/v1/sites/ID</code>.
              </Empty>
            </Panel>
          ) : (
            <div class="columns">
              {statuses.map((status) => (
                <SiteCard key={status.siteId} status={live.get(status.siteId) ?? status} />
              ))}
            </div>
          )
        }
      </When>
    </div>
  )
}

function SiteCard({ status }: { readonly status: SiteStatus }) {
  const grid = gridOf(status)
  const room = grid && headroom(grid)
  const cars = status.evses.filter((evse) => evse.transactionId !== null).length
  return (
    <Panel>
      <div class="stack">
        <div class="row between">
          <h2>
            <a href={href(['sites', status.siteId])}>{status.siteId}</a>
          </h2>
          {grid &&
            (isAbove(grid) ? (
              <Badge tone="bad">Above its limit</Badge>
            ) : (
              <Badge tone="ok">Inside its limit</Badge>
            ))}
        </div>
        {grid ? (
          <>
            <PhaseBars node={grid} scaleA={scaleOf(grid)} />
            <BarsLegend />
            <p class="soft small">
              {room && `${amperes(Math.max(0, room.freeA))} free on L${room.phase}. `}
              {plural(cars, 'car')} connected, {heldBack(status).length} held back. Limit: {bindingText(grid)}
              .
            </p>
          </>
        ) : (
          <p class="soft">The site loop has not decided yet.</p>
        )}
      </div>
    </Panel>
  )
}

export function scaleOf(node: {
  readonly limitA: readonly (number | null)[]
  readonly grantedA: readonly number[]
  readonly measuredA: readonly number[] | null
}): number {
  return Math.max(1, ...node.limitA.map((value) => value ?? 0), ...node.grantedA, ...(node.measuredA ?? []))
}
