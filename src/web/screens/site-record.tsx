/** What was measured against what was allowed, any day; and any decision of the last hours, decided again. */

import { useState } from 'preact/hooks'
import { read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { TextField } from '../parts/fields.tsx'
import { setQuery } from '../router.ts'
import { gridOf } from '../site-facts.ts'
import { SiteCosts } from './site-costs.tsx'
import { SiteDay } from './site-day.tsx'
import { EvseTable } from './site-evses.tsx'
import { NodeList } from './site-nodes.tsx'

interface RecordProps {
  readonly site: Schemas['Site']
  /** ISO time of the moment to replay; undefined: none is asked for. */
  readonly at: string | undefined
}

export function SiteRecord({ site, at }: RecordProps) {
  return (
    <>
      <SiteDay siteId={site.id} nodeId={site.config.root.id} />
      <SiteCosts siteId={site.id} />
      <MomentForm at={at} />
      {at !== undefined && <Replay key={at} site={site} at={at} />}
    </>
  )
}

function MomentForm({ at }: { readonly at: string | undefined }) {
  const [text, setText] = useState(() => localText(at === undefined ? Date.now() - 60_000 : Date.parse(at)))
  return (
    <Panel
      title="A moment again"
      aside="the newest decision at or before it, decided again from what it came from"
    >
      <form
        class="fields"
        aria-label="Replay a moment"
        onSubmit={(event) => {
          event.preventDefault()
          setQuery({ tab: 'record', at: new Date(text).toISOString() })
        }}
      >
        <TextField label="Local time" type="datetime-local" value={text} required onInput={setText} />
        <button type="submit">Show</button>
      </form>
    </Panel>
  )
}

/** What a field for local time wants: `2026-03-01T08:15:30`. */
function localText(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

function Replay({ site, at }: { readonly site: Schemas['Site']; readonly at: string }) {
  const loaded = useLoaded(`replay ${site.id} ${at}`, () =>
    read('/sites/{siteId}/replay', { path: { siteId: site.id }, query: { at } }),
  )
  return (
    <When loaded={loaded}>
      {({ at: decidedAt, same, differs, policy, status }) => (
        <Panel
          title={`Decision of ${dateTime(decidedAt)}`}
          aside={
            <>
              policy {policy}{' '}
              {same ? (
                <Badge tone="ok">decided the same way today</Badge>
              ) : (
                <Badge tone="warn">this version decides otherwise: {differs.join(', ')}</Badge>
              )}
            </>
          }
        >
          {gridOf(status) ? (
            <div class="stack">
              <NodeList status={status} site={site} />
              <EvseTable status={status} site={site} />
            </div>
          ) : (
            <Empty>Nothing was decided then.</Empty>
          )}
        </Panel>
      )}
    </When>
  )
}
