import type { SiteRecord } from '../../store/sites.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices, SiteConfig } from '../services.ts'

export type SiteOperations = Pick<
  Operations,
  'listSites' | 'getSite' | 'putSite' | 'deleteSite' | 'getSiteStatus'
>

export function siteOperations(services: ApiServices): SiteOperations {
  const { store, sites } = services
  const toBody = (site: SiteRecord): components['schemas']['Site'] => ({
    id: site.id,
    config: configOf(site),
    updatedAt: site.updatedAt,
    warnings: [...sites.warnings(site)],
  })
  return {
    listSites: async () => ({ status: 200, body: { items: (await store.sites.listSites()).map(toBody) } }),

    getSite: async ({ path }) => ({ status: 200, body: toBody(await requireSite(services, path.siteId)) }),

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
  }
}

export async function requireSite({ store }: ApiServices, siteId: string): Promise<SiteRecord> {
  const site = await store.sites.getSite(siteId)
  if (!site) throw unknownSite(siteId)
  return site
}

/** The node of a site's tree; refused with those that there are. */
export function requireNode(site: SiteRecord, nodeId: string, path: string): void {
  const known = nodeIds(configOf(site).root)
  if (known.includes(nodeId)) return
  const message = `The site ${site.id} has no node ${nodeId}; it has ${known.slice(0, 10).join(', ')}${known.length > 10 ? ', ...' : ''}`
  throw invalid('request.invalid', [{ path, message }])
}

function nodeIds(node: SiteConfig['root'] | SiteConfig['root']['children'][number]): string[] {
  return [node.id, ...(node.kind === 'circuit' ? node.children.flatMap(nodeIds) : [])]
}

function unknownSite(siteId: string): ApiProblem {
  return new ApiProblem(
    'site.unknown',
    `There is no site "${siteId}"; create it with PUT /api/v1/sites/${siteId}.`,
  )
}

/** What is stored was checked against this very contract when it came in. */
function configOf(site: SiteRecord): SiteConfig {
  return site.config as SiteConfig
}
