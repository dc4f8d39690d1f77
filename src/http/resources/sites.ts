import { isoNow } from '../../observe/clock.ts'
import type { LimitRecord, SiteRecord } from '../../store/sites.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices, SiteConfig } from '../services.ts'

export type SiteOperations = Pick<
  Operations,
  | 'listSites'
  | 'getSite'
  | 'putSite'
  | 'deleteSite'
  | 'getSiteStatus'
  | 'listLimits'
  | 'putLimit'
  | 'deleteLimit'
>

export function siteOperations({ store, sites, limits, clock }: ApiServices): SiteOperations {
  const known = async (siteId: string) => {
    const site = await store.sites.getSite(siteId)
    if (!site) throw unknownSite(siteId)
    return site
  }

  return {
    listSites: async () => ({ status: 200, body: { items: (await store.sites.listSites()).map(toBody) } }),

    getSite: async ({ path }) => ({ status: 200, body: toBody(await known(path.siteId)) }),

    putSite: async ({ path, body }) => {
      const result = await sites.put(path.siteId, body)
      if (!result.ok) throw invalid('site.invalid', result.issues)
      return {
        status: result.value.created ? 201 : 200,
        body: toBody(result.value.site),
        audit: { action: 'site.put', subject: path.siteId, detail: body },
      }
    },

    deleteSite: async ({ path }) => {
      if (!(await sites.remove(path.siteId))) throw unknownSite(path.siteId)
      return { status: 204, audit: { action: 'site.delete', subject: path.siteId, detail: {} } }
    },

    getSiteStatus: async ({ path }) => {
      const status = await sites.status(path.siteId)
      if (!status) throw unknownSite(path.siteId)
      return { status: 200, body: status }
    },

    listLimits: async ({ path }) => {
      await known(path.siteId)
      return { status: 200, body: { items: [...(await store.sites.limits(path.siteId))] } }
    },

    putLimit: async ({ path, body, principal }) => {
      await known(path.siteId)
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
      await known(path.siteId)
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

function unknownSite(siteId: string): ApiProblem {
  return new ApiProblem(
    'site.unknown',
    `There is no site "${siteId}"; create it with PUT /api/v1/sites/${siteId}.`,
  )
}

/** What is stored was checked against this very contract when it came in. */
function toBody(site: SiteRecord): components['schemas']['Site'] {
  return { id: site.id, config: site.config as SiteConfig, updatedAt: site.updatedAt }
}
