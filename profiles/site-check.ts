import { limitsLessReserve, safeDefaults, safeOverload, worstMask } from './failsafe.ts'
import { type Network, networkOf } from './network.ts'
import {
  type CircuitSpec,
  type EvseSpec,
  flattenSite,
  linesOf,
  type Site,
  type SiteSpec,
  type StationSpec,
  type Supply,
} from './site.ts'
import { type PhaseValues, phaseValues } from './units.ts'

export type SiteProblemCode =
  | 'id-duplicate'
  | 'id-empty'
  | 'too-deep'
  | 'limit-invalid'
  | 'voltage-invalid'
  | 'ramp-invalid'
  | 'evse-id-invalid'
  | 'supply-invalid'
  | 'phase-invalid'
  | 'reference-unknown'
  | 'safe-defaults-exceed'
  | 'safe-default-zero'
  | 'safe-default-paused'
  | 'silent-meter-exceeds'
  | 'never-charges'
  | 'shared-dc-unused'
  | 'no-evse'
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

const warning = (code: SiteProblemCode, where: string, message: string): SiteProblem => ({
  code,
  severity: 'warning',
  where,
  message,
})

const positive = (value: number) => Number.isFinite(value) && value > 0

/** No fuse and no connection is larger; whoever wants no limit leaves it out. */
const MOST = { limitA: 100_000, imbalanceA: 100_000, limitW: 100_000_000 } as const

export interface SiteCheckOptions {
  /** What meters count as while they are silent, by node id: amperes for all phases or for each. */
  readonly silentA?: ReadonlyMap<string, number | PhaseValues>
}

/** Every problem of a configuration, all at once, with the node that causes it. */
export function checkSite(spec: SiteSpec, options: SiteCheckOptions = {}): SiteProblem[] {
  const nodes = [
    ...checkVoltage(spec),
    ...checkRamp(spec),
    ...checkNode(spec, spec.root, { ids: new Set(), depth: 1 }),
  ]
  if (nodes.some((problem) => problem.code === 'too-deep')) return nodes
  const problems = [...nodes, ...checkReferences(spec)]
  if (problems.some((problem) => problem.severity === 'error')) return problems
  const site = flattenSite(spec)
  return [...problems, ...checkRoot(site), ...checkMinimums(site), ...checkSafeDefaults(site, options)]
}

/** The checked site, or what is wrong with it. A site with warnings opens. */
export function openSite(
  spec: SiteSpec,
  options: SiteCheckOptions = {},
):
  | { readonly ok: true; readonly site: Site; readonly warnings: SiteProblem[] }
  | { readonly ok: false; readonly problems: SiteProblem[] } {
  const problems = checkSite(spec, options)
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

function checkRamp({ id, rampAPerS }: SiteSpec): SiteProblem[] {
  if (rampAPerS === undefined || positive(rampAPerS)) return []
  return [error('ramp-invalid', id, `rampAPerS is ${rampAPerS}: give amperes per second, or leave it out`)]
}

/** Deeper than any building, and far from what recursion can stand. */
const MAX_DEPTH = 200

function checkNode(
  spec: SiteSpec,
  node: CircuitSpec | StationSpec,
  at: { readonly ids: Set<string>; readonly depth: number },
): SiteProblem[] {
  const { ids, depth } = at
  if (depth > MAX_DEPTH)
    return [error('too-deep', node.id, `lies ${depth} levels deep: at most ${MAX_DEPTH} are possible`)]
  const problems: SiteProblem[] = []
  if (node.id === '') problems.push(error('id-empty', '(unnamed)', 'every node needs an id'))
  if (ids.has(node.id)) problems.push(error('id-duplicate', node.id, `the id ${node.id} is used twice`))
  ids.add(node.id)
  for (const name of ['limitA', 'limitW', 'imbalanceA'] as const) {
    const numbers = node[name] === undefined ? [] : phaseValues(node[name])
    if (numbers.every((value) => positive(value) && value <= MOST[name])) continue
    const message = `${name} must be above zero and at most ${MOST[name]}, is ${[...new Set(numbers)].join('/')}`
    problems.push(error('limit-invalid', node.id, message))
  }
  if (!phaseValues(node.reserveA ?? 0).every((value) => Number.isFinite(value) && value >= 0)) {
    problems.push(error('limit-invalid', node.id, 'reserveA must be zero or more'))
  }
  if (node.kind === 'station') return [...problems, ...checkStation(spec, node)]
  return [...problems, ...node.children.flatMap((child) => checkNode(spec, child, { ids, depth: depth + 1 }))]
}

function checkStation(spec: SiteSpec, station: StationSpec): SiteProblem[] {
  const problems: SiteProblem[] = []
  const seen = new Set<number>()
  if (station.sharedDcW !== undefined && !positive(station.sharedDcW)) {
    problems.push(error('limit-invalid', station.id, `sharedDcW must be above zero, is ${station.sharedDcW}`))
  }
  if (station.sharedDcW !== undefined && !station.evses.some(({ supply }) => supply.kind === 'dc')) {
    const message = 'sharedDcW limits the DC outlets of a station, and this one has none: give limitW instead'
    problems.push(warning('shared-dc-unused', station.id, message))
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

function checkRoot(site: Site): SiteProblem[] {
  const [root] = site.nodes
  if (!root) return []
  const problems: SiteProblem[] = []
  if (site.evses.length === 0)
    problems.push(warning('no-evse', root.id, 'no EVSE is below it: add a station with its evses'))
  if (
    !linesOf(site.wiring).every((line) => Number.isFinite(root.limitA[line - 1])) &&
    root.limitW === Infinity
  )
    problems.push(
      warning('unlimited-root', root.id, 'the grid connection has no limit: give limitA or limitW'),
    )
  return problems
}

/** EVSEs that can never charge, and safe defaults that are none. */
function checkMinimums(site: Site): SiteProblem[] {
  const network = networkOf(site)
  const limits = limitsLessReserve(site, network)
  const mask = worstMask(site)
  return site.evses.flatMap(({ index, key, minA, safeA }) => {
    const over = firstOver(network, limits, { load: index, currentA: minA, mask: mask[index] ?? 7 })
    const problems: SiteProblem[] = []
    if (over !== undefined) {
      const message = `can never charge on all its phases: ${over} cannot carry its minimum of ${minA.toFixed(1)} A even alone`
      problems.push(warning('never-charges', key, message))
    }
    if (safeA === null && minA === 0) {
      const message =
        'falls to 0 A when Gridkeep is not reachable, because nothing says how little it can do: give minW or safeA'
      problems.push(warning('safe-default-zero', key, message))
    }
    if (safeA !== null && safeA > 0 && safeA < minA) {
      const message = `safeA ${safeA} is below the least the EVSE can offer, ${minA.toFixed(1)} A: it is a pause, as 0 is`
      problems.push(warning('safe-default-paused', key, message))
    }
    return problems
  })
}

/** The first row that one load overloads by itself. */
function firstOver(
  network: Network,
  limits: Float64Array,
  { load, currentA, mask }: { readonly load: number; readonly currentA: number; readonly mask: number },
): string | undefined {
  const sums = new Map<number, number>()
  for (let entry = network.loadStart[load] ?? 0; entry < (network.loadStart[load + 1] ?? 0); entry++) {
    if (((network.entryMask[entry] ?? 0) & mask) === 0) continue
    const row = network.entryRow[entry] ?? 0
    const share = Math.hypot(network.entryRe[entry] ?? 0, network.entryIm[entry] ?? 0)
    sums.set(row, (sums.get(row) ?? 0) + currentA * share)
  }
  const over = [...sums].find(([row, sum]) => sum > (limits[row] ?? 0) + 1e-6)
  return over && network.rows[over[0]]?.id
}

/** The guarantee of the whole design: the sum of what every EVSE falls to by itself stays inside every node. */
function checkSafeDefaults(site: Site, { silentA }: SiteCheckOptions): SiteProblem[] {
  const network = networkOf(site)
  const safe = safeDefaults(site, network)
  const problems = safeOverload(site, network, safe.safeA).map((row) => {
    const message = `safe defaults add up to ${row.sum.toFixed(1)} on ${row.id}, above its ${row.limit.toFixed(1)}: lower safeA or raise the limit`
    return error('safe-defaults-exceed', row.where, message)
  })
  for (const zero of safe.zero) {
    const message = `falls to 0 A when Gridkeep is not reachable, because ${zero.because} cannot carry the minimum of every EVSE below it`
    problems.push(warning('safe-default-zero', zero.evseKey, message))
  }
  for (const row of silentA ? safeOverload(site, network, safe.safeA, silentA) : []) {
    const message = `safe defaults add up to ${row.sum.toFixed(1)} on ${row.id}, and ${row.limit.toFixed(1)} is what a silent meter's staleA leaves of its limit: lower safeA, or staleA if the building never takes that much`
    problems.push(warning('silent-meter-exceeds', row.where, message))
  }
  return problems
}
