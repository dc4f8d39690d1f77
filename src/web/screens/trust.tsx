/** What stations should trust, what they hold instead, and whose word counts about cars. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { type Loaded, useLoaded, useNow } from '../data.ts'
import { commonName, date, plural } from '../format.ts'
import { Empty, Failure, Heading, Panel, Tabs, When } from '../parts/basics.tsx'
import { AreaField, SelectField } from '../parts/fields.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href, route } from '../router.ts'
import { useSignal } from '../signal.ts'
import { may } from '../signed-in.ts'
import { Validity } from './certificate-table.tsx'
import { DriftTab } from './trust-drift.tsx'
import { Policies } from './trust-policies.tsx'

type Anchor = Schemas['TrustAnchor']
type Trusted = Schemas['TrustedCertificate']

const USES: readonly (readonly [Schemas['RootUse'], string])[] = [
  ['V2GRootCertificate', 'V2G root: cars and stations'],
  ['MORootCertificate', 'MO root: contract certificates'],
  ['CSMSRootCertificate', 'CSMS root: the connection to us'],
  ['ManufacturerRootCertificate', 'Manufacturer root: firmware'],
]

const TABS = [
  { id: 'anchors', name: 'Roots for stations' },
  { id: 'drift', name: 'Wanted against installed' },
  { id: 'others', name: 'Authorities of others' },
]

export function view() {
  const { query } = useSignal(route)
  const tab = query.tab ?? 'anchors'
  return (
    <div class="screen">
      <Heading
        title="Trust anchors"
        note="Which roots stations should hold, whether they do, and whose certificates count here."
      />
      <Tabs
        items={TABS.map((one) => ({
          ...one,
          href: href(['trust'], one.id === 'anchors' ? {} : { tab: one.id }),
        }))}
        current={tab}
      />
      {tab === 'anchors' && <Anchors />}
      {tab === 'drift' && <DriftTab />}
      {tab === 'others' && <Others />}
    </div>
  )
}

async function readAnchors() {
  const [anchors, policies] = await Promise.all([read('/trust/anchors'), read('/trust/policies')])
  return { anchors: anchors.items, policies: policies.items }
}

function Anchors() {
  const loaded = useLoaded('anchors', readAnchors)
  const nowMs = useNow(60_000)
  const columns: Column<Anchor>[] = [
    { name: 'Root', cell: ({ subject }) => <strong>{commonName(subject)}</strong> },
    { name: 'Use', cell: ({ use }) => USES.find(([one]) => one === use)?.[1] ?? use },
    { name: 'Until', kind: 'fit', cell: ({ notAfter }) => date(notAfter) },
    { name: 'State', cell: (one) => <Validity certificate={one} nowMs={nowMs} /> },
    {
      name: 'SHA-256',
      cell: ({ fingerprint }) => (
        <span class="mono" title={fingerprint}>
          {fingerprint.slice(0, 16)}
        </span>
      ),
    },
    ...(may('secure')
      ? [
          {
            name: 'Remove',
            cell: (one: Anchor) => (
              <RemoveButton
                name={commonName(one.subject)}
                remove={() =>
                  change('DELETE', '/trust/anchors/{use}/{fingerprint}', {
                    path: { use: one.use, fingerprint: one.fingerprint },
                  })
                }
                reload={loaded.reload}
              />
            ),
          },
        ]
      : []),
  ]
  return (
    <When loaded={loaded}>
      {({ anchors, policies }) => (
        <>
          <Panel title={plural(anchors.length, 'root')} flush>
            {anchors.length === 0 ? (
              <Empty>No root was added. Our own CSMS and V2G roots are known to campaigns without it.</Empty>
            ) : (
              <Table
                label="Roots"
                columns={columns}
                rows={anchors}
                keyOf={(one) => one.use + one.fingerprint}
              />
            )}
          </Panel>
          <Policies anchors={anchors} policies={policies} reload={loaded.reload} />
          {may('secure') && (
            <AddPem
              title="Add a root"
              uses={USES}
              add={(use, pem) => change('POST', '/trust/anchors', { body: { use, pem } })}
              reload={loaded.reload}
            />
          )}
        </>
      )}
    </When>
  )
}

const USAGES: readonly (readonly [Schemas['TrustUsage'], string])[] = [
  ['OEM', 'OEM: cars that ask for contracts'],
  ['MO', 'MO: contracts of other operators'],
  ['V2G', 'V2G: another hierarchy'],
]

function Others() {
  const loaded = useLoaded('trusted', async () => (await read('/trusted-certificates')).items)
  const columns: Column<Trusted>[] = [
    { name: 'Authority', cell: ({ subject }) => <strong>{commonName(subject)}</strong> },
    { name: 'For', cell: ({ usage }) => USAGES.find(([one]) => one === usage)?.[1] },
    { name: 'Kind', cell: ({ isRoot }) => (isRoot ? 'root' : 'sub-CA') },
    { name: 'Until', kind: 'fit', cell: ({ notAfter }) => date(notAfter) },
    ...(may('secure')
      ? [
          {
            name: 'Remove',
            cell: (one: Trusted) => (
              <RemoveButton
                name={commonName(one.subject)}
                remove={() =>
                  change('DELETE', '/trusted-certificates/{usage}/{fingerprint}', {
                    path: { usage: one.usage, fingerprint: one.fingerprint },
                  })
                }
                reload={loaded.reload}
              />
            ),
          },
        ]
      : []),
  ]
  return (
    <When loaded={loaded}>
      {(trusted) => (
        <>
          <Panel title={plural(trusted.length, 'authority', 'authorities')} flush>
            {trusted.length === 0 ? (
              <Empty>Nobody else is trusted: no car of a maker can ask for a contract yet.</Empty>
            ) : (
              <Table
                label="Authorities of others"
                columns={columns}
                rows={trusted}
                keyOf={(one) => one.usage + one.fingerprint}
              />
            )}
          </Panel>
          {may('secure') && (
            <AddPem
              title="Trust an authority"
              uses={USAGES}
              add={(usage, pem) => change('POST', '/trusted-certificates', { body: { usage, pem } })}
              reload={loaded.reload}
            />
          )}
        </>
      )}
    </When>
  )
}

interface RemoveProps {
  readonly name: string
  readonly remove: () => Promise<unknown>
  readonly reload: Loaded<unknown>['reload']
}

function RemoveButton({ name, remove, reload }: RemoveProps) {
  return (
    <button type="button" class="plain" onClick={() => void act(remove, `${name} is removed.`).then(reload)}>
      Remove<span class="hidden-visually"> {name}</span>
    </button>
  )
}

interface AddPemProps<T extends string> {
  readonly title: string
  readonly uses: readonly (readonly [T, string])[]
  readonly add: (use: T, pem: string) => Promise<unknown>
  readonly reload: () => void
}

function AddPem<T extends string>({ title, uses, add, reload }: AddPemProps<T>) {
  const [use, setUse] = useState<T | undefined>(uses[0]?.[0])
  const [pem, setPem] = useState('')
  const { busy, error, run } = useSubmit()
  if (use === undefined) return null
  return (
    <Panel title={title}>
      <form
        class="stack"
        aria-label={title}
        onSubmit={(event) => {
          event.preventDefault()
          void run(async () => {
            await add(use, pem)
            setPem('')
            reload()
          })
        }}
      >
        <SelectField label="Use" value={use} options={uses} onChange={setUse} />
        <AreaField
          label="Certificates, as PEM"
          value={pem}
          placeholder="-----BEGIN CERTIFICATE-----"
          onInput={setPem}
        />
        {error && <Failure error={error} />}
        <div>
          <button type="submit" class="primary" disabled={busy}>
            Add
          </button>
        </div>
      </form>
    </Panel>
  )
}
