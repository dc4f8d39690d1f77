import { Certificate, encodeCertsOnly, PkiError } from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { CrlRecord, IssuedCertificate } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'
import { AuthorityRefusal } from './authority-refusal.ts'
import { toOrder } from './operations.ts'
import type { CertificateService } from './service.ts'

export type AdministrationResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: 'unknown' | 'refused' | 'key-unavailable'; readonly message: string }

export type ExportFormat = 'pem' | 'chain' | 'der' | 'pkcs7' | 'text'

export interface Exported {
  readonly mediaType: string
  readonly encoding: 'utf8' | 'base64'
  readonly content: string
}

/** The certificate service as the operator API sees it: refusals as values. */
export function authorityAdministration(service: CertificateService, store: Store) {
  const { operations, crls, ocsp } = service
  return {
    submit: (order: Readonly<Record<string, unknown>> & { readonly kind: string }, actor: string) =>
      asResult(() => {
        const { kind, ...parameters } = order
        return operations.submit(toOrder({ kind, parameters }), actor)
      }),
    decide: (id: string, decision: 'approve' | 'reject', actor: string) =>
      asResult(() => operations.decide(id, decision, actor)),
    answer: (id: string, answer: string, actor: string) =>
      asResult(() => operations.answer(id, answer, actor)),
    release: (fingerprint: string) => service.release(fingerprint),
    makeCrl: (authorityId: string) =>
      asResult(async (): Promise<CrlRecord> => {
        const authority = service.authorities.get(authorityId)
        if (!authority)
          throw new AuthorityRefusal('authority.unknown', `There is no authority ${authorityId}`)
        if (!authority.issuer)
          throw new AuthorityRefusal(
            'authority.offline',
            `The key of ${authorityId} is not here: request its CRL by ceremony`,
          )
        await crls.regenerate(authorityId)
        const crl = await crls.published(authorityId, 'full')
        if (!crl) throw new AuthorityRefusal('authority.unfit', `${authorityId} may not sign CRLs`)
        return crl
      }),
    responders: () => ocsp.responders(),
    export: async (fingerprint: string, format: ExportFormat): Promise<Exported | undefined> => {
      const record = await store.certificates.byFingerprint(fingerprint)
      return record && exportAs(service, record, format)
    },
  }
}

async function asResult<T>(work: () => Promise<T>): Promise<AdministrationResult<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    if (error instanceof KeyUnavailable) return { ok: false, code: 'key-unavailable', message: error.message }
    if (error instanceof PkiError) return { ok: false, code: 'refused', message: error.message }
    if (!(error instanceof AuthorityRefusal)) throw error
    const isUnknown = error.code === 'authority.unknown' || error.code === 'operation.unknown'
    return { ok: false, code: isUnknown ? 'unknown' : 'refused', message: error.message }
  }
}

function exportAs(
  { authorities }: CertificateService,
  record: IssuedCertificate,
  format: ExportFormat,
): Exported {
  const certificate = Certificate.parse(record.der)
  const above =
    record.authorityId !== null && authorities.has(record.authorityId)
      ? authorities.chain(record.authorityId).map((one) => one.certificate)
      : []
  const chain = [certificate, ...above.filter((one) => one.fingerprint !== certificate.fingerprint)]
  switch (format) {
    case 'pem':
      return utf8('application/x-pem-file', certificate.toPem())
    case 'chain':
      return utf8(
        'application/x-pem-file',
        chain
          .filter((one, at) => at === 0 || !one.isSelfSigned)
          .map((one) => one.toPem())
          .join(''),
      )
    case 'der':
      return base64('application/pkix-cert', certificate.der)
    case 'pkcs7':
      return base64('application/pkcs7-mime; smime-type=certs-only', encodeCertsOnly(chain))
    case 'text':
      return utf8('text/plain', describe(certificate, record))
  }
}

const utf8 = (mediaType: string, content: string): Exported => ({ mediaType, encoding: 'utf8', content })
const base64 = (mediaType: string, der: Uint8Array): Exported => ({
  mediaType,
  encoding: 'base64',
  content: Buffer.from(der).toString('base64'),
})

/** For people; programs read the DER. */
function describe(certificate: Certificate, record: IssuedCertificate): string {
  const at = (ms: number): string => new Date(ms).toISOString()
  const list = (label: string, values: readonly string[]): string[] =>
    values.length === 0 ? [] : [`${label.padEnd(16)}${values.join(', ')}`]
  const status =
    record.revokedAt === null ? 'good' : `${record.revocationReason ?? 'revoked'} since ${record.revokedAt}`
  const lines = [
    ...list('subject', [certificate.subjectText]),
    ...list('issuer', [certificate.issuerText]),
    ...list('serial', [certificate.serialHex]),
    ...list('valid', [`${at(certificate.notBeforeMs)} to ${at(certificate.notAfterMs)}`]),
    ...list('key', [
      certificate.publicKey.curve ?? `${certificate.publicKey.kind} ${certificate.publicKey.bits}`,
    ]),
    ...list('signature', [certificate.algorithm ?? 'unknown']),
    ...list('CA', [
      certificate.isCa ? `yes, path length ${certificate.basicConstraints?.pathLength ?? 'any'}` : 'no',
    ]),
    ...list('key usage', [...(certificate.keyUsage ?? [])]),
    ...list('extended usage', certificate.extendedKeyUsage ?? []),
    ...list('OCSP', certificate.ocspUrls),
    ...list('CRL', certificate.crlUrls),
    ...list('issuer file', certificate.caIssuerUrls),
    ...list('SHA-256', [certificate.fingerprint]),
    ...list('profile', [record.profile]),
    ...list('station', record.stationId === null ? [] : [record.stationId]),
    ...list('status', [status]),
  ]
  return `${lines.join('\n')}\n`
}
