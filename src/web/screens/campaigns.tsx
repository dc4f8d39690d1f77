/** Rotations across the fleet: certificates, roots, passwords and security profiles, wave by wave. */

import { read } from '../api.ts'
import { useEvery, useLoaded, useNow } from '../data.ts'
import { since } from '../format.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import { CampaignDetail } from './campaign.tsx'
import { CampaignPlan } from './campaign-plan.tsx'
import { type Campaign, KIND, STATE_TONE } from './campaign-words.ts'

export function view({ parts }: { readonly parts: readonly string[] }) {
  const [id] = parts
  if (id === undefined) return <Campaigns />
  return id === 'new' ? <CampaignPlan /> : <CampaignDetail key={id} campaignId={id} />
}

const OPEN: ReadonlySet<Campaign['state']> = new Set(['running', 'rolling-back'])

function Campaigns() {
  const nowMs = useNow()
  const loaded = useLoaded('campaigns', async () => (await read('/campaigns')).items)
  useEvery(loaded.reload, loaded.data?.some(({ state }) => OPEN.has(state)) ? 3_000 : undefined)
  const columns: Column<Campaign>[] = [
    { name: 'Campaign', cell: ({ id, name }) => <a href={href(['campaigns', id])}>{name}</a> },
    { name: 'Kind', cell: ({ kind }) => KIND[kind].name },
    { name: 'State', cell: ({ state }) => <Badge tone={STATE_TONE[state]}>{state}</Badge> },
    { name: 'Wave', kind: 'fit', cell: ({ wave, waves }) => `${wave + 1} of ${waves}` },
    { name: 'By', cell: ({ createdBy }) => createdBy },
    { name: 'Updated', kind: 'fit', cell: ({ updatedAt }) => since(updatedAt, nowMs) },
    { name: 'Note', kind: 'small', cell: ({ detail }) => detail },
  ]
  return (
    <div class="screen">
      <Heading title="Campaigns" note="Rotations across the fleet, newest first.">
        {may('secure') && (
          <a class="button" href="#/campaigns/new">
            Plan a campaign
          </a>
        )}
      </Heading>
      <When loaded={loaded}>
        {(campaigns) => (
          <Panel flush>
            {campaigns.length === 0 ? (
              <Empty>
                Nothing was rotated yet. A campaign is planned first, with who takes part and who does not and
                why; nothing is sent before it is started.
              </Empty>
            ) : (
              <Table label="Campaigns" columns={columns} rows={campaigns} keyOf={({ id }) => id} />
            )}
          </Panel>
        )}
      </When>
    </div>
  )
}
