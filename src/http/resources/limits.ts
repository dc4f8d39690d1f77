import { isoNow } from '../../observe/clock.ts'
import type { LimitRecord } from '../../store/sites.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { requireSite } from './sites.ts'
import { refuseEmptyValidity } from './validity.ts'

export function limitOperations(
  services: ApiServices,
): Pick<Operations, 'listLimits' | 'putLimit' | 'deleteLimit'> {
  const { store, limits, clock } = services
  return {
    listLimits: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: { items: (await store.sites.limits(path.siteId)).map(toBody) } }
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
      refuseEmptyValidity(body, clock.now())
      const result = await limits.put(limit)
      if (!result.ok) throw invalid('limit.invalid', result.issues)
      return {
        status: 200,
        body: toBody(result.value),
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

function toBody({ group = null, priority = 0, ...limit }: LimitRecord): components['schemas']['Limit'] {
  return { ...limit, group, priority }
}
