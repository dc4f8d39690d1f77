/** What the station was issued, and what it says it has installed. */

import { useState } from 'preact/hooks'
import { ApiError, change, read, type Schemas } from '../api.ts'
import { useLoaded } from '../data.ts'
import { commonName } from '../format.ts'
import { Badge, Empty, Failure, Panel, Scroll, When } from '../parts/basics.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import { CertificateTable } from './certificate-table.tsx'

export function StationCertificates({ stationId }: { readonly stationId: string }) {
  const loaded = useLoaded(
    `certificates ${stationId}`,
    async () => {
      const [certificates, authorities] = await Promise.all([
        read('/certificates', { query: { stationId, limit: 1000 } }),
        read('/authorities'),
      ])
      return { certificates: certificates.items, authorities: authorities.items }
    },
    (event) => event.kind === 'certificate.issued' && event.stationId === stationId,
  )
  return (
    <When loaded={loaded}>
      {({ certificates, authorities }) => (
        <>
          <Panel title="Issued by this service" flush>
            {certificates.length === 0 ? (
              <Empty>Nothing was issued for this station.</Empty>
            ) : (
              <CertificateTable certificates={certificates} />
            )}
          </Panel>
          {(may('operate') || may('secure')) && <Installed stationId={stationId} authorities={authorities} />}
        </>
      )}
    </When>
  )
}

interface InstalledCertificate {
  readonly certificateType: string
  readonly certificateHashData: { readonly serialNumber: string; readonly issuerNameHash: string }
}

function Installed({
  stationId,
  authorities,
}: {
  readonly stationId: string
  readonly authorities: readonly Schemas['Authority'][]
}) {
  const [found, setFound] = useState<readonly InstalledCertificate[]>()
  const [error, setError] = useState<ApiError>()
  const [busy, setBusy] = useState(false)

  async function ask(): Promise<void> {
    setBusy(true)
    setError(undefined)
    try {
      const answer = await change('POST', '/stations/{stationId}/calls/{action}', {
        path: { stationId, action: 'GetInstalledCertificateIds' },
        body: {},
      })
      setFound(chainsOf(answer))
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, { detail: String(problem) }))
    }
    setBusy(false)
  }

  return (
    <Panel title="Installed on the station">
      <div class="stack">
        <p class="soft">The station is asked now. What is not from an authority of this service is marked.</p>
        <div>
          <button type="button" onClick={() => void ask()} disabled={busy}>
            {busy ? 'Asking' : 'Ask the station'}
          </button>
        </div>
        {error && <Failure error={error} />}
        {found &&
          (found.length === 0 ? (
            <Empty>The station has nothing installed.</Empty>
          ) : (
            <InstalledTable found={found} authorities={authorities} />
          ))}
      </div>
    </Panel>
  )
}

function InstalledTable({
  found,
  authorities,
}: {
  readonly found: readonly InstalledCertificate[]
  readonly authorities: readonly Schemas['Authority'][]
}) {
  return (
    <Scroll label="Installed certificates">
      <table>
        <thead>
          <tr>
            <th scope="col">Use</th>
            <th scope="col">Serial number</th>
            <th scope="col">Known here as</th>
          </tr>
        </thead>
        <tbody>
          {found.map(({ certificateType, certificateHashData }) => {
            const serial = bare(certificateHashData.serialNumber)
            const known = authorities.find((one) => bare(one.serialNumber) === serial)
            return (
              <tr key={certificateType + serial + certificateHashData.issuerNameHash}>
                <td>{certificateType}</td>
                <td class="mono">{certificateHashData.serialNumber}</td>
                <td>
                  {known ? (
                    <a href={href(['authorities'])}>{commonName(known.subject)}</a>
                  ) : certificateType === 'V2GCertificateChain' ? (
                    'the chain of its V2G certificate'
                  ) : (
                    <Badge tone="warn">unknown here</Badge>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Scroll>
  )
}

const bare = (serial: string): string => serial.toLowerCase().replace(/^0+/, '')

function chainsOf(answer: unknown): InstalledCertificate[] {
  const chains =
    typeof answer === 'object' && answer !== null && 'certificateHashDataChain' in answer
      ? answer.certificateHashDataChain
      : []
  return Array.isArray(chains) ? chains : []
}
