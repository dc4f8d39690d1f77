import { isoNow } from '../../observe/clock.ts'
import type { LimitRecord } from '../../store/sites.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { requireSite } from './sites.ts'

export function limitOperations(
  services: ApiServices,
): Pick<Operations, 'listLimits' | 'putLimit' | 'deleteLimit'> {
  const { store, limits, clock } = services
  return {
    listLimits: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: { items: [...(await store.sites.limits(path.siteId))] } }
    },

    putLimit: async ({ path, body, principal }) => {
      await requireSite(services, path.siteId)
      const limit: LimitRecord = {
        id: path.limitId,
        siteId: path.siteId,
        source: 'operator',
        ...body,
        setBy: principal.name,
        updatedAt: isoNow(clock),
      }
      refuseEmptyValidity(limit)
      const result = await limits.put(limit)
      if (!result.ok) throw invalid('limit.invalid', result.issues)
      return {
        status: 200,
        body: result.value,
        audit: { action: 'limit.put', subject: `${path.siteId}/${path.limitId}`, detail: body },
      }
    },

    deleteLimit: async ({ path }) => {
      await requireSite(services, path.siteId)
      if (!(await limits.remove(path.siteId, path.limitId)))
        throw new ApiProblem(
          'limit.unknown',
          `The site has no limit "${path.limitId}"; see GET /api/v1/sites/${path.siteId}/limits.`,
        )
      return {
        status: 204,
        audit: { action: 'limit.delete', subject: `${path.siteId}/${path.limitId}`, detail: {} },
      }
    },
  }
}

/** A limit that never holds would look like a promise. */
function refuseEmptyValidity({ validFrom, validTo }: LimitRecord): void {
  if (validFrom === null || validTo === null || Date.parse(validFrom) < Date.parse(validTo)) return
  throw invalid('limit.invalid', [{ path: 'body/validTo', message: 'must be later than validFrom' }])
}
