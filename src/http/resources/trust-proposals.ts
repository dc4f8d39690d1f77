import type { TrustProposal } from '../../store/contracts.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { defined, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices, ProviderImport } from '../services.ts'
import { present } from './present.ts'
import { toTrustedBody } from './vehicles.ts'

export type TrustProposalOperations = Pick<
  Operations,
  | 'listTrustProposals'
  | 'putTrustDecision'
  | 'listProviderImports'
  | 'createProviderImport'
  | 'createVehicleLookup'
>

/** What the pools of providers bring: roots to decide on, and the sub-CAs of cars that are expected. */
export function trustProposalOperations(services: ApiServices): TrustProposalOperations {
  const { store } = services
  return {
    listTrustProposals: async ({ query }) => {
      const proposals = await store.contracts.proposals(defined({ state: query.state }))
      return { status: 200, body: { items: proposals.map(toBody) } }
    },

    putTrustDecision: async ({ path, body }) => {
      const { usage, fingerprint } = path
      const decided = await present(services.contracts).decide(usage, fingerprint, body.decision)
      const proposal = await store.contracts.proposal(usage, fingerprint)
      if (!decided || !proposal)
        throw new ApiProblem(
          'trust-proposal.unknown',
          `No provider lists ${fingerprint} for ${usage}; see GET /api/v1/trust-proposals.`,
        )
      const { provider, subject } = proposal
      return {
        status: 200,
        body: toBody(proposal),
        audit: {
          action: body.decision === 'accepted' ? 'trust.add' : 'trust.reject',
          subject: usage,
          detail: { fingerprint, provider, subject },
        },
      }
    },

    listProviderImports: async () => ({
      status: 200,
      body: { items: present(services.contracts).importReports().map(toImportBody) },
    }),

    createProviderImport: async () => {
      const reports = await present(services.contracts).importRoots()
      const added = reports.reduce((sum, report) => sum + report.added, 0)
      return {
        status: 200,
        body: { items: reports.map(toImportBody) },
        audit: { action: 'trust.import', subject: 'providers', detail: { added } },
      }
    },

    createVehicleLookup: async ({ path }) => {
      const contracts = present(services.contracts)
      const pcid = contracts.normalPcid(path.pcid) ?? path.pcid
      const found = await contracts.lookUpVehicle(pcid)
      if (!found.ok)
        throw new ApiProblem(
          found.code === 'unknown' ? 'vehicle.unknown' : 'trusted-certificate.invalid',
          found.message,
        )
      const { provider, added } = found
      const fingerprints = added.map(({ fingerprint }) => fingerprint)
      return {
        status: 200,
        body: { provider, items: added.map(toTrustedBody) },
        audit: { action: 'vehicle.lookup', subject: pcid, detail: { provider, fingerprints } },
      }
    },
  }
}

function toBody(proposal: TrustProposal): components['schemas']['TrustProposal'] {
  return {
    ...toTrustedBody(proposal),
    ...pick(proposal, ['provider', 'state', 'seenAt', 'decidedAt']),
  }
}

function toImportBody(report: ProviderImport): components['schemas']['ProviderImport'] {
  return { ...report, refused: [...report.refused] }
}
