/** By what the site's power is shared, and what it costs when. */

import { useState } from 'preact/hooks'
import { useSubmit } from '../act.ts'
import { change, type Schemas } from '../api.ts'
import { plural } from '../format.ts'
import { Failure, Panel } from '../parts/basics.tsx'
import { AreaField, type Options, SelectField } from '../parts/fields.tsx'
import { toast } from '../parts/toasts.tsx'
import { may } from '../signed-in.ts'

type Steering = Schemas['Steering']

const POLICIES: Options<Steering['policy']> = [
  ['fair', 'fair: everybody the same share'],
  ['priority', 'priority: classes of sessions, one after the other'],
  ['earliest-deadline', 'earliest deadline: who leaves first is served first'],
  ['least-laxity', 'least laxity: who has the least time to spare'],
  ['cost', 'cost: in the cheapest hours before the departure'],
]

interface SteeringProps {
  readonly siteId: string
  readonly steering: Steering
  readonly reload: () => void
}

export function SiteSteering({ siteId, steering, reload }: SteeringProps) {
  const [policy, setPolicy] = useState(steering.policy)
  const [prices, setPrices] = useState(() => steering.prices.map(lineOf).join('\n'))
  const { busy, error, run } = useSubmit()
  const name = POLICIES.find(([one]) => one === steering.policy)?.[1]
  return (
    <Panel title="Policy and prices" aside={`${plural(steering.prices.length, 'price')} known`}>
      <p>Shares are {name}.</p>
      {may('operate') && (
        <form
          class="stack"
          aria-label="Policy and prices"
          onSubmit={(event) => {
            event.preventDefault()
            void run(async () => {
              const body = { policy, prices: prices.split('\n').flatMap(priceOf) }
              await change('PUT', '/sites/{siteId}/steering', { path: { siteId }, body })
              toast('ok', 'In force from the next decision on.')
              reload()
            })
          }}
        >
          <SelectField label="Policy" value={policy} options={POLICIES} onChange={setPolicy} />
          <details>
            <summary>Prices</summary>
            <AreaField
              label="One per line: from, to, price per kWh"
              value={prices}
              required={false}
              placeholder="2026-03-01T18:00:00Z, 2026-03-01T19:00:00Z, 0.31"
              rows={6}
              onInput={setPrices}
            />
          </details>
          {error && <Failure error={error} />}
          <div>
            <button type="submit" disabled={busy}>
              Set
            </button>
          </div>
        </form>
      )}
    </Panel>
  )
}

const lineOf = ({ from, to, pricePerKwh }: Steering['prices'][number]): string =>
  `${from}, ${to}, ${pricePerKwh}`

function priceOf(line: string): Steering['prices'] {
  if (line.trim() === '') return []
  const [from = '', to = '', price = ''] = line.split(',').map((part) => part.trim())
  const pricePerKwh = Number(price)
  if (
    Number.isNaN(Date.parse(from)) ||
    Number.isNaN(Date.parse(to)) ||
    price === '' ||
    Number.isNaN(pricePerKwh)
  )
    throw new Error(`"${line}" is no price: write from, to, price per kWh.`)
  return [{ from: new Date(from).toISOString(), to: new Date(to).toISOString(), pricePerKwh }]
}
