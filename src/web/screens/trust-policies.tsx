/** Which stations should hold which roots, and what is done where they do not. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, type Schemas } from '../api.ts'
import { commonName, plural } from '../format.ts'
import { Empty, Failure, Panel } from '../parts/basics.tsx'
import { CheckField, SelectField, TextField } from '../parts/fields.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { may } from '../signed-in.ts'

type Policy = Schemas['TrustPolicy']
type Anchor = Schemas['TrustAnchor']

interface PoliciesProps {
  readonly anchors: readonly Anchor[]
  readonly policies: readonly Policy[]
  readonly reload: () => void
}

const REPAIR: readonly (readonly [Policy['repair'], string])[] = [
  ['report', 'show the difference only'],
  ['install', 'install what is missing'],
  ['exact', 'install what is missing, delete the rest'],
]
const SCOPE: readonly (readonly [Policy['scope'], string])[] = [
  ['all', 'all stations'],
  ['site', 'stations of a site'],
  ['group', 'stations of a group'],
  ['station', 'one station'],
]

const textOf = <T extends string>(options: readonly (readonly [T, string])[], value: T): string =>
  options.find(([one]) => one === value)?.[1] ?? value

export function Policies({ anchors, policies, reload }: PoliciesProps) {
  const nameOf = (fingerprint: string): string =>
    commonName(anchors.find((one) => one.fingerprint === fingerprint)?.subject ?? fingerprint)
  const columns: Column<Policy>[] = [
    { name: 'Policy', cell: ({ id }) => <strong>{id}</strong> },
    { name: 'For', cell: ({ scope, scopeId }) => `${textOf(SCOPE, scope)} ${scopeId}` },
    { name: 'Use', cell: ({ use }) => use },
    { name: 'Roots', cell: ({ fingerprints }) => fingerprints.map(nameOf).join(', ') },
    { name: 'Then', cell: ({ repair }) => textOf(REPAIR, repair) },
    { name: 'Set by', cell: ({ setBy }) => setBy },
    ...(may('secure')
      ? [
          {
            name: 'Remove',
            cell: ({ id }: Policy) => (
              <button
                type="button"
                class="plain"
                onClick={() =>
                  void act(
                    () => change('DELETE', '/trust/policies/{policyId}', { path: { policyId: id } }),
                    `The policy ${id} is removed.`,
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
    <Panel title={plural(policies.length, 'policy', 'policies')} flush>
      {policies.length === 0 ? (
        <Empty>No policy says which roots stations should hold.</Empty>
      ) : (
        <Table label="Policies" columns={columns} rows={policies} keyOf={({ id }) => id} />
      )}
      {may('secure') && anchors.length > 0 && <PolicyForm anchors={anchors} reload={reload} />}
    </Panel>
  )
}

function PolicyForm({ anchors, reload }: Pick<PoliciesProps, 'anchors' | 'reload'>) {
  const [id, setId] = useState('')
  const [scope, setScope] = useState<Policy['scope']>('all')
  const [scopeId, setScopeId] = useState('')
  const [use, setUse] = useState<Anchor['use']>(anchors[0]?.use ?? 'V2GRootCertificate')
  const [fingerprints, setFingerprints] = useState<readonly string[]>([])
  const [repair, setRepair] = useState<Policy['repair']>('report')
  const { busy, error, run } = useSubmit()
  const uses = [...new Set(anchors.map((one) => one.use))]
  return (
    <form
      class="panel-body stack"
      aria-label="Set a policy"
      onSubmit={(event) => {
        event.preventDefault()
        void run(async () => {
          const body = { scope, scopeId: scope === 'all' ? '' : scopeId, use, fingerprints, repair }
          await change('PUT', '/trust/policies/{policyId}', { path: { policyId: id }, body })
          reload()
        })
      }}
    >
      <div class="fields">
        <TextField label="Name of the policy" value={id} required placeholder="v2g-north" onInput={setId} />
        <SelectField label="For" value={scope} options={SCOPE} onChange={setScope} />
        {scope !== 'all' && <TextField label="Which" value={scopeId} required onInput={setScopeId} />}
        <SelectField
          label="Use"
          value={use}
          options={uses.map((one) => [one, one])}
          onChange={(chosen) => {
            setUse(chosen)
            setFingerprints([])
          }}
        />
        <SelectField label="Where they differ" value={repair} options={REPAIR} onChange={setRepair} />
      </div>
      <fieldset class="stack">
        <legend>Roots that they should hold</legend>
        {anchors
          .filter((one) => one.use === use)
          .map(({ fingerprint, subject }) => (
            <CheckField
              key={fingerprint}
              label={commonName(subject)}
              checked={fingerprints.includes(fingerprint)}
              onChange={(checked) =>
                setFingerprints(
                  checked
                    ? [...fingerprints, fingerprint]
                    : fingerprints.filter((one) => one !== fingerprint),
                )
              }
            />
          ))}
      </fieldset>
      {error && <Failure error={error} />}
      <div>
        <button type="submit" disabled={busy}>
          Set policy
        </button>
      </div>
    </form>
  )
}
