import type { AuthorityOperation, CrlRecord } from '../../store/certificates.ts'
import type { components } from '../api.generated.ts'
import type { BodyOf, Operations } from '../operation.ts'
import { DEFAULT_PAGE, defined } from '../pages.ts'
import { ApiProblem, invalid, type ProblemCode } from '../problems.ts'
import type { ApiServices, AuthorityResult } from '../services.ts'
import { present } from './present.ts'

export type AuthorityOperations = Pick<
  Operations,
  | 'deleteCertificateHold'
  | 'getCertificateExport'
  | 'createCrl'
  | 'listCrls'
  | 'listOcspResponders'
  | 'listAuthorityOperations'
  | 'createAuthorityOperation'
  | 'getAuthorityOperation'
  | 'createAuthorityDecision'
  | 'createCeremonyAnswer'
>

type OrderBody = BodyOf<'createAuthorityOperation'>

/** What each kind of operation must and may say. */
const FIELDS: Readonly<
  Record<
    OrderBody['kind'],
    { readonly needs: readonly (keyof OrderBody)[]; readonly may?: readonly (keyof OrderBody)[] }
  >
> = {
  'new-generation': { needs: ['line'] },
  'cross-sign': { needs: ['subjectId', 'issuerId'] },
  retire: { needs: ['authorityId'] },
  ceremony: { needs: ['what', 'subject'] },
  issue: { needs: ['profile', 'csr'], may: ['stationId'] },
}

export function authorityOperations(services: ApiServices): AuthorityOperations {
  const { store } = services
  const known = async (id: string): Promise<AuthorityOperation> => {
    const operation = await store.certificates.operation(id)
    if (operation) return operation
    throw new ApiProblem(
      'authority-operation.unknown',
      `There is no operation "${id}"; see GET /api/v1/authority-operations.`,
    )
  }

  return {
    deleteCertificateHold: async ({ path }) => {
      const result = await present(services.authorities).release(path.fingerprint)
      const certificate = await store.certificates.byFingerprint(path.fingerprint)
      if (result === 'unknown' || !certificate)
        throw new ApiProblem('certificate.unknown', `No certificate ${path.fingerprint} was issued here.`)
      if (result === 'not-on-hold')
        throw new ApiProblem(
          'certificate.not-on-hold',
          'Only a hold can be released; a revocation is for good.',
        )
      const { der: _der, keyName: _key, ...body } = certificate
      return {
        status: 200,
        body,
        audit: { action: 'certificate.release', subject: path.fingerprint, detail: {} },
      }
    },

    getCertificateExport: async ({ path, query }) => {
      const exported = await present(services.authorities).export(path.fingerprint, query.format)
      if (!exported)
        throw new ApiProblem('certificate.unknown', `No certificate ${path.fingerprint} was issued here.`)
      return { status: 200, body: { format: query.format, ...exported } }
    },

    createCrl: async ({ path }) => {
      const crl = accepted(await present(services.authorities).makeCrl(path.authorityId), 'authority')
      return {
        status: 201,
        body: toCrlBody(crl),
        audit: { action: 'crl.create', subject: path.authorityId, detail: { number: crl.number } },
      }
    },

    listCrls: async () => {
      const crls = await store.certificates.crls()
      return { status: 200, body: { items: crls.filter(({ kind }) => kind !== 'base').map(toCrlBody) } }
    },

    listOcspResponders: async () => ({
      status: 200,
      body: {
        items: present(services.authorities)
          .responders()
          .map(({ authorityId, delegate }) => ({
            authorityId,
            fingerprint: delegate?.fingerprint ?? null,
            notAfter: delegate ? new Date(delegate.notAfterMs).toISOString() : null,
            renewAt: delegate ? new Date(delegate.renewAtMs).toISOString() : null,
          })),
      },
    }),

    listAuthorityOperations: async ({ query }) => {
      const { limit = DEFAULT_PAGE, ...filter } = query
      const operations = await store.certificates.operations({ ...defined(filter), limit })
      return { status: 200, body: { items: operations.map(toBody) } }
    },

    createAuthorityOperation: async ({ body, principal }) => {
      const order = checked(body)
      const operation = accepted(
        await present(services.authorities).submit(order, principal.name),
        'authority-operation',
      )
      const { kind, state, id } = operation
      return {
        status: 201,
        body: toBody(operation),
        audit: {
          action: 'authority-operation.create',
          subject: id,
          detail: { kind, state, parameters: order },
        },
      }
    },

    getAuthorityOperation: async ({ path }) => ({ status: 200, body: toBody(await known(path.operationId)) }),

    createAuthorityDecision: async ({ path, body, principal }) => {
      await known(path.operationId)
      const operation = accepted(
        await present(services.authorities).decide(path.operationId, body.decision, principal.name),
        'authority-operation',
      )
      const { kind, state, requestedBy } = operation
      return {
        status: 200,
        body: toBody(operation),
        audit: {
          action: `authority-operation.${body.decision}`,
          subject: path.operationId,
          detail: { kind, state, requestedBy },
        },
      }
    },

    createCeremonyAnswer: async ({ path, body, principal }) => {
      await known(path.operationId)
      const operation = accepted(
        await present(services.authorities).answer(path.operationId, body.answer, principal.name),
        'authority-operation',
      )
      return {
        status: 200,
        body: toBody(operation),
        audit: { action: 'ceremony.answer', subject: path.operationId, detail: { kind: operation.kind } },
      }
    },
  }
}

/** Exactly the fields of its kind: what has no meaning there is refused and not ignored. */
function checked(body: OrderBody): OrderBody & Record<string, string> {
  const { needs, may = [] } = FIELDS[body.kind]
  const issues = [
    ...needs
      .filter((name) => body[name] === undefined)
      .map((name) => ({ path: `body/${name}`, message: `is required for ${body.kind}` })),
    ...Object.keys(body)
      .filter((name) => name !== 'kind' && ![...needs, ...may].some((one) => one === name))
      .map((name) => ({ path: `body/${name}`, message: `has no meaning for ${body.kind}` })),
  ]
  if (issues.length > 0) throw invalid('request.invalid', issues)
  return { ...body }
}

function accepted<T>(result: AuthorityResult<T>, what: 'authority' | 'authority-operation'): T {
  if (result.ok) return result.value
  const codes: Readonly<Record<typeof result.code, ProblemCode>> = {
    unknown: `${what}.unknown`,
    refused: `${what}.refused`,
    'key-unavailable': 'key-store.unavailable',
  }
  throw new ApiProblem(codes[result.code], result.message)
}

function toCrlBody({
  authorityId,
  kind,
  number,
  thisUpdate,
  nextUpdate,
}: CrlRecord): components['schemas']['Crl'] {
  return { authorityId, kind: kind === 'delta' ? 'delta' : 'full', number, thisUpdate, nextUpdate }
}

function toBody(operation: AuthorityOperation): components['schemas']['AuthorityOperation'] {
  return {
    ...operation,
    parameters: { ...operation.parameters },
    result: operation.result && { ...operation.result },
  }
}
