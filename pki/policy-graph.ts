import type { Certificate } from './certificate.ts'
import { OID } from './oids.ts'

/**
 * Certificate policies of RFC 5280 6.1 as the graph of RFC 9618: the tree of the original text grows exponentially
 * with hostile mappings, the graph has at most one node per policy and level.
 */
export interface PolicyInputs {
  /** Policies the caller accepts; left out means any. */
  readonly acceptable?: readonly string[]
  readonly requireExplicit?: boolean
  readonly inhibitMapping?: boolean
  readonly inhibitAny?: boolean
}

interface Level {
  anyPolicy: boolean
  /** Policy to the policies of the level above it came from; none means it came from anyPolicy. */
  readonly nodes: Map<string, Set<string>>
}

const fullLevel = (): Level => ({ anyPolicy: true, nodes: new Map() })

function applyPolicies(level: Level, certificate: Certificate, anyAllowed: boolean): void {
  const listed = certificate.certificatePolicies
  const policies = new Set((listed ?? []).map(({ policy }) => policy))
  const hasAny = policies.delete(OID.anyPolicy) && anyAllowed
  if (!hasAny) for (const policy of level.nodes.keys()) if (!policies.has(policy)) level.nodes.delete(policy)
  if (level.anyPolicy)
    for (const policy of policies) if (!level.nodes.has(policy)) level.nodes.set(policy, new Set())
  level.anyPolicy &&= hasAny
}

/** Next level's expected policies; returns undefined for mappings to or from anyPolicy, which are forbidden. */
function applyMappings(level: Level, certificate: Certificate, allowed: boolean): Level | undefined {
  const mappings = certificate.policyMappings ?? []
  if (
    mappings.some(
      ({ issuerDomain, subjectDomain }) => issuerDomain === OID.anyPolicy || subjectDomain === OID.anyPolicy,
    )
  ) {
    return undefined
  }
  const mapped = new Set(mappings.map(({ issuerDomain }) => issuerDomain))
  for (const policy of mapped) {
    if (!allowed) level.nodes.delete(policy)
    else if (level.anyPolicy && !level.nodes.has(policy)) level.nodes.set(policy, new Set())
  }
  const next: Level = { anyPolicy: level.anyPolicy, nodes: new Map() }
  const add = (policy: string, parent: string): void => {
    const parents = next.nodes.get(policy)
    if (parents === undefined) next.nodes.set(policy, new Set([parent]))
    else parents.add(parent)
  }
  for (const policy of level.nodes.keys()) if (!mapped.has(policy)) add(policy, policy)
  for (const { issuerDomain, subjectDomain } of mappings)
    if (level.nodes.has(issuerDomain)) add(subjectDomain, issuerDomain)
  return next
}

/** Whether some policy the caller accepts is valid along the whole path (6.1.5 g). */
function intersects(levels: readonly Level[], acceptable: readonly string[] | undefined): boolean {
  const last = levels.at(-1)
  if (last === undefined) return false
  const any = acceptable === undefined || acceptable.includes(OID.anyPolicy)
  if (any) return last.anyPolicy || last.nodes.size > 0
  if (last.anyPolicy) return acceptable.length > 0
  let reachable = new Set(last.nodes.keys())
  for (const level of [...levels].reverse()) {
    const above = new Set<string>()
    for (const policy of reachable) {
      const parents = level.nodes.get(policy)
      if (parents === undefined) continue
      if (parents.size === 0 && acceptable.includes(policy)) return true
      for (const parent of parents) above.add(parent)
    }
    reachable = above
  }
  return false
}

/** Runs section 6.1's policy processing. `path` is leaf first and does not include the trust anchor. */
export function checkPolicies(path: readonly Certificate[], inputs: PolicyInputs): boolean {
  const topDown = [...path].reverse()
  let explicit = inputs.requireExplicit === true ? 0 : topDown.length + 1
  let mapping = inputs.inhibitMapping === true ? 0 : topDown.length + 1
  let any = inputs.inhibitAny === true ? 0 : topDown.length + 1
  const levels: Level[] = []
  let level = fullLevel()
  for (const [index, certificate] of topDown.entries()) {
    const isLast = index === topDown.length - 1
    applyPolicies(level, certificate, any > 0 || (!isLast && certificate.isSelfIssued))
    levels.push(level)
    if (!isLast) {
      const next = applyMappings(level, certificate, mapping > 0)
      if (next === undefined) return false
      level = next
    }
    if (isLast || !certificate.isSelfIssued) {
      explicit = Math.max(0, explicit - 1)
      mapping = Math.max(0, mapping - 1)
      any = Math.max(0, any - 1)
    }
    const constraints = certificate.policyConstraints
    if (
      constraints?.requireExplicitPolicy !== undefined &&
      (!isLast || constraints.requireExplicitPolicy === 0)
    ) {
      explicit = Math.min(explicit, constraints.requireExplicitPolicy)
    }
    mapping = Math.min(mapping, constraints?.inhibitPolicyMapping ?? mapping)
    any = Math.min(any, certificate.inhibitAnyPolicy ?? any)
  }
  return explicit > 0 || intersects(levels, inputs.acceptable)
}
