import type { ContractRecord } from '../../store/contracts.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { defined, pageOf, pick } from '../pages.ts'
import { ApiProblem, invalid, type ProblemCode } from '../problems.ts'
import type { ApiServices, ContractResult, ImportSource } from '../services.ts'
import { present } from './present.ts'

export type ContractOperations = Pick<
  Operations,
  | 'listContracts'
  | 'createContract'
  | 'createImportedContract'
  | 'getContract'
  | 'putContractTerms'
  | 'listContractCertificates'
  | 'putContractSuspension'
  | 'deleteContractSuspension'
  | 'putContractTermination'
>

export function contractOperations(services: ApiServices): ContractOperations {
  const { store } = services
  const known = async (id: string): Promise<ContractRecord> => {
    const contract = await store.contracts.get(id)
    if (contract) return contract
    throw new ApiProblem('contract.unknown', `There is no contract "${id}"; see GET /api/v1/contracts.`)
  }
  /** Suspension, resumption and termination answer alike. */
  const moved = async (id: string, action: string, move: (id: string) => Promise<ContractResult>) => {
    const contract = accepted(await move((await known(id)).id))
    return {
      status: 200,
      body: toBody(contract),
      audit: { action, subject: contract.emaid, detail: { contractId: contract.id, pcid: contract.pcid } },
    } as const
  }

  return {
    listContracts: async ({ query }) => {
      const { limit, pcid, emaid, ...filter } = query
      const contracts = present(services.contracts)
      const wanted = {
        ...defined(filter),
        ...(pcid === undefined ? {} : { pcid: contracts.normalPcid(pcid) ?? pcid }),
        ...(emaid === undefined ? {} : { emaid: contracts.normalEmaid(emaid) ?? emaid }),
      }
      const page = await pageOf(
        limit,
        (size) => store.contracts.list({ ...wanted, limit: size }),
        (last) => last.id,
      )
      return { status: 200, body: { ...page, items: page.items.map(toBody) } }
    },

    createContract: async ({ body }) => created(accepted(await present(services.contracts).create(body))),

    createImportedContract: async ({ body }) => {
      const { pcid, priority, validUntil } = body
      const terms = { pcid, ...defined({ priority, validUntil }) }
      return created(accepted(await present(services.contracts).import(terms, sourceOf(body))))
    },

    getContract: async ({ path }) => ({ status: 200, body: toBody(await known(path.contractId)) }),

    putContractTerms: async ({ path, body }) => {
      const { id } = await known(path.contractId)
      const contract = accepted(await present(services.contracts).change(id, body))
      return {
        status: 200,
        body: toBody(contract),
        audit: { action: 'contract.change', subject: contract.emaid, detail: { contractId: id, ...body } },
      }
    },

    listContractCertificates: async ({ path }) => {
      const { id } = await known(path.contractId)
      const items = await store.contracts.certificates(id)
      return {
        status: 200,
        body: {
          items: items.map((one) =>
            pick(one, ['fingerprint', 'authorityId', 'serialNumber', 'notAfter', 'issuedAt', 'usedAt']),
          ),
        },
      }
    },

    putContractSuspension: ({ path }) =>
      moved(path.contractId, 'contract.suspend', present(services.contracts).suspend),
    deleteContractSuspension: ({ path }) =>
      moved(path.contractId, 'contract.resume', present(services.contracts).resume),
    putContractTermination: ({ path }) =>
      moved(path.contractId, 'contract.terminate', present(services.contracts).terminate),
  }
}

const PROBLEM_OF: Readonly<Record<(ContractResult & { ok: false })['code'], ProblemCode>> = {
  'emaid-invalid': 'contract.invalid',
  'pcid-invalid': 'contract.invalid',
  'identity-invalid': 'contract.invalid',
  'not-trusted': 'contract.invalid',
  duplicate: 'contract.exists',
  unknown: 'contract.unknown',
  'wrong-state': 'contract.wrong-state',
}

function accepted(result: ContractResult): ContractRecord {
  if (result.ok) return result.contract
  throw new ApiProblem(PROBLEM_OF[result.code], result.message)
}

function created(contract: ContractRecord) {
  const { id, emaid, pcid, source } = contract
  return {
    status: 201,
    body: toBody(contract),
    audit: { action: 'contract.create', subject: emaid, detail: { contractId: id, pcid, source } },
  } as const
}

function sourceOf(body: {
  readonly pkcs12?: string
  readonly certificatesPem?: string
  readonly privateKeyPem?: string
  readonly passphrase?: string
}): ImportSource {
  const { pkcs12, certificatesPem, privateKeyPem, passphrase } = body
  if (pkcs12 !== undefined && certificatesPem === undefined && privateKeyPem === undefined)
    return { kind: 'pkcs12', file: Buffer.from(pkcs12, 'base64'), passphrase: passphrase ?? '' }
  if (pkcs12 === undefined && certificatesPem !== undefined && privateKeyPem !== undefined)
    return { kind: 'pem', certificatesPem, privateKeyPem, ...defined({ passphrase }) }
  throw invalid('request.invalid', [
    { path: 'body', message: 'give either pkcs12, or certificatesPem and privateKeyPem' },
  ])
}

function toBody(contract: ContractRecord): components['schemas']['Contract'] {
  return pick(contract, [
    'id',
    'emaid',
    'pcid',
    'state',
    'priority',
    'source',
    'protocol',
    'validUntil',
    'fingerprint',
    'certificateNotAfter',
    'createdAt',
    'updatedAt',
  ])
}
