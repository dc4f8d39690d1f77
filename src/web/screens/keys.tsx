/** Who may use the API and this dashboard, and as what. */

import { useState } from 'preact/hooks'
import { act, useSubmit } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { dateTime, plural } from '../format.ts'
import { Badge, Empty, Failure, Heading, Panel, When } from '../parts/basics.tsx'
import { SelectField, TextField } from '../parts/fields.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { may, self } from '../signed-in.ts'

type Key = Schemas['ApiKey']
type Role = Schemas['Role']

const ROLES: readonly (readonly [Role, string])[] = [
  ['viewer', 'viewer: reads, but nothing of drivers and cars'],
  ['operator', 'operator: stations, sites, limits, sessions'],
  ['security', 'security: certificates, contracts, campaigns, keys'],
  ['admin', 'admin: everything'],
]

export function view() {
  return (
    <div class="screen">
      <Heading
        title="API keys"
        note="Programs and people sign in with a key; its name is in the audit trail."
      />
      {may('secure') ? (
        <Keys />
      ) : (
        <Panel>
          <Empty>Only a key with the role security or admin sees the keys.</Empty>
        </Panel>
      )}
    </div>
  )
}

function Keys() {
  const loaded = useLoaded('keys', async () => (await read('/api-keys')).items)
  const columns: Column<Key>[] = [
    { name: 'Name', cell: ({ name }) => <strong>{name}</strong> },
    { name: 'Role', cell: ({ role }) => role },
    { name: 'Made', kind: 'fit', cell: ({ createdAt }) => dateTime(createdAt) },
    {
      name: 'State',
      cell: ({ revokedAt }) =>
        revokedAt === null ? (
          <Badge tone="ok">in use</Badge>
        ) : (
          <Badge tone="none">revoked {dateTime(revokedAt)}</Badge>
        ),
    },
    {
      name: 'Revoke',
      cell: ({ id, name, revokedAt }) =>
        revokedAt === null && id !== self.get()?.id ? (
          <button
            type="button"
            class="plain"
            onClick={() =>
              void act(
                () => change('DELETE', '/api-keys/{keyId}', { path: { keyId: id } }),
                `${name} is revoked; it is refused from now on.`,
              ).then(loaded.reload)
            }
          >
            Revoke<span class="hidden-visually"> {name}</span>
          </button>
        ) : null,
    },
  ]
  return (
    <When loaded={loaded}>
      {(keys) => (
        <>
          <NewKey onCreated={loaded.reload} />
          <Panel title={plural(keys.length, 'key')} flush>
            <Table label="Keys" columns={columns} rows={keys} keyOf={({ id }) => id} />
          </Panel>
        </>
      )}
    </When>
  )
}

function NewKey({ onCreated }: { readonly onCreated: () => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [secret, setSecret] = useState<string>()
  const { busy, error, run } = useSubmit()
  return (
    <Panel title="Make a key">
      <form
        class="stack"
        aria-label="Make a key"
        onSubmit={(event) => {
          event.preventDefault()
          void run(async () => {
            setSecret(secretOf(await change('POST', '/api-keys', { body: { name, role } })))
            setName('')
            onCreated()
          })
        }}
      >
        <div class="fields">
          <TextField label="Name" value={name} required placeholder="wall-screen" onInput={setName} />
          <SelectField label="Role" value={role} options={ROLES} onChange={setRole} />
          <button type="submit" class="primary" disabled={busy}>
            Make the key
          </button>
        </div>
        {error && <Failure error={error} />}
        {secret !== undefined && (
          <div class="notice ok" role="status">
            <span>
              Copy it now, it is shown once: <code data-secret>{secret}</code>
            </span>
            <button type="button" onClick={() => setSecret(undefined)}>
              I have it
            </button>
          </div>
        )}
      </form>
    </Panel>
  )
}

function secretOf(answer: unknown): string {
  const secret: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'secret') : undefined
  if (typeof secret !== 'string') throw new Error('The service made a key, but did not show it. Revoke it.')
  return secret
}
