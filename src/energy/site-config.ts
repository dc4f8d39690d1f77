import type { Site, SiteSpec } from '../../profiles/index.ts'
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

export function unknownMeters(site: Site, config: object): Issue[] {
  return metersOf(config).flatMap(({ nodeId }, index) =>
    site.nodeById.has(nodeId)
      ? []
      : [{ path: `body/meters/${index}/nodeId`, message: `The site has no node ${nodeId}` }],
  )
}
