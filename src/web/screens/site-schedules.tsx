/** Limits by day of the week and local time. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, type Schemas } from '../api.ts'
import { Empty, Failure, Panel } from '../parts/basics.tsx'
import { CheckField, SelectField, TextField, type Unit, UnitField } from '../parts/fields.tsx'
import { may } from '../signed-in.ts'

type Schedule = Schemas['LimitSchedule']
type Window = Schedule['windows'][number]

interface SchedulesProps {
  readonly siteId: string
  readonly nodeIds: readonly string[]
  readonly schedules: readonly Schedule[]
  readonly reload: () => void
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

function daysText(days: readonly number[]): string {
  const sorted = [...days].sort((a, b) => a - b)
  const isRun = sorted.every((day, index) => index === 0 || day === (sorted[index - 1] ?? 0) + 1)
  const name = (day: number | undefined): string => DAYS[(day ?? 1) - 1] ?? ''
  if (sorted.length > 2 && isRun) return `${name(sorted[0])} to ${name(sorted.at(-1))}`
  return sorted.map(name).join(', ')
}

export function Schedules({ siteId, nodeIds, schedules, reload }: SchedulesProps) {
  const put = (
    id: string,
    { nodeId, unit, timeZone, windows }: Omit<Schedule, 'id' | 'setBy' | 'updatedAt'>,
  ) =>
    change('PUT', '/sites/{siteId}/schedules/{scheduleId}', {
      path: { siteId, scheduleId: id },
      body: { nodeId, unit, timeZone, windows },
    })
  const remove = (id: string) =>
    act(
      () => change('DELETE', '/sites/{siteId}/schedules/{scheduleId}', { path: { siteId, scheduleId: id } }),
      `The schedule ${id} is removed.`,
    ).then(reload)
  return (
    <Panel title="Weekly schedules" flush>
      {schedules.length === 0 ? (
        <Empty>No limit follows the clock.</Empty>
      ) : (
        <ul class="attention">
          {schedules.map(({ id, nodeId, unit, timeZone, windows, setBy }) => (
            <li key={id} data-schedule={id}>
              <strong>{id}</strong>
              <span>
                {windows.map((one) => (
                  <div key={JSON.stringify(one)}>
                    {daysText(one.days)}, {one.from} to {one.to}: {one.value} {unit} on {nodeId}
                  </div>
                ))}
                <span class="soft small">
                  {timeZone}, by {setBy}
                </span>
              </span>
              {may('operate') && (
                <button type="button" class="plain" onClick={() => void remove(id)}>
                  Remove<span class="hidden-visually"> {id}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may('operate') && (
        <WindowForm
          nodeIds={nodeIds}
          add={async (id, nodeId, unit, window) => {
            const known = schedules.find((one) => one.id === id)
            const { timeZone } = known ?? Intl.DateTimeFormat().resolvedOptions()
            const { validFrom, validTo, group, priority } = known ?? ALWAYS
            const windows = [...(known?.windows ?? []), window]
            await put(id, { nodeId, unit, timeZone, windows, validFrom, validTo, group, priority })
            reload()
          }}
        />
      )}
    </Panel>
  )
}

/** A schedule from here holds until it is removed, beside all others. */
const ALWAYS = { validFrom: null, validTo: null, group: null, priority: 0 }

interface WindowFormProps {
  readonly nodeIds: readonly string[]
  readonly add: (id: string, nodeId: string, unit: 'A' | 'W', window: Window) => Promise<void>
}

function WindowForm({ nodeIds, add }: WindowFormProps) {
  const [id, setId] = useState('')
  const [nodeId, setNodeId] = useState(nodeIds[0] ?? '')
  const [value, setValue] = useState('')
  const [unit, setUnit] = useState<Unit>('A')
  const [days, setDays] = useState<readonly number[]>([1, 2, 3, 4, 5])
  const [from, setFrom] = useState('17:00')
  const [to, setTo] = useState('20:00')
  const { busy, error, run } = useSubmit()
  return (
    <form
      class="panel-body stack"
      aria-label="Add to a schedule"
      onSubmit={(event) => {
        event.preventDefault()
        void run(() => add(id, nodeId, unit, { days: [...days].sort(), from, to, value: Number(value) }))
      }}
    >
      <div class="fields">
        <TextField label="Schedule" value={id} required placeholder="evening-peak" onInput={setId} />
        <SelectField
          label="Node"
          value={nodeId}
          options={nodeIds.map((one) => [one, one])}
          onChange={setNodeId}
        />
        <TextField label="From" value={from} required placeholder="17:00" onInput={setFrom} />
        <TextField label="To" value={to} required placeholder="20:00" onInput={setTo} />
        <TextField label="Limit" value={value} required type="number" onInput={setValue} />
        <UnitField value={unit} onChange={setUnit} />
        <button type="submit" disabled={busy}>
          Add
        </button>
      </div>
      <fieldset class="row">
        <legend>On</legend>
        {DAYS.map((name, index) => (
          <CheckField
            key={name}
            label={name}
            checked={days.includes(index + 1)}
            onChange={(checked) =>
              setDays(checked ? [...days, index + 1] : days.filter((day) => day !== index + 1))
            }
          />
        ))}
      </fieldset>
      {error && <Failure error={error} />}
    </form>
  )
}
