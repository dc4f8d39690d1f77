import { parseEmaid, parsePcid } from '../../../pki/index.ts'
import { type IdentitySource, readIdentity } from './import-identity.ts'
import type { ContractTerms, PoolResult } from './pool.ts'
import type { ContractService } from './service.ts'

/** The contract service as the operator API uses it. */
export function contractAdministration({ pool, trust, distrust, decide, imports, makers }: ContractService) {
  return {
    create: (terms: ContractTerms & { readonly emaid: string }) => pool.create(terms),
    async import(terms: ContractTerms, source: IdentitySource): Promise<PoolResult> {
      const identity = readIdentity(source)
      if (!identity.ok) return { ok: false, code: 'identity-invalid', message: identity.message }
      return pool.import(terms, identity)
    },
    change: (id: string, change: { readonly priority?: number; readonly validUntil?: string | null }) =>
      pool.change(id, change),
    suspend: (id: string) => pool.suspend(id),
    resume: (id: string) => pool.resume(id),
    terminate: (id: string) => pool.terminate(id),
    normalPcid: (text: string) => parsePcid(text)?.text,
    normalEmaid: (text: string) => parseEmaid(text)?.text,
    trust,
    distrust,
    decide,
    importRoots: () => imports.run(),
    importReports: () => imports.reports,
    lookUpVehicle: (pcid: string) => makers.lookUp(pcid),
  }
}
