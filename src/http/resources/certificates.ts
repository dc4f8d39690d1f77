import { createHash, X509Certificate } from 'node:crypto'
import type { AuthorityRecord, IssuedCertificate, SigningOrder } from '../../store/certificates.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { DEFAULT_PAGE, defined, pageOf, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'

export type CertificateOperations = Pick<
  Operations,
  | 'listCertificates'
  | 'getCertificate'
  | 'getCertificatePem'
  | 'revokeCertificate'
  | 'listAuthorities'
  | 'getAuthorityPem'
  | 'listSigningOrders'
>

/** Longer chains do not exist in V2G (root, two sub-CAs); the bound stops a loop in the data. */
const MAX_CHAIN = 10

export function certificateOperations({ store, certificates }: ApiServices): CertificateOperations {
  const known = async (fingerprint: string) => {
    const certificate = await store.certificates.byFingerprint(fingerprint)
    if (certificate) return certificate
    throw unknownCertificate(fingerprint)
  }

  return {
    listCertificates: async ({ query }) => {
      const { limit, ...filter } = query
      const page = await pageOf(
        limit,
        (size) => store.certificates.list({ ...defined(filter), limit: size }),
        (last) => last.fingerprint,
      )
      return { status: 200, body: { ...page, items: page.items.map(toBody) } }
    },

    getCertificate: async ({ path }) => ({ status: 200, body: toBody(await known(path.fingerprint)) }),

    getCertificatePem: async ({ path }) => {
      const certificate = await known(path.fingerprint)
      const above = chainFrom(await store.certificates.authorities(), certificate.authorityId)
      return {
        status: 200,
        body: toPem([certificate.der, ...above.map((authority) => authority.certificateDer)]),
      }
    },

    revokeCertificate: async ({ path, body }) => {
      const result = await certificates.revoke(path.fingerprint, body.reason)
      if (result === 'unknown') throw unknownCertificate(path.fingerprint)
      if (result === 'already-revoked')
        throw new ApiProblem('certificate.already-revoked', 'Nothing to do: a revocation is for good.')
      return {
        status: 200,
        body: toBody(await known(path.fingerprint)),
        audit: { action: 'certificate.revoke', subject: path.fingerprint, detail: { reason: body.reason } },
      }
    },

    listAuthorities: async () => {
      const authorities = await store.certificates.authorities()
      return { status: 200, body: { items: topDown(authorities).map(toAuthorityBody) } }
    },

    getAuthorityPem: async ({ path }) => {
      const chain = chainFrom(await store.certificates.authorities(), path.authorityId)
      if (chain.length === 0)
        throw new ApiProblem(
          'authority.unknown',
          `There is no authority "${path.authorityId}"; see GET /api/v1/authorities.`,
        )
      return { status: 200, body: toPem(chain.map((authority) => authority.certificateDer)) }
    },

    listSigningOrders: async ({ query }) => {
      const orders = await store.certificates.orders({
        ...defined({ stationId: query.stationId, states: query.state && [query.state] }),
        limit: query.limit ?? DEFAULT_PAGE,
      })
      return { status: 200, body: { items: orders.map(toOrderBody) } }
    },
  }
}

function unknownCertificate(fingerprint: string): ApiProblem {
  return new ApiProblem(
    'certificate.unknown',
    `No certificate ${fingerprint} was issued here; see GET /api/v1/certificates.`,
  )
}

function chainFrom(authorities: readonly AuthorityRecord[], id: string | null): AuthorityRecord[] {
  const byId = new Map(authorities.map((authority) => [authority.id, authority]))
  const chain: AuthorityRecord[] = []
  let next = id === null ? undefined : byId.get(id)
  while (next && chain.length < MAX_CHAIN) {
    chain.push(next)
    next = next.issuerId === null ? undefined : byId.get(next.issuerId)
  }
  return chain
}

function topDown(authorities: readonly AuthorityRecord[]): AuthorityRecord[] {
  const depths = new Map(authorities.map((one) => [one.id, chainFrom(authorities, one.id).length]))
  return [...authorities].sort(
    (a, b) => (depths.get(a.id) ?? 0) - (depths.get(b.id) ?? 0) || a.id.localeCompare(b.id),
  )
}

function toPem(ders: readonly Uint8Array[]): string {
  return ders.map((der) => new X509Certificate(der).toString()).join('')
}

function toBody(certificate: IssuedCertificate): components['schemas']['Certificate'] {
  return pick(certificate, [
    'fingerprint',
    'authorityId',
    'profile',
    'serialNumber',
    'subject',
    'stationId',
    'notBefore',
    'notAfter',
    'revokedAt',
    'revocationReason',
  ])
}

function toAuthorityBody(authority: AuthorityRecord): components['schemas']['Authority'] {
  const certificate = new X509Certificate(authority.certificateDer)
  return {
    id: authority.id,
    line: authority.line,
    state: authority.state,
    origin: authority.origin,
    hasKey: authority.keyName !== null,
    profile: authority.profile,
    generation: authority.generation,
    issuerId: authority.issuerId,
    subject: certificate.subject.replaceAll('\n', ','),
    serialNumber: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
    fingerprint: createHash('sha256').update(authority.certificateDer).digest('hex'),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    createdAt: authority.createdAt,
  }
}

function toOrderBody(order: SigningOrder): components['schemas']['SigningOrder'] {
  return pick(order, [
    'id',
    'stationId',
    'certificateType',
    'keyHash',
    'state',
    'fingerprint',
    'attempts',
    'detail',
    'notBefore',
    'createdAt',
    'updatedAt',
  ])
}
