/** What we believe each EVSE was told, beside what the station computes from the profiles that it really holds. */

import { useState } from 'preact/hooks'
import { useSubmit } from '../act.ts'
import { change, read } from '../api.ts'
import { useLoaded } from '../data.ts'
import { amperes, dateTime } from '../format.ts'
import { useSiteStatuses } from '../live-sites.ts'
import { Badge, Empty, Failure, Panel } from '../parts/basics.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import type { EvseStatus } from '../site-facts.ts'

/** How far the station is asked to look ahead. */
const AHEAD_S = 3600
/** Stations round, and a push may be under way. */
const TOLERANCE_A = 0.5

interface Period {
  readonly startPeriod: number
  readonly limit: number
}
interface ReadBack {
  readonly at: string
  /** EVSE -> periods in amperes, or why there are none. */
  readonly found: ReadonlyMap<number, readonly Period[] | string>
}

export function StationProfiles({ stationId }: { readonly stationId: string }) {
  const sites = useLoaded('site ids', async () => (await read('/sites')).items.map(({ id }) => id))
  const statuses = useSiteStatuses(sites.data ?? [])
  const status = [...statuses.values()].find(({ evses }) =>
    evses.some((evse) => evse.stationId === stationId),
  )
  const evses = status?.evses.filter((evse) => evse.stationId === stationId) ?? []
  const [readBack, setReadBack] = useState<ReadBack>()
  const { busy, error, run } = useSubmit()
  if (!status)
    return (
      <Panel>
        <Empty>
          {sites.loading || (sites.data ?? []).length > 0
            ? 'Waiting for the next decision of its site.'
            : 'This station belongs to no steered site.'}
        </Empty>
      </Panel>
    )
  return (
    <Panel
      title="Charging profiles"
      aside={<a href={href(['sites', status.siteId])}>steered by {status.siteId}</a>}
      flush
    >
      <Table
        label="Profiles"
        columns={columnsOf(readBack)}
        rows={evses}
        keyOf={({ evseId }) => String(evseId)}
      />
      <div class="panel-body stack">
        {status.alarms
          .filter(({ where }) => where === stationId || where.startsWith(`${stationId}#`))
          .map(({ code, where, detail }) => (
            <p key={code + where}>
              <Badge tone="warn">{where}</Badge> {detail}
            </p>
          ))}
        {error && <Failure error={error} />}
        {may('operate') && (
          <div class="row">
            <button
              type="button"
              disabled={busy}
              onClick={() => void run(async () => setReadBack(await ask(stationId, evses)))}
            >
              {busy ? 'Asking' : 'Ask the station'}
            </button>
            <span class="soft small">
              {readBack
                ? `Asked ${dateTime(readBack.at)}.`
                : 'The service asks by itself as well, one station after the other, and clears what is not ours.'}
            </span>
          </div>
        )}
      </div>
    </Panel>
  )
}

function columnsOf(readBack: ReadBack | undefined): Column<EvseStatus>[] {
  const believed: Column<EvseStatus>[] = [
    { name: 'EVSE', cell: ({ evseId }) => <strong>EVSE {evseId}</strong> },
    { name: 'Decided', kind: 'number', cell: ({ grantedA }) => amperes(grantedA) },
    {
      name: 'Accepted by the station',
      kind: 'number',
      cell: ({ confirmedA }) => (confirmedA === null ? 'nothing yet' : amperes(confirmedA)),
    },
    { name: 'Why not more', cell: ({ reason }) => reason?.text },
  ]
  if (!readBack) return believed
  return [
    ...believed,
    {
      name: 'It says it will do',
      cell: ({ evseId, confirmedA }) => <Answer answer={readBack.found.get(evseId)} believedA={confirmedA} />,
    },
  ]
}

function Answer(props: {
  readonly answer: readonly Period[] | string | undefined
  readonly believedA: number | null
}) {
  const { answer, believedA } = props
  if (answer === undefined) return null
  if (typeof answer === 'string') return <Badge tone="warn">{answer}</Badge>
  const nowA = answer[0]?.limit
  const asBelieved = nowA !== undefined && believedA !== null && Math.abs(nowA - believedA) <= TOLERANCE_A
  return (
    <>
      <Badge tone={asBelieved ? 'ok' : 'warn'}>{asBelieved ? 'as believed' : 'differs'}</Badge>{' '}
      {answer.map(({ startPeriod, limit }) => (
        <span key={startPeriod}>
          {startPeriod === 0 ? '' : `, from ${Math.round(startPeriod / 60)} min on `}
          {amperes(limit)}
        </span>
      ))}
    </>
  )
}

async function ask(stationId: string, evses: readonly EvseStatus[]): Promise<ReadBack> {
  const found = new Map<number, readonly Period[] | string>()
  // One after the other: a station has one call at a time.
  for (const { evseId } of evses) {
    const answer = await change('POST', '/stations/{stationId}/calls/{action}', {
      path: { stationId, action: 'GetCompositeSchedule' },
      body: { evseId, duration: AHEAD_S, chargingRateUnit: 'A' },
    })
    found.set(evseId, periodsOf(answer))
  }
  return { at: new Date().toISOString(), found }
}

/** The service checks answers against the schema of OCPP: what is there has its type. */
function periodsOf(answer: unknown): readonly Period[] | string {
  const { status, schedule } = (answer ?? {}) as {
    readonly status?: string
    readonly schedule?: { readonly chargingSchedulePeriod?: readonly Period[] }
  }
  return schedule?.chargingSchedulePeriod ?? `answered ${status}`
}
