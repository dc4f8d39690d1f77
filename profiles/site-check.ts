import { safeDefaults, safeOverload } from './failsafe.ts'
import { siteNetwork } from './network.ts'
import {
  type CircuitSpec,
  type EvseSpec,
  flattenSite,
  type Site,
  type SiteSpec,
  type StationSpec,
  type Supply,
} from './site.ts'
import { phaseValues } from './units.ts'

export type SiteProblemCode =
  | 'id-duplicate'
  | 'id-empty'
  | 'limit-invalid'
  | 'voltage-invalid'
  | 'evse-id-invalid'
  | 'supply-invalid'
  | 'phase-invalid'
  | 'reference-unknown'
  | 'safe-defaults-exceed'
  | 'safe-default-zero'
  | 'unlimited-root'

/** What is wrong with a site configuration, and where. Errors refuse the site; warnings are for the operator to know. */
export interface SiteProblem {
  readonly code: SiteProblemCode
  readonly severity: 'error' | 'warning'
  /** Node id, or EVSE key. */
  readonly where: string
  readonly message: string
}

const error = (code: SiteProblemCode, where: string, message: string): SiteProblem => ({
  code,
  severity: 'error',
  where,
  message,
})

const positive = (value: number) => Number.isFinite(value) && value > 0

/** Every problem of a configuration, all at once, with the node that causes it. */
export function checkSite(spec: SiteSpec): SiteProblem[] {
  const problems = [...checkVoltage(spec), ...checkNode(spec, spec.root, new Set()), ...checkReferences(spec)]
  if (problems.some((problem) => problem.severity === 'error')) return problems
  return [...problems, ...checkSafeDefaults(flattenSite(spec))]
}

/** The checked site, or what is wrong with it. A site with warnings opens. */
export function openSite(
  spec: SiteSpec,
):
  | { readonly ok: true; readonly site: Site; readonly warnings: SiteProblem[] }
  | { readonly ok: false; readonly problems: SiteProblem[] } {
  const problems = checkSite(spec)
  if (problems.some((problem) => problem.severity === 'error')) return { ok: false, problems }
  return { ok: true, site: flattenSite(spec), warnings: problems }
}

function checkVoltage(spec: SiteSpec): SiteProblem[] {
  if (positive(spec.voltageV) && spec.voltageV >= 50 && spec.voltageV <= 1000) return []
  return [
    error(
      'voltage-invalid',
      spec.id,
      `voltageV is ${spec.voltageV}: give the line-to-neutral voltage in volts`,
    ),
  ]
}

function checkNode(spec: SiteSpec, node: CircuitSpec | StationSpec, ids: Set<string>): SiteProblem[] {
  const problems: SiteProblem[] = []
  if (node.id === '') problems.push(error('id-empty', '(unnamed)', 'every node needs an id'))
  if (ids.has(node.id)) problems.push(error('id-duplicate', node.id, `the id ${node.id} is used twice`))
  ids.add(node.id)
  const values: [string, readonly number[]][] = [
    ['limitA', node.limitA === undefined ? [] : phaseValues(node.limitA)],
    ['limitW', node.limitW === undefined ? [] : [node.limitW]],
    ['imbalanceA', node.imbalanceA === undefined ? [] : [node.imbalanceA]],
  ]
  for (const [name, numbers] of values) {
    if (numbers.every(positive)) continue
    problems.push(error('limit-invalid', node.id, `${name} must be above zero, is ${numbers.join('/')}`))
  }
  if (!phaseValues(node.reserveA ?? 0).every((value) => Number.isFinite(value) && value >= 0)) {
    problems.push(error('limit-invalid', node.id, 'reserveA must be zero or more'))
  }
  if (node.kind === 'station') return [...problems, ...checkStation(spec, node)]
  return [...problems, ...node.children.flatMap((child) => checkNode(spec, child, ids))]
}

function checkStation(spec: SiteSpec, station: StationSpec): SiteProblem[] {
  const problems: SiteProblem[] = []
  const seen = new Set<number>()
  if (station.sharedDcW !== undefined && !positive(station.sharedDcW)) {
    problems.push(error('limit-invalid', station.id, `sharedDcW must be above zero, is ${station.sharedDcW}`))
  }
  for (const evse of station.evses) {
    const where = `${station.id}#${evse.evseId}`
    if (!Number.isInteger(evse.evseId) || evse.evseId < 1) {
      problems.push(
        error('evse-id-invalid', where, 'evseId counts from 1; 0 means the whole station in OCPP'),
      )
    }
    if (seen.has(evse.evseId))
      problems.push(error('id-duplicate', where, `evseId ${evse.evseId} is used twice`))
    seen.add(evse.evseId)
    problems.push(...checkSupply(spec, evse, where))
  }
  return problems
}

function checkSupply(spec: SiteSpec, evse: EvseSpec, where: string): SiteProblem[] {
  const { supply } = evse
  const problems = supply.kind === 'dc' ? checkDc(supply, where) : checkAc(spec, supply, where)
  const maxA = supply.kind === 'dc' ? Number.POSITIVE_INFINITY : supply.maxA
  if (evse.safeA !== undefined && !(evse.safeA >= 0 && evse.safeA <= maxA)) {
    problems.push(error('limit-invalid', where, `safeA is ${evse.safeA}: give 0 up to the EVSE's maximum`))
  }
  if (evse.connectors !== undefined && !(Number.isInteger(evse.connectors) && evse.connectors > 0)) {
    problems.push(error('supply-invalid', where, 'connectors counts from 1'))
  }
  return problems
}

function checkDc(supply: Supply & { kind: 'dc' }, where: string): SiteProblem[] {
  const problems: SiteProblem[] = []
  if (!positive(supply.maxW))
    problems.push(error('supply-invalid', where, `maxW must be above zero, is ${supply.maxW}`))
  if (!(supply.efficiency > 0.5 && supply.efficiency <= 1)) {
    problems.push(
      error('supply-invalid', where, `efficiency is ${supply.efficiency}: give a fraction such as 0.95`),
    )
  }
  if (supply.minW !== undefined && !(supply.minW >= 0 && supply.minW <= supply.maxW)) {
    problems.push(error('supply-invalid', where, `minW is ${supply.minW}: give 0 up to maxW`))
  }
  return problems
}

function checkAc(spec: SiteSpec, supply: Exclude<Supply, { kind: 'dc' }>, where: string): SiteProblem[] {
  const problems: SiteProblem[] = []
  const phases = supply.kind === 'ac' ? supply.rotation : supply.between
  const allowed = spec.wiring === 'split-phase' ? [1, 2] : [1, 2, 3]
  const known = phases.every((phase) => allowed.includes(phase))
  if (phases.length < 1 || phases.length > 3 || !known || new Set(phases).size !== phases.length) {
    const text = `phases ${phases.join(',')}: name each of ${allowed.join(', ')} at most once`
    problems.push(error('phase-invalid', where, text))
  }
  const minA = supply.minA ?? 6
  if (!(positive(supply.maxA) && minA >= 0 && minA <= supply.maxA)) {
    problems.push(
      error('supply-invalid', where, `maxA ${supply.maxA} must be above zero and not below minA ${minA}`),
    )
  }
  return problems
}

function checkReferences(spec: SiteSpec): SiteProblem[] {
  const site = flattenSite(spec)
  return (spec.phasorConstraints ?? []).flatMap((constraint) => {
    const problems = positive(constraint.limitA)
      ? []
      : [error('limit-invalid', constraint.id, `limitA must be above zero, is ${constraint.limitA}`)]
    for (const term of constraint.terms) {
      const key = `${term.stationId}#${term.evseId}`
      if (site.evseByKey.has(key)) continue
      problems.push(error('reference-unknown', constraint.id, `names EVSE ${key}, which is not in the tree`))
    }
    return problems
  })
}

/** The guarantee of the whole design: the sum of what every EVSE falls to by itself stays inside every node. */
function checkSafeDefaults(site: Site): SiteProblem[] {
  const root = site.nodes[0]
  const problems: SiteProblem[] = []
  if (root && !root.limitA.every(Number.isFinite) && !Number.isFinite(root.limitW)) {
    const message = 'the grid connection has no limit: give limitA or limitW'
    problems.push({ code: 'unlimited-root', severity: 'warning', where: root.id, message })
  }
  const network = siteNetwork(site)
  const safe = safeDefaults(site, network)
  for (const row of safeOverload(site, network, safe.safeA)) {
    const message = `safe defaults add up to ${row.sum.toFixed(1)} on ${row.id}, above its ${row.limit.toFixed(1)}: lower safeA or raise the limit`
    problems.push(error('safe-defaults-exceed', row.where, message))
  }
  for (const zero of safe.zero) {
    const message = `falls to 0 A when Gridkeep is not reachable, because ${zero.because} cannot carry the minimum of every EVSE below it`
    problems.push({ code: 'safe-default-zero', severity: 'warning', where: zero.evseKey, message })
  }
  return problems
}
