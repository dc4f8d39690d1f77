import type { components } from '../http/api.generated.ts'
import { table } from './io.ts'

type SiteStatus = components['schemas']['SiteStatus']

/** The status of a site, of now or decided again, as two tables. */
export function statusText(status: SiteStatus): string {
  const phases = (values: readonly (number | null)[] | null) =>
    values === null ? null : values.map((value) => (value === null ? '-' : value.toFixed(1))).join('/')
  const nodes = status.nodes.map((node) => [
    node.nodeId,
    phases(node.measuredA),
    phases(node.grantedA),
    phases(node.limitA),
    node.limitW,
    node.binding === null ? null : bindingText(node.binding),
    node.binding?.validTo,
  ])
  const evses = status.evses.map((evse) => [
    `${evse.stationId}#${evse.evseId}`,
    evse.online,
    evse.transactionId,
    evse.grantedA.toFixed(1),
    evse.confirmedA === null ? null : evse.confirmedA.toFixed(1),
    phases(evse.measuredA),
    evse.reason?.text,
  ])
  return [
    `${status.siteId} at ${status.at}`,
    '',
    table(['NODE', 'MEASURED A', 'GRANTED A', 'LIMIT A', 'LIMIT W', 'BINDING', 'UNTIL'], nodes),
    '',
    table(['EVSE', 'ONLINE', 'TRANSACTION', 'GRANTED A', 'CONFIRMED A', 'MEASURED A', 'WHY NOT MORE'], evses),
  ].join('\n')
}

function bindingText({
  source,
  limitId,
  setBy,
  state,
}: NonNullable<SiteStatus['nodes'][number]['binding']>): string {
  if (limitId === null) return source
  const by = setBy === null ? '' : ` by ${setBy}`
  return `${source} ${limitId}${by}${state === 'failsafe' ? ' (silent: failsafe)' : ''}`
}
