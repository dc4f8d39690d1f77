import type { PhasorConstraintSpec, Site, Supply } from './site.ts'
import type { Phase } from './units.ts'

export type RowKind = 'phase' | 'power' | 'imbalance' | 'dc-power' | 'phasor'

/** One inequality over the currents of a site: a phase of a node, its power, its imbalance, or a phasor sum. */
export interface Row {
  readonly id: string
  readonly kind: RowKind
  readonly node: number | null
  readonly phase: Phase | null
  /** A subset of the directions of this phasor constraint (see `phasorRows`). */
  readonly partOf?: string
}

/** One EVSE's share in one row, per ampere, for one of its terminals. */
export interface Entry {
  readonly load: number
  readonly row: number
  readonly re: number
  readonly im: number
  /** Which terminal: bit 0 is L1 of the EVSE. A load that is not booked on the terminal skips the entry. */
  readonly mask: number
}

/**
 * The rows of a site in compressed form, by load and by row, so that one allocation walks plain arrays.
 * Build once per site; limits, demands and booked phases change per allocation.
 */
export interface Network {
  readonly loadCount: number
  readonly rows: readonly Row[]
  readonly rowCount: number
  /** 1 where a row must be summed as phasors. */
  readonly phasor: Uint8Array
  readonly loadStart: Int32Array
  readonly entryRow: Int32Array
  readonly entryRe: Float64Array
  readonly entryIm: Float64Array
  readonly entryMask: Uint8Array
  readonly rowStart: Int32Array
  readonly rowLoad: Int32Array
}

/** Compresses rows and entries. Entries may come in any order. */
export function buildNetwork(options: {
  readonly loadCount: number
  readonly rows: readonly Row[]
  readonly entries: readonly Entry[]
}): Network {
  const { loadCount, rows, entries } = options
  const loadStart = new Int32Array(loadCount + 1)
  const rowStart = new Int32Array(rows.length + 1)
  const phasor = new Uint8Array(rows.length)
  for (const entry of entries) {
    loadStart[entry.load + 1] = (loadStart[entry.load + 1] ?? 0) + 1
    rowStart[entry.row + 1] = (rowStart[entry.row + 1] ?? 0) + 1
    if (entry.im !== 0) phasor[entry.row] = 1
  }
  for (let i = 0; i < loadCount; i++) loadStart[i + 1] = (loadStart[i + 1] ?? 0) + (loadStart[i] ?? 0)
  for (let i = 0; i < rows.length; i++) rowStart[i + 1] = (rowStart[i + 1] ?? 0) + (rowStart[i] ?? 0)
  const loadFill = loadStart.slice()
  const rowFill = rowStart.slice()
  const entryRow = new Int32Array(entries.length)
  const entryRe = new Float64Array(entries.length)
  const entryIm = new Float64Array(entries.length)
  const entryMask = new Uint8Array(entries.length)
  const rowLoad = new Int32Array(entries.length)
  for (const entry of entries) {
    const at = loadFill[entry.load] ?? 0
    loadFill[entry.load] = at + 1
    entryRow[at] = entry.row
    entryRe[at] = entry.re
    entryIm[at] = entry.im
    entryMask[at] = entry.mask
    const slot = rowFill[entry.row] ?? 0
    rowFill[entry.row] = slot + 1
    rowLoad[slot] = entry.load
  }
  return {
    loadCount,
    rows,
    rowCount: rows.length,
    phasor,
    loadStart,
    entryRow,
    entryRe,
    entryIm,
    entryMask,
    rowStart,
    rowLoad,
  }
}

/** Mask of an entry that counts whatever terminals are booked. */
const ANY = 0x7

interface PolarTerm {
  readonly load: number
  readonly coeff: number
  readonly angleDeg: number
}

const RAD = Math.PI / 180

function normalised(term: PolarTerm): PolarTerm {
  const turned = term.coeff < 0 ? term.angleDeg + 180 : term.angleDeg
  return { load: term.load, coeff: Math.abs(term.coeff), angleDeg: ((turned % 360) + 360) % 360 }
}

/**
 * Rows for one phasor sum. Cars draw less than they may, so a sum in which currents cancel is only safe when every
 * subset of its directions holds too: one row per subset, where directions more than 90 degrees apart occur.
 * At most six directions are told apart (three phase pairs, both signs), so there are at most 63 rows.
 */
export function phasorRows(options: {
  readonly id: string
  readonly terms: readonly PolarTerm[]
  readonly firstRow: number
}): { rows: Row[]; entries: Entry[] } {
  const terms = options.terms.map(normalised)
  const angles = [...new Set(terms.map((term) => Math.round(term.angleDeg * 1000) / 1000))]
  const apart = (a: number, b: number) => Math.min(Math.abs(a - b), 360 - Math.abs(a - b))
  const cancels = angles.some((a) => angles.some((b) => apart(a, b) > 90 + 1e-6))
  const full = (1 << angles.length) - 1
  const subsets = cancels && angles.length <= 6 ? Array.from({ length: full }, (_, k) => full - k) : [full]
  const rows: Row[] = []
  const entries: Entry[] = []
  const base = angles[0] ?? 0
  for (const subset of subsets) {
    const row = options.firstRow + rows.length
    const whole = subset === full
    rows.push({
      id: whole ? options.id : `${options.id}/${subset}`,
      kind: 'phasor',
      node: null,
      phase: null,
      ...(whole ? {} : { partOf: options.id }),
    })
    for (const term of terms) {
      const bit = angles.indexOf(Math.round(term.angleDeg * 1000) / 1000)
      if (cancels && angles.length <= 6 && (subset & (1 << bit)) === 0) continue
      // Too many directions to list subsets: add magnitudes, which is safe and costs some capacity.
      const linear = angles.length === 1 || (cancels && angles.length > 6)
      const angle = linear ? 0 : (term.angleDeg - base) * RAD
      entries.push({
        load: term.load,
        row,
        re: term.coeff * Math.cos(angle),
        im: linear ? 0 : term.coeff * Math.sin(angle),
        mask: ANY,
      })
    }
  }
  return { rows, entries }
}

/** Index of the row of a node's phase, and of its power, in a network made by `siteNetwork`. */
export function phaseRow(node: number, phase: Phase): number {
  return node * 4 + phase - 1
}
export function powerRow(node: number): number {
  return node * 4 + 3
}

/**
 * The network of a site: four rows per node (three phases, power), then imbalance, shared DC and phasor rows.
 * Limits are separate (`staticLimits`), because sources change them.
 */
export function siteNetwork(site: Site): Network {
  const rows: Row[] = []
  const entries: Entry[] = []
  for (const node of site.nodes) {
    for (const phase of [1, 2, 3] as const)
      rows.push({ id: `${node.id}/L${phase}`, kind: 'phase', node: node.index, phase })
    rows.push({ id: `${node.id}/W`, kind: 'power', node: node.index, phase: null })
  }
  for (const evse of site.evses) {
    const wattPerTerminal = evse.wattPerA / evse.terminals.length
    for (const node of evse.path) {
      evse.terminals.forEach((terminal, index) => {
        const mask = evse.supply.kind === 'ac' ? 1 << index : ANY
        const angle = terminal.angleDeg * RAD
        entries.push({
          load: evse.index,
          row: phaseRow(node, terminal.phase),
          re: Math.cos(angle),
          im: Math.sin(angle),
          mask,
        })
        entries.push({ load: evse.index, row: powerRow(node), re: wattPerTerminal, im: 0, mask })
      })
    }
  }
  addImbalanceRows(site, rows, entries)
  addSharedDcRows(site, rows, entries)
  for (const constraint of site.phasorConstraints) {
    const made = phasorRows({ id: constraint.id, terms: polarTerms(site, constraint), firstRow: rows.length })
    rows.push(...made.rows)
    entries.push(...made.entries)
  }
  return buildNetwork({ loadCount: site.evses.length, rows, entries })
}

const networks = new WeakMap<Site, Network>()

/** The network of a site, built once. */
export function networkOf(site: Site): Network {
  const known = networks.get(site)
  if (known) return known
  const made = siteNetwork(site)
  networks.set(site, made)
  return made
}

function polarTerms(site: Site, constraint: PhasorConstraintSpec): PolarTerm[] {
  const terms: PolarTerm[] = []
  for (const term of constraint.terms) {
    const evse = site.evseByKey.get(`${term.stationId}#${term.evseId}`)
    if (evse) terms.push({ load: evse.index, coeff: term.coeff, angleDeg: term.angleDeg })
  }
  return terms
}

/**
 * |Ia - Ib| <= D holds for every draw below the grants when what is unbalanced stays below D on each phase by itself,
 * because cars on all three phases cancel in the difference. Bits 3 to 5 of the mask mark terminals of a load that is
 * not known to be balanced.
 */
function addImbalanceRows(site: Site, rows: Row[], entries: Entry[]): void {
  for (const node of site.nodes) {
    if (!Number.isFinite(node.imbalanceA)) continue
    const first = rows.length
    for (const phase of [1, 2, 3] as const) {
      rows.push({ id: `${node.id}/imbalance-L${phase}`, kind: 'imbalance', node: node.index, phase })
    }
    for (const evse of site.evses) {
      if (!evse.path.includes(node.index) || isBalanced(evse.supply, site.wiring)) continue
      evse.terminals.forEach((terminal, index) => {
        const mask = 1 << (index + UNBALANCED_SHIFT)
        entries.push({ load: evse.index, row: first + terminal.phase - 1, re: 1, im: 0, mask })
      })
    }
  }
}

/** DC chargers load all lines alike; so does what is between the two legs of a split phase. */
function isBalanced(supply: Supply, wiring: Site['wiring']): boolean {
  return supply.kind === 'dc' || (supply.kind === 'ac-line' && wiring === 'split-phase')
}

const UNBALANCED_SHIFT = 3

/** The mask of a load on the given terminals (bits 0 to 2). */
export function loadMask(terminals: number, balanced: boolean): number {
  return balanced ? terminals : terminals | (terminals << UNBALANCED_SHIFT)
}

function addSharedDcRows(site: Site, rows: Row[], entries: Entry[]): void {
  for (const node of site.nodes) {
    if (!Number.isFinite(node.sharedDcW)) continue
    const row = rows.length
    rows.push({ id: `${node.id}/dc`, kind: 'dc-power', node: node.index, phase: null })
    for (const evse of site.evses) {
      if (evse.node !== node.index || evse.supply.kind !== 'dc') continue
      entries.push({ load: evse.index, row, re: evse.wattPerA * evse.supply.efficiency, im: 0, mask: ANY })
    }
  }
}

/** Row limits from the configuration alone. */
export function staticLimits(site: Site, network: Network): Float64Array {
  const limits = new Float64Array(network.rowCount).fill(Number.POSITIVE_INFINITY)
  network.rows.forEach((row, index) => {
    const node = row.node === null ? undefined : site.nodes[row.node]
    if (node && row.kind === 'phase' && row.phase)
      limits[index] = node.limitA[row.phase - 1] ?? Number.POSITIVE_INFINITY
    if (node && row.kind === 'power') limits[index] = node.limitW
    if (node && row.kind === 'imbalance') limits[index] = node.imbalanceA
    if (node && row.kind === 'dc-power') limits[index] = node.sharedDcW
    if (row.kind === 'phasor') {
      const spec = site.phasorConstraints.find((constraint) => constraint.id === (row.partOf ?? row.id))
      if (spec) limits[index] = spec.limitA
    }
  })
  return limits
}
