/** The charging profiles that we believe the station holds, beside what it said when the service asked it. */

import type { ComponentChildren } from 'preact'
import { act } from '../act.ts'
import { ApiError, change, read, type Schemas } from '../api.ts'
import { useEvery, useLoaded } from '../data.ts'
import { amperes, number, time } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import type { Tone } from '../tone.ts'

type Held = Schemas['HeldProfiles']
type Believed = Held['believed'][number]
type ReadBack = NonNullable<Held['readBack']>
type Computed = ReadBack['computed'][number]

const EVERY_MS = 3_000

/** A station belongs to one site at most: the one that knows what it holds. */
async function readHeld(stationId: string): Promise<{ siteId: string; held: Held } | null> {
  const { items } = await read('/sites')
  for (const { id: siteId } of items) {
    const path = { siteId, stationId }
    const held = await read('/sites/{siteId}/stations/{stationId}/profiles', { path }).catch((error) => {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    })
    if (held) return { siteId, held }
  }
  return null
}

export function StationProfiles({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(`profiles ${stationId}`, () => readHeld(stationId))
  useEvery(loaded.reload, EVERY_MS)
  return (
    <When loaded={loaded}>
      {(found) =>
        found === null ? (
          <Panel>
            <Empty>This station belongs to no steered site.</Empty>
          </Panel>
        ) : (
          <>
            <Panel
              title="What we believe it holds"
              aside={<a href={href(['sites', found.siteId])}>steered by {found.siteId}</a>}
              flush
            >
              <Trust trust={found.held.trust} />
              {found.held.believed.length === 0 ? (
                <Empty>Nothing was accepted yet.</Empty>
              ) : (
                <Table
                  label="Believed profiles"
                  columns={BELIEVED}
                  rows={found.held.believed}
                  keyOf={({ slot, evseId, state }) => `${slot} ${evseId} ${state}`}
                />
              )}
            </Panel>
            <ReadBackPanel
              readBack={found.held.readBack}
              askNow={
                may('operate') && (
                  <button type="button" class="plain" onClick={() => void ask(found.siteId, stationId)}>
                    Ask now
                  </button>
                )
              }
            />
          </>
        )
      }
    </When>
  )
}

const ask = (siteId: string, stationId: string) =>
  act(
    () => change('POST', '/sites/{siteId}/stations/{stationId}/profiles', { path: { siteId, stationId } }),
    `${stationId} is asked for its profiles; what it says appears here.`,
  )

const SLOT: Readonly<Record<Believed['slot'], string>> = {
  lease: 'for this session, for minutes',
  safe: 'safe default',
  hold: 'held down until told otherwise',
  'station-max': 'cap of the whole station',
}
const STATE: Readonly<Record<Believed['state'], Tone>> = {
  accepted: 'ok',
  'under-way': 'none',
  unsure: 'warn',
}

const BELIEVED: readonly Column<Believed>[] = [
  { name: 'Where', cell: ({ evseId }) => <strong>{evseName(evseId)}</strong> },
  { name: 'What for', cell: ({ slot }) => SLOT[slot] },
  { name: 'Limit', kind: 'number', cell: ({ limitA }) => amperes(limitA) },
  { name: 'Written in', cell: ({ unit }) => unit },
  {
    name: 'Until',
    kind: 'fit',
    cell: ({ expiresAt }) => (expiresAt === null ? 'for good' : time(expiresAt)),
  },
  { name: 'State', cell: ({ state }) => <Badge tone={STATE[state]}>{state}</Badge> },
]

const evseName = (evseId: number): string => (evseId === 0 ? 'the station' : `EVSE ${evseId}`)

function Trust({ trust: { avoidUnit, distrusted } }: { readonly trust: Held['trust'] }) {
  if (!distrusted && avoidUnit === null) return null
  return (
    <div class="panel-body stack">
      {distrusted && (
        <p>
          <Badge tone="bad">distrusted</Badge> It is counted at its worst until it is found to hold what it
          accepted.
        </p>
      )}
      {avoidUnit !== null && <p class="soft">It was seen not to follow limits in {avoidUnit}.</p>}
    </div>
  )
}

const RESULT: Readonly<Record<ReadBack['result'], { readonly tone: Tone; readonly text: string }>> = {
  kept: { tone: 'ok', text: 'as believed' },
  differs: { tone: 'bad', text: 'differs' },
  unanswered: { tone: 'warn', text: 'no answer' },
}

const COMPUTED: readonly Column<Computed>[] = [
  { name: 'Where', cell: ({ evseId }) => <strong>{evseName(evseId)}</strong> },
  { name: 'It computes', kind: 'number', cell: ({ limit, unit }) => valueText(limit, unit) },
  { name: 'It should', kind: 'number', cell: ({ believed, unit }) => valueText(believed, unit) },
  {
    name: 'Verdict',
    cell: ({ exceeds }) =>
      exceeds ? <Badge tone="bad">more than it may</Badge> : <Badge tone="ok">within</Badge>,
  },
]

const valueText = (value: number | null, unit: string): string =>
  value === null ? 'nothing' : `${number(value)} ${unit}`

function ReadBackPanel({
  readBack,
  askNow,
}: {
  readonly readBack: ReadBack | null
  readonly askNow: ComponentChildren
}) {
  if (readBack === null)
    return (
      <Panel title="What it said" aside={askNow}>
        <Empty>It was not asked yet. The service asks one station after the other.</Empty>
      </Panel>
    )
  const { at, result, findings, profiles, computed } = readBack
  return (
    <Panel
      title="What it said"
      aside={
        <>
          asked at {time(at)} {askNow}
        </>
      }
      flush
    >
      <div class="panel-body stack">
        <p>
          <Badge tone={RESULT[result].tone}>{RESULT[result].text}</Badge>
        </p>
        {findings.map((finding) => (
          <p key={finding}>{finding}</p>
        ))}
      </div>
      {computed.length > 0 && (
        <Table
          label="Computed by the station"
          columns={COMPUTED}
          rows={computed}
          keyOf={({ evseId, unit }) => `${evseId} ${unit}`}
        />
      )}
      <div class="panel-body">
        {profiles.map(({ evseId, profile }) => (
          <details key={`${evseId} ${JSON.stringify(profile)}`} class="payload">
            <summary class="mono small">
              {evseName(evseId)}: {JSON.stringify(profile)}
            </summary>
            <pre>{JSON.stringify(profile, null, 2)}</pre>
          </details>
        ))}
      </div>
    </Panel>
  )
}
