/** Who may hold the site down: every source with what it says now, weekly schedules, grid signals, and the policy. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime, duration } from '../format.ts'
import { Badge, Empty, Failure, Panel, When } from '../parts/basics.tsx'
import { SelectField, TextField, type Unit, UnitField } from '../parts/fields.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { may } from '../signed-in.ts'
import type { Tone } from '../tone.ts'
import { Schedules } from './site-schedules.tsx'
import { SiteSteering } from './site-steering.tsx'

type InForce = Schemas['LimitInForce']
type Source = Schemas['GridSource']

async function readSources(siteId: string) {
  const path = { siteId }
  const [inForce, schedules, sources, steering] = await Promise.all([
    read('/sites/{siteId}/limits-in-force', { path }),
    read('/sites/{siteId}/schedules', { path }),
    read('/sites/{siteId}/sources', { path }),
    read('/sites/{siteId}/steering', { path }),
  ])
  return { inForce: inForce.items, schedules: schedules.items, sources: sources.items, steering }
}

export function SiteSources(props: { readonly siteId: string; readonly nodeIds: readonly string[] }) {
  const { siteId, nodeIds } = props
  const loaded = useLoaded(
    `sources ${siteId}`,
    () => readSources(siteId),
    (event) => event.kind === 'limit.changed' && event.siteId === siteId,
  )
  return (
    <When loaded={loaded}>
      {({ inForce, schedules, sources, steering }) => (
        <>
          <InForceList items={inForce} />
          <Schedules siteId={siteId} nodeIds={nodeIds} schedules={schedules} reload={loaded.reload} />
          <GridSources siteId={siteId} nodeIds={nodeIds} sources={sources} reload={loaded.reload} />
          <SiteSteering siteId={siteId} steering={steering} reload={loaded.reload} />
        </>
      )}
    </When>
  )
}

const STATE: Readonly<Record<InForce['state'], { readonly tone: Tone; readonly text: string }>> = {
  normal: { tone: 'ok', text: 'in force' },
  failsafe: { tone: 'bad', text: 'silent: failsafe holds' },
  inactive: { tone: 'none', text: 'not now' },
  overruled: { tone: 'none', text: 'another of its group counts' },
}

const KIND: Readonly<Record<InForce['kind'], string>> = {
  operator: 'set by hand',
  schedule: 'weekly schedule',
  station: 'reported by a station',
  grid: 'grid signal',
}

const IN_FORCE: readonly Column<InForce>[] = [
  { name: 'Source', cell: ({ sourceId }) => <strong>{sourceId}</strong> },
  { name: 'Kind', cell: ({ kind }) => KIND[kind] },
  { name: 'On', cell: ({ nodeId }) => nodeId },
  {
    name: 'Limit',
    kind: 'number',
    cell: ({ value, unit }) => (value === null ? <span class="soft">none</span> : `${value} ${unit}`),
  },
  { name: 'State', cell: ({ state }) => <Badge tone={STATE[state].tone}>{STATE[state].text}</Badge> },
  { name: 'Until', kind: 'fit', cell: ({ validTo }) => (validTo === null ? '' : dateTime(validTo)) },
  { name: 'Set by', cell: ({ setBy }) => setBy },
  { name: 'Last heard', kind: 'fit', cell: ({ heardAt }) => (heardAt === null ? '' : dateTime(heardAt)) },
]

function InForceList({ items }: { readonly items: readonly InForce[] }) {
  return (
    <Panel title="What every source says now" aside="the lowest one binds" flush>
      {items.length === 0 ? (
        <Empty>Only the limits of the configuration apply.</Empty>
      ) : (
        <Table
          label="Limits in force"
          columns={IN_FORCE}
          rows={items}
          keyOf={(one) => `${one.kind} ${one.sourceId} ${one.nodeId} ${one.unit}`}
        />
      )}
    </Panel>
  )
}

interface GridSourcesProps {
  readonly siteId: string
  readonly nodeIds: readonly string[]
  readonly sources: readonly Source[]
  readonly reload: () => void
}

function GridSources({ siteId, nodeIds, sources, reload }: GridSourcesProps) {
  const columns: Column<Source>[] = [
    { name: 'Source', cell: ({ id }) => <strong>{id}</strong> },
    { name: 'Protocol', cell: ({ protocol }) => protocol },
    { name: 'On', cell: ({ nodeId }) => nodeId },
    {
      name: 'Failsafe',
      kind: 'fit',
      cell: (one) =>
        `${one.failsafeValue} ${one.unit} after ${duration(one.heartbeatTimeoutS * 1000)} of silence`,
    },
    {
      name: 'Then',
      cell: ({ afterFailsafe, failsafeDurationS }) =>
        afterFailsafe === 'hold' ? 'holds' : `released after ${duration(failsafeDurationS * 1000)}`,
    },
    ...(may('operate')
      ? [
          {
            name: 'Remove',
            cell: ({ id }: Source) => (
              <button
                type="button"
                class="plain"
                onClick={() =>
                  void act(
                    () =>
                      change('DELETE', '/sites/{siteId}/sources/{sourceId}', {
                        path: { siteId, sourceId: id },
                      }),
                    `The source ${id} is removed.`,
                  ).then(reload)
                }
              >
                Remove<span class="hidden-visually"> {id}</span>
              </button>
            ),
          },
        ]
      : []),
  ]
  return (
    <Panel title="Grid signals" aside="what holds when the other side falls silent" flush>
      {sources.length === 0 ? (
        <Empty>No grid operator or meter sends limits to this site.</Empty>
      ) : (
        <Table label="Grid sources" columns={columns} rows={sources} keyOf={({ id }) => id} />
      )}
      {may('operate') && <SourceForm siteId={siteId} nodeIds={nodeIds} reload={reload} />}
    </Panel>
  )
}

function SourceForm({ siteId, nodeIds, reload }: Omit<GridSourcesProps, 'sources'>) {
  const [sourceId, setSourceId] = useState('')
  const [nodeId, setNodeId] = useState(nodeIds[0] ?? '')
  const [unit, setUnit] = useState<Unit>('A')
  const [failsafe, setFailsafe] = useState('')
  const [silence, setSilence] = useState('120')
  const { busy, error, run } = useSubmit()
  return (
    <form
      class="panel-body stack"
      aria-label="Add a grid source"
      onSubmit={(event) => {
        event.preventDefault()
        void run(async () => {
          const body = { nodeId, unit, failsafeValue: Number(failsafe), heartbeatTimeoutS: Number(silence) }
          await change('PUT', '/sites/{siteId}/sources/{sourceId}', { path: { siteId, sourceId }, body })
          reload()
        })
      }}
    >
      <div class="fields">
        <TextField
          label="Name of the source"
          value={sourceId}
          required
          placeholder="dso"
          onInput={setSourceId}
        />
        <SelectField
          label="Holds"
          value={nodeId}
          options={nodeIds.map((id) => [id, id])}
          onChange={setNodeId}
        />
        <TextField label="Failsafe" value={failsafe} required type="number" onInput={setFailsafe} />
        <UnitField value={unit} onChange={setUnit} />
        <TextField label="Seconds of silence" value={silence} required type="number" onInput={setSilence} />
        <button type="submit" disabled={busy}>
          Add source
        </button>
      </div>
      {error && <Failure error={error} />}
    </form>
  )
}
