/** The hierarchy of authorities, drawn; and whether what strangers ask about it is fresh. */

import { read, readText, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { commonName, date, duration } from '../format.ts'
import { Badge, Empty, Heading, Panel, When } from '../parts/basics.tsx'
import { download } from '../parts/filters.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { kindText, Validity } from './certificate-table.tsx'

type Authority = Schemas['Authority']

export function view() {
  return <Authorities />
}

async function readAuthorities() {
  const [authorities, crls, responders, chains] = await Promise.all([
    read('/authorities'),
    read('/crls'),
    read('/ocsp-responders'),
    read('/trust/server-chains'),
  ])
  return {
    authorities: authorities.items,
    crls: crls.items,
    responders: responders.items,
    chains: chains.items,
  }
}

function Authorities() {
  const loaded = useLoaded('authorities', readAuthorities)
  return (
    <div class="screen">
      <Heading title="Authorities" note="Who signs what, where the keys are, and what is renewed next." />
      <When loaded={loaded}>
        {({ authorities, crls, responders, chains }) => (
          <>
            {authorities.length === 0 ? (
              <Panel>
                <Empty>There are no authorities yet.</Empty>
              </Panel>
            ) : (
              <div class="tree">
                <Branch authorities={authorities} issuerId={null} />
              </div>
            )}
            <Freshness authorities={authorities} crls={crls} responders={responders} />
            <ServerChains chains={chains} />
          </>
        )}
      </When>
    </div>
  )
}

function Branch({
  authorities,
  issuerId,
}: {
  readonly authorities: readonly Authority[]
  readonly issuerId: string | null
}) {
  const here = authorities.filter((one) => one.issuerId === issuerId)
  if (here.length === 0) return null
  const items = here.map((one) => (
    <li key={one.id}>
      <Node authority={one} />
      <Branch authorities={authorities} issuerId={one.id} />
    </li>
  ))
  return issuerId === null ? <ol>{items}</ol> : <ul>{items}</ul>
}

function Node({ authority }: { readonly authority: Authority }) {
  const nowMs = useNow(60_000)
  const lifeMs = Date.parse(authority.notAfter) - Date.parse(authority.notBefore)
  const left = Math.max(0, Math.min(1, (Date.parse(authority.notAfter) - nowMs) / lifeMs))
  const tone = left < 0.1 ? 'bad' : left < 0.25 ? 'warn' : 'ok'
  async function save(): Promise<void> {
    download(
      `${authority.id}.pem`,
      await readText('/authorities/{authorityId}/pem', { path: { authorityId: authority.id } }),
      'application/x-pem-file',
    )
  }
  return (
    <div class="authority">
      <div>
        <strong>{commonName(authority.subject)}</strong>
        <div class="soft small">
          {kindText(authority.profile)}, generation {authority.generation}, {keyText(authority)}
        </div>
      </div>
      <div class="row">
        {authority.state === 'retired' && <Badge tone="none">retired</Badge>}
        <div>
          <div class="small">until {date(authority.notAfter)}</div>
          <div
            class={`life ${tone}`}
            role="img"
            aria-label={`${Math.round(left * 100)} % of its life is left`}
          >
            <i style={{ width: `${left * 100}%` }} />
          </div>
        </div>
        <Validity certificate={authority} nowMs={nowMs} />
        <button type="button" class="plain" onClick={() => void save()}>
          PEM<span class="hidden-visually"> of {commonName(authority.subject)}</span>
        </button>
      </div>
    </div>
  )
}

const ORIGIN: Readonly<Record<Authority['origin'], string>> = {
  created: 'made by this service',
  imported: 'imported',
  ceremony: 'made in a ceremony',
}

function keyText({ hasKey, origin }: Authority): string {
  return `${hasKey ? 'key in the key store' : 'key is not here'}, ${ORIGIN[origin]}`
}

interface FreshnessProps {
  readonly authorities: readonly Authority[]
  readonly crls: readonly Schemas['Crl'][]
  readonly responders: readonly Schemas['OcspResponder'][]
}

function Freshness({ authorities, crls, responders }: FreshnessProps) {
  const nowMs = useNow(30_000)
  const rows = authorities.flatMap(({ id, subject }) => {
    const crl = crls.find((one) => one.authorityId === id && one.kind === 'full')
    const responder = responders.find((one) => one.authorityId === id)
    return crl || responder ? [{ id, subject, crl, responder }] : []
  })
  const columns: Column<(typeof rows)[number]>[] = [
    { name: 'Authority', cell: ({ subject }) => <strong>{commonName(subject)}</strong> },
    { name: 'OCSP responder', cell: ({ responder }) => <Fresh until={responder?.notAfter} nowMs={nowMs} /> },
    {
      name: 'Next responder',
      kind: 'fit',
      cell: ({ responder }) => (responder?.renewAt ? untilText(responder.renewAt, nowMs) : ''),
    },
    { name: 'CRL', cell: ({ crl }) => <Fresh until={crl?.nextUpdate} nowMs={nowMs} /> },
    { name: 'Number', kind: 'number', cell: ({ crl }) => crl?.number },
    { name: 'Next CRL', kind: 'fit', cell: ({ crl }) => (crl ? untilText(crl.nextUpdate, nowMs) : '') },
  ]
  return (
    <Panel title="Revocation answers" aside="What cars and stations are told when they ask" flush>
      {rows.length === 0 ? (
        <Empty>No CRL and no OCSP responder yet.</Empty>
      ) : (
        <Table label="Revocation answers" columns={columns} rows={rows} keyOf={({ id }) => id} />
      )}
    </Panel>
  )
}

function untilText(at: string, nowMs: number): string {
  const leftMs = Date.parse(at) - nowMs
  return leftMs > 0 ? `in ${duration(leftMs)}` : 'due'
}

function Fresh({ until, nowMs }: { readonly until: string | null | undefined; readonly nowMs: number }) {
  if (!until) return <Badge tone="none">none</Badge>
  const leftMs = Date.parse(until) - nowMs
  return leftMs > 0 ? (
    <Badge tone="ok">good for {duration(leftMs)}</Badge>
  ) : (
    <Badge tone="bad">stale for {duration(leftMs)}</Badge>
  )
}

type ServerChain = Schemas['ServerChain']

const CHAIN_COLUMNS: readonly Column<ServerChain>[] = [
  {
    name: 'Endpoint',
    cell: ({ endpoint }) => (endpoint === 'main' ? 'where stations connect' : 'for those that cannot follow'),
  },
  { name: 'Issued by', cell: ({ authorityId }) => authorityId },
  { name: 'Root', cell: ({ rootSubject }) => commonName(rootSubject) },
  { name: 'Bridges', kind: 'number', cell: ({ bridges }) => bridges },
  { name: 'Until', kind: 'fit', cell: ({ notAfter }) => date(notAfter) },
  { name: 'Stations that saw it last', kind: 'number', cell: ({ stations }) => stations },
]

function ServerChains({ chains }: { readonly chains: readonly ServerChain[] }) {
  if (chains.length === 0) return null
  return (
    <Panel title="Chains that stations are shown" flush>
      <Table
        label="Server chains"
        columns={CHAIN_COLUMNS}
        rows={chains}
        keyOf={(one) => `${one.endpoint} ${one.authorityId}`}
      />
    </Panel>
  )
}
