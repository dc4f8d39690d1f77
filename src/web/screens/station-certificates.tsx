/** What the station should hold, what it says it holds, and what was issued for it. */

import { act } from '../act.ts'
import { change, read, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { commonName, since } from '../format.ts'
import { Badge, Empty, Panel, When } from '../parts/basics.tsx'
import { Table } from '../parts/table.tsx'
import type { Column } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import { CertificateTable } from './certificate-table.tsx'
import { DRIFT } from './drift-words.ts'

type Installed = Schemas['InstalledCertificate']

async function readStation(stationId: string) {
  const [certificates, authorities, inventory] = await Promise.all([
    read('/certificates', { query: { stationId, limit: 1000 } }),
    read('/authorities'),
    read('/stations/{stationId}/installed-certificates', { path: { stationId } }),
  ])
  return { certificates: certificates.items, authorities: authorities.items, inventory }
}

export function StationCertificates({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(
    `certificates ${stationId}`,
    () => readStation(stationId),
    (event) => event.kind === 'certificate.issued' && event.stationId === stationId,
  )
  return (
    <When loaded={loaded}>
      {({ certificates, authorities, inventory }) => (
        <>
          <Drift drift={inventory.drift} />
          <Inventory
            stationId={stationId}
            inventory={inventory}
            nameOf={namesOf(authorities, certificates)}
            reload={loaded.reload}
          />
          <Panel title="Issued by this service" flush>
            {certificates.length === 0 ? (
              <Empty>Nothing was issued for this station.</Empty>
            ) : (
              <CertificateTable certificates={certificates} />
            )}
          </Panel>
        </>
      )}
    </When>
  )
}

function Drift({ drift }: { readonly drift: readonly Schemas['TrustDrift'][] }) {
  return (
    <Panel title="Wanted against installed" flush>
      {drift.length === 0 ? (
        <p class="panel-body">
          <Badge tone="ok">as wanted</Badge> Nothing is missing and nothing is there that no policy wants.
        </p>
      ) : (
        <ul class="attention">
          {drift.map(({ kind, use, certificate, subject }) => (
            <li key={`${kind} ${use} ${certificate}`}>
              <Badge tone={DRIFT[kind].tone}>{DRIFT[kind].text}</Badge>
              <span>
                {subject === null ? <span class="mono">{certificate}</span> : commonName(subject)}{' '}
                <span class="soft small">{use}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

interface InventoryProps {
  readonly stationId: string
  readonly inventory: Schemas['StationInventory']
  readonly nameOf: (serialNumber: string) => string | undefined
  readonly reload: () => void
}

function Inventory({ stationId, inventory, nameOf, reload }: InventoryProps) {
  const nowMs = useNow()
  const { inventoryAt, detail, serverChain, items } = inventory
  const columns: Column<Installed>[] = [
    { name: 'Use', cell: ({ use }) => use },
    {
      name: 'Known here as',
      cell: ({ serialNumber }) =>
        nameOf(serialNumber) ?? <Badge tone="warn">not an authority or certificate of ours</Badge>,
    },
    {
      name: 'Serial number',
      cell: ({ serialNumber, parentKey }) => (
        <span class="mono">
          {serialNumber}
          {parentKey === null ? '' : ' (in a chain)'}
        </span>
      ),
    },
    { name: 'Reported', kind: 'fit', cell: ({ reportedAt }) => since(reportedAt, nowMs) },
  ]
  return (
    <Panel
      title="Installed on the station"
      aside={
        inventoryAt === null ? 'not reported since the last change' : `as of ${since(inventoryAt, nowMs)}`
      }
      flush
    >
      {detail !== null && <p class="panel-body soft">{detail}</p>}
      {serverChain !== null && (
        <p class="panel-body soft">When it connected last, it was shown the chain of {serverChain}.</p>
      )}
      {items.length === 0 ? (
        <Empty>The station has reported nothing.</Empty>
      ) : (
        <Table
          label="Installed certificates"
          columns={columns}
          rows={items}
          keyOf={(one) => `${one.use} ${one.issuerKeyHash} ${one.serialNumber} ${one.parentKey}`}
        />
      )}
      {(may('operate') || may('secure')) && (
        <p class="panel-body">
          <button
            type="button"
            onClick={() =>
              void act(
                () => change('POST', '/stations/{stationId}/installed-certificates', { path: { stationId } }),
                'The station has said what it holds.',
              ).then(reload)
            }
          >
            Ask the station
          </button>{' '}
          <a href={href(['trust'], { tab: 'drift', text: stationId })}>all differences</a>
        </p>
      )}
    </Panel>
  )
}

const bare = (serial: string): string => serial.toLowerCase().replace(/^0+/, '')

function namesOf(
  ...known: readonly (readonly { readonly serialNumber: string; readonly subject: string }[])[]
): InventoryProps['nameOf'] {
  const names = new Map(known.flat().map((one) => [bare(one.serialNumber), commonName(one.subject)]))
  return (serialNumber) => names.get(bare(serialNumber))
}
