import type { Schemas } from '../api.ts'
import { useNow } from '../data.ts'
import { commonName, DAY_MS, date, duration } from '../format.ts'
import { Badge } from '../parts/basics.tsx'
import { type Column, VirtualTable } from '../parts/virtual-table.tsx'
import { href } from '../router.ts'

type Certificate = Schemas['Certificate']

export function CertificateTable({ certificates }: { readonly certificates: readonly Certificate[] }) {
  const nowMs = useNow(60_000)
  const columns: Column<Certificate>[] = [
    {
      name: 'Subject',
      cell: (one) => <a href={href(['certificates', one.fingerprint])}>{commonName(one.subject)}</a>,
    },
    { name: 'Kind', width: '22%', cell: (one) => kindText(one.profile) },
    {
      name: 'Station',
      width: '16%',
      cell: ({ stationId }) =>
        stationId === null ? '' : <a href={href(['stations', stationId])}>{stationId}</a>,
    },
    { name: 'Expires', width: '130px', cell: (one) => date(one.notAfter) },
    {
      name: 'Left',
      width: '110px',
      cell: (one) => (Date.parse(one.notAfter) > nowMs ? duration(Date.parse(one.notAfter) - nowMs) : ''),
    },
    { name: 'State', width: '150px', cell: (one) => <Validity certificate={one} nowMs={nowMs} /> },
  ]
  return (
    <VirtualTable
      label="Certificates"
      columns={columns}
      rows={certificates}
      keyOf={(one) => one.fingerprint}
    />
  )
}

/** `ocsp-responder/iso15118-2` -> `ocsp responder, ISO 15118-2` */
export function kindText(profile: string): string {
  const [kind = '', standard] = profile.split('/')
  return standard === undefined ? kind : `${kind.replaceAll('-', ' ')}, ${standard.replace('iso', 'ISO ')}`
}

interface Dated {
  readonly notBefore: string
  readonly notAfter: string
  readonly revokedAt?: string | null
}

/** Short-lived certificates are renewed shortly before their end: what counts is how much of their life is left. */
export function Validity({ certificate, nowMs }: { readonly certificate: Dated; readonly nowMs: number }) {
  const { notBefore, notAfter, revokedAt } = certificate
  const leftMs = Date.parse(notAfter) - nowMs
  if (revokedAt) return <Badge tone="bad">revoked</Badge>
  if (leftMs <= 0) return <Badge tone="bad">expired</Badge>
  const lifeMs = Date.parse(notAfter) - Date.parse(notBefore)
  if (leftMs < Math.min(30 * DAY_MS, lifeMs / 4)) return <Badge tone="warn">expires soon</Badge>
  return <Badge tone="ok">valid</Badge>
}
