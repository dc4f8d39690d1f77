import { useState } from 'preact/hooks'
import { useSubmit } from '../act.ts'
import { change, read, readAll, readText, type Schemas } from '../api.ts'
import { useLoaded, useNow } from '../data.ts'
import { commonName, DAY_MS, dateTime, plural } from '../format.ts'
import { Empty, Facts, Failure, Heading, Panel, When } from '../parts/basics.tsx'
import { Choice, download, matches, Search, Toolbar, toCsv, useFilters } from '../parts/filters.tsx'
import { toast } from '../parts/toasts.tsx'
import { href } from '../router.ts'
import { may } from '../signed-in.ts'
import { CertificateTable, kindText, Validity } from './certificate-table.tsx'

type Certificate = Schemas['Certificate']

export function view({ parts }: { readonly parts: readonly string[] }) {
  const [fingerprint] = parts
  return fingerprint === undefined ? <Certificates /> : <Detail key={fingerprint} fingerprint={fingerprint} />
}

function Certificates() {
  const loaded = useLoaded(
    'certificates',
    () => readAll((query) => read('/certificates', { query })),
    (event) => event.kind === 'certificate.issued',
  )
  return (
    <div class="screen">
      <Heading title="Certificates" note="What this service issued, the next to expire first." />
      <When loaded={loaded}>
        {({ items, complete }) => <List certificates={items} complete={complete} />}
      </When>
    </div>
  )
}

function List({
  certificates,
  complete,
}: {
  readonly certificates: readonly Certificate[]
  readonly complete: boolean
}) {
  const filters = useFilters()
  const nowMs = useNow(60_000)
  const { text, profile, expiry, state } = filters.query
  const profiles = [...new Set(certificates.map((one) => one.profile))].sort()
  const shown = certificates
    .filter((one) => {
      const leftMs = Date.parse(one.notAfter) - nowMs
      const valid = one.revokedAt === null && leftMs > 0
      return (
        matches(text, one.subject, one.serialNumber, one.stationId, one.fingerprint) &&
        (!profile || one.profile === profile) &&
        (!expiry || (valid && leftMs < Number(expiry) * DAY_MS)) &&
        (!state || state === (one.revokedAt !== null ? 'revoked' : valid ? 'valid' : 'expired'))
      )
    })
    .sort(
      (a, b) =>
        Number(Date.parse(a.notAfter) <= nowMs) - Number(Date.parse(b.notAfter) <= nowMs) ||
        a.notAfter.localeCompare(b.notAfter),
    )
  return (
    <>
      <Toolbar>
        <Search filters={filters} name="text" label="Search" hint="subject, serial number, station" />
        <Choice
          filters={filters}
          name="profile"
          label="Kind"
          options={profiles.map((one) => [one, kindText(one)])}
        />
        <Choice
          filters={filters}
          name="expiry"
          label="Expires within"
          options={[
            ['7', '7 days'],
            ['30', '30 days'],
            ['90', '90 days'],
          ]}
        />
        <Choice
          filters={filters}
          name="state"
          label="State"
          options={[
            ['valid', 'Valid'],
            ['expired', 'Expired'],
            ['revoked', 'Revoked'],
          ]}
        />
        <button type="button" onClick={() => download('certificates.csv', csvOf(shown), 'text/csv')}>
          Export
        </button>
      </Toolbar>
      <p class="soft small" role="status">
        {plural(shown.length, 'certificate')}
        {complete ? '' : '; older ones are left out, use the API for all'}
      </p>
      <Panel flush>
        {shown.length === 0 ? (
          <Empty>No certificate fits these filters.</Empty>
        ) : (
          <CertificateTable certificates={shown} />
        )}
      </Panel>
    </>
  )
}

function csvOf(certificates: readonly Certificate[]): string {
  return toCsv([
    ['subject', 'kind', 'station', 'serial number', 'not before', 'not after', 'revoked at', 'fingerprint'],
    ...certificates.map((one) => [
      one.subject,
      one.profile,
      one.stationId,
      one.serialNumber,
      one.notBefore,
      one.notAfter,
      one.revokedAt,
      one.fingerprint,
    ]),
  ])
}

async function readDetail(fingerprint: string) {
  const path = { fingerprint }
  const [certificate, authorities, pem] = await Promise.all([
    read('/certificates/{fingerprint}', { path }),
    read('/authorities'),
    readText('/certificates/{fingerprint}/pem', { path }),
  ])
  return { certificate, authorities: authorities.items, pem }
}

function Detail({ fingerprint }: { readonly fingerprint: string }) {
  const loaded = useLoaded(`certificate ${fingerprint}`, () => readDetail(fingerprint))
  const nowMs = useNow(60_000)
  const one = loaded.data?.certificate
  return (
    <div class="screen">
      <Heading
        title={one ? commonName(one.subject) : 'Certificate'}
        crumbs={<a href="#/certificates">Certificates</a>}
      >
        {one && <Validity certificate={one} nowMs={nowMs} />}
      </Heading>
      <When loaded={loaded}>
        {({ certificate, authorities, pem }) => (
          <>
            <div class="columns">
              <Panel title="Certificate">
                <Facts
                  items={[
                    ['Kind', kindText(certificate.profile)],
                    ['Subject', certificate.subject],
                    [
                      'Station',
                      certificate.stationId === null ? null : (
                        <a href={href(['stations', certificate.stationId])}>{certificate.stationId}</a>
                      ),
                    ],
                    ['Valid from', dateTime(certificate.notBefore)],
                    [
                      'Valid until',
                      `${dateTime(certificate.notAfter)} ${new Date(certificate.notAfter).getFullYear()}`,
                    ],
                    ['Serial number', <span class="mono">{certificate.serialNumber}</span>],
                    [
                      'Revoked',
                      certificate.revokedAt === null
                        ? 'no'
                        : `${dateTime(certificate.revokedAt)}, ${certificate.revocationReason}`,
                    ],
                    ['SHA-256', <span class="mono">{certificate.fingerprint}</span>],
                  ]}
                />
              </Panel>
              <Panel title="Chain, up to the root">
                <Chain certificate={certificate} authorities={authorities} nowMs={nowMs} />
              </Panel>
            </div>
            <Panel
              title="PEM"
              aside={
                <button
                  type="button"
                  class="link"
                  onClick={() =>
                    download(`${commonName(certificate.subject)}.pem`, pem, 'application/x-pem-file')
                  }
                >
                  Download the chain
                </button>
              }
            >
              <pre>{pem}</pre>
            </Panel>
            {may('secure') && certificate.revokedAt === null && (
              <Revoke fingerprint={fingerprint} onRevoked={loaded.reload} />
            )}
          </>
        )}
      </When>
    </div>
  )
}

interface ChainProps {
  readonly certificate: Certificate
  readonly authorities: readonly Schemas['Authority'][]
  readonly nowMs: number
}

function Chain({ certificate, authorities, nowMs }: ChainProps) {
  const links: {
    id: string
    subject: string
    note: string
    notBefore: string
    notAfter: string
    revokedAt?: string | null
  }[] = [{ ...certificate, id: certificate.fingerprint, note: kindText(certificate.profile) }]
  let next = certificate.authorityId
  while (next !== null && links.length < 10) {
    const authority = authorities.find((one) => one.id === next)
    if (!authority) break
    links.push({ ...authority, note: kindText(authority.profile) })
    next = authority.issuerId
  }
  return (
    <ol class="chain">
      {links.map((link) => (
        <li key={link.id}>
          <strong>{commonName(link.subject)}</strong>
          <Validity certificate={link} nowMs={nowMs} />
          <span class="soft small">
            {link.note}, until {dateTime(link.notAfter)} {new Date(link.notAfter).getFullYear()}
          </span>
        </li>
      ))}
    </ol>
  )
}

const REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
]

function Revoke({ fingerprint, onRevoked }: { readonly fingerprint: string; onRevoked(): void }) {
  const [reason, setReason] = useState('superseded')
  const [sure, setSure] = useState(false)
  const { error, run } = useSubmit()
  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    await run(async () => {
      await change('POST', '/certificates/{fingerprint}/revocation', {
        path: { fingerprint },
        body: { reason },
      })
      toast('ok', 'Revoked. OCSP answers and CRLs say so from now on.')
      onRevoked()
    })
  }
  return (
    <Panel title="Revoke">
      <form class="stack" onSubmit={submit}>
        <p class="soft">For good. Whoever asks about this certificate is told so from the next moment on.</p>
        <div class="fields">
          <div class="field">
            <label for="reason">Reason</label>
            <select id="reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)}>
              {REASONS.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </div>
          <label class="row">
            <input
              type="checkbox"
              checked={sure}
              onChange={(event) => setSure(event.currentTarget.checked)}
            />
            I am sure
          </label>
          <button type="submit" class="danger" disabled={!sure}>
            Revoke
          </button>
        </div>
        {error && <Failure error={error} />}
      </form>
    </Panel>
  )
}
