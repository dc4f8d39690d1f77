/** The limits that people and sources have set on a site: shown to all, set and lifted by operators. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, type Schemas } from '../api.ts'
import { dateTime } from '../format.ts'
import { Empty, Failure, Panel } from '../parts/basics.tsx'
import { toast } from '../parts/toasts.tsx'
import { may } from '../signed-in.ts'
import type { NodeStatus } from '../site-facts.ts'

interface LimitsProps {
  readonly siteId: string
  readonly nodes: readonly NodeStatus[]
  readonly limits: readonly Schemas['Limit'][]
  onChanged(): void
}

export function Limits({ siteId, nodes, limits, onChanged }: LimitsProps) {
  const mayChange = may('operate')

  const lift = (limitId: string) =>
    act(
      () => change('DELETE', '/sites/{siteId}/limits/{limitId}', { path: { siteId, limitId } }),
      `The limit "${limitId}" is lifted.`,
    ).then(onChanged)

  return (
    <Panel title="Limits that were set" flush>
      {limits.length === 0 ? (
        <Empty>Only the limits of the configuration apply.</Empty>
      ) : (
        <ul class="attention">
          {limits.map((limit) => (
            <li key={limit.id} data-limit={limit.id}>
              <strong>
                {limit.value} {limit.unit}
              </strong>
              <span>
                {limit.id} on {limit.nodeId}
                <span class="soft small">
                  {' '}
                  by {limit.setBy}
                  {limit.validFrom !== null && Date.parse(limit.validFrom) > Date.now()
                    ? `, from ${dateTime(limit.validFrom)}`
                    : ''}
                  {limit.validTo === null ? '' : `, until ${dateTime(limit.validTo)}`}
                </span>
              </span>
              {mayChange && (
                <button type="button" class="plain" onClick={() => void lift(limit.id)}>
                  Lift<span class="hidden-visually"> {limit.id}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {mayChange && <SetLimit siteId={siteId} nodes={nodes} limits={limits} onChanged={onChanged} />}
    </Panel>
  )
}

const LASTING = [
  { name: 'until it is lifted', minutes: 0 },
  { name: 'for 15 minutes', minutes: 15 },
  { name: 'for 1 hour', minutes: 60 },
  { name: 'for 4 hours', minutes: 240 },
  { name: 'for 24 hours', minutes: 1440 },
]

function SetLimit({ siteId, nodes, limits, onChanged }: LimitsProps) {
  const circuits = nodes.filter((node) => node.kind === 'circuit')
  const [nodeId, setNodeId] = useState(circuits[0]?.nodeId ?? '')
  const [value, setValue] = useState('')
  const [unit, setUnit] = useState<'A' | 'W'>('A')
  const [minutes, setMinutes] = useState(0)
  const { busy, error, run } = useSubmit()

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const validTo = minutes === 0 ? null : new Date(Date.now() + minutes * 60_000).toISOString()
    await run(async () => {
      await change('PUT', '/sites/{siteId}/limits/{limitId}', {
        path: { siteId, limitId: freeName(`manual-${nodeId}`, limits) },
        body: { nodeId, value: Number(value), unit, validTo },
      })
      toast('ok', `${value} ${unit} on ${nodeId} is in force from the next decision on.`)
      setValue('')
      onChanged()
    })
  }

  return (
    <form class="panel-body stack" onSubmit={submit} aria-label="Set a limit">
      <div class="fields">
        <div class="field">
          <label for="limit-node">Limit on</label>
          <select id="limit-node" value={nodeId} onChange={(event) => setNodeId(event.currentTarget.value)}>
            {nodes.map((node) => (
              <option key={node.nodeId} value={node.nodeId}>
                {node.nodeId}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="limit-value">to</label>
          <div class="row">
            <input
              id="limit-value"
              type="number"
              min="0"
              step="any"
              required
              size={6}
              style={{ width: '92px' }}
              value={value}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
            <select
              aria-label="Unit"
              value={unit}
              onChange={(event) => setUnit(event.currentTarget.value === 'W' ? 'W' : 'A')}
            >
              <option value="A">A per phase</option>
              <option value="W">W in all</option>
            </select>
          </div>
        </div>
        <div class="field">
          <label for="limit-lasting">lasting</label>
          <select
            id="limit-lasting"
            value={minutes}
            onChange={(event) => setMinutes(Number(event.currentTarget.value))}
          >
            {LASTING.map((one) => (
              <option key={one.minutes} value={one.minutes}>
                {one.name}
              </option>
            ))}
          </select>
        </div>
        <button type="submit" class="primary" disabled={busy}>
          Set limit
        </button>
      </div>
      {error && <Failure error={error} />}
    </form>
  )
}

/** A second limit on a node does not replace the first: the lowest one binds. */
function freeName(wanted: string, limits: LimitsProps['limits']): string {
  const base = wanted.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 56)
  let name = base
  for (let count = 2; limits.some((limit) => limit.id === name); count++) name = `${base}-${count}`
  return name
}
