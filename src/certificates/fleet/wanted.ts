/** Which roots a station should hold: policies by scope add up. Pure. */

import { Certificate, type RootUse } from '../../../pki/index.ts'
import type { TrustAnchor, TrustPolicy } from '../../store/fleet.ts'

export interface StationPlace {
  readonly stationId: string
  readonly group: string | null
  /** Empty where it belongs to no site. */
  readonly siteId: string
}

export interface WantedTrust {
  readonly roots: readonly { readonly use: RootUse; readonly certificate: Certificate }[]
  /** Uses for which something is wanted at all: of others nothing is said. */
  readonly uses: readonly RootUse[]
  /** Uses whose missing roots are installed, and those whose unwanted ones are deleted, by themselves. */
  readonly install: readonly RootUse[]
  readonly exact: readonly RootUse[]
}

export function appliesTo(policy: TrustPolicy, place: StationPlace): boolean {
  switch (policy.scope) {
    case 'all':
      return true
    case 'site':
      return policy.scopeId === place.siteId
    case 'group':
      return policy.scopeId === place.group
    case 'station':
      return policy.scopeId === place.stationId
  }
}

const parsed = new WeakMap<TrustAnchor, Certificate>()

export function certificateOf(anchor: TrustAnchor): Certificate {
  const known = parsed.get(anchor)
  if (known) return known
  const certificate = Certificate.parse(anchor.der)
  parsed.set(anchor, certificate)
  return certificate
}

/** An expired anchor is no longer wanted: a station would refuse it, and nothing should be built on it. */
export function wantedOf(
  place: StationPlace,
  policies: readonly TrustPolicy[],
  anchors: readonly TrustAnchor[],
  atMs: number,
): WantedTrust {
  const applying = policies.filter((policy) => appliesTo(policy, place))
  const usesOf = (repairs: readonly TrustPolicy['repair'][]): RootUse[] => [
    ...new Set(applying.filter(({ repair }) => repairs.includes(repair)).map(({ use }) => use)),
  ]
  const roots = anchors.filter(
    (anchor) =>
      Date.parse(anchor.notAfter) > atMs &&
      applying.some(
        (policy) => policy.use === anchor.use && policy.fingerprints.includes(anchor.fingerprint),
      ),
  )
  // One policy that only reports must not be overruled into deleting by another one of a wider scope.
  const reported = new Set(applying.filter(({ repair }) => repair !== 'exact').map(({ use }) => use))
  return {
    roots: roots.map((anchor) => ({ use: anchor.use, certificate: certificateOf(anchor) })),
    uses: usesOf(['report', 'install', 'exact']),
    install: usesOf(['install', 'exact']),
    exact: usesOf(['exact']).filter((use) => !reported.has(use)),
  }
}
