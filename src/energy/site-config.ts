import { openSite, type Site, type SiteSpec } from '../../profiles/index.ts'
import type { MeterConfig } from './base-load.ts'

export interface Issue {
  readonly path: string
  readonly message: string
}

export type Refusable<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] }

type StoredConfig = Omit<SiteSpec, 'id'> & { readonly meters?: readonly MeterConfig[] }

/** The API has checked the shape against openapi.yaml; what remains is judged by `openSite`. */
export function toSpec(id: string, config: object): SiteSpec {
  const { meters: _meters, ...spec } = config as StoredConfig
  return { ...spec, id }
}

export function metersOf(config: object): readonly MeterConfig[] {
  return (config as StoredConfig).meters ?? []
}

/** Judged with what the meters stand for while they are silent. */
export function openConfig(id: string, config: object): ReturnType<typeof openSite> {
  const silentA = new Map(metersOf(config).map(({ nodeId, staleA }) => [nodeId, staleA]))
  return openSite(toSpec(id, config), { silentA })
}

export function refusedMeters(site: Site, config: object): Issue[] {
  const seen = new Set<string>()
  return metersOf(config).flatMap(({ nodeId }, index) => {
    const path = `body/meters/${index}/nodeId`
    if (!site.nodeById.has(nodeId)) return [{ path, message: `The site has no node ${nodeId}` }]
    if (seen.has(nodeId)) return [{ path, message: `${nodeId} has a meter already; one node has one` }]
    seen.add(nodeId)
    return []
  })
}
