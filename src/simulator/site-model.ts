import type { Cancel, Scheduler } from './scheduler.ts'
import {
  type CurrentSum,
  type Feeder,
  type SiteWiring,
  type Strand,
  strandsOf,
  strandsOfSum,
} from './site-wiring.ts'
import { NO_CURRENT, type PhaseCurrents } from './vehicle.ts'

export interface SiteNodeOptions {
  readonly id: string
  /** Absent for the grid connection itself. */
  readonly parent?: string
  /** Amperes per phase that must not be exceeded; absent: no limit here. */
  readonly limitA?: number | PhaseCurrents
  /** Largest difference between two phases. */
  readonly imbalanceA?: number
}

export interface SiteModelOptions {
  readonly scheduler: Scheduler
  readonly nodes: readonly SiteNodeOptions[]
  readonly feeders?: readonly Feeder[]
  readonly wiring?: SiteWiring
  readonly sums?: readonly CurrentSum[]
}

/** What happened at one node since the start (or the last `reset`). */
export interface NodeRecord {
  readonly id: string
  readonly currentA: PhaseCurrents
  readonly limitA: PhaseCurrents
  /** The worst of what is above a limit now, imbalance included; 0 while all hold. */
  readonly excessA: number
  readonly highestA: PhaseCurrents
  /** Integral of the current above the limit, all phases added. */
  readonly ampereSecondsAbove: number
  /** Time with any phase above its limit. */
  readonly msAbove: number
  /** The longest time in one piece with any phase above its limit. */
  readonly longestExcursionMs: number
  readonly highestExcessA: number
}

type Triple = [number, number, number]

interface Node {
  readonly id: string
  readonly parent: Node | undefined
  readonly imbalanceA: number
  limitA: Triple
  /** Phasors against each phase's own voltage. */
  readonly re: Triple
  readonly im: Triple
  highestA: Triple
  ampereSecondsAbove: number
  msAbove: number
  longestExcursionMs: number
  highestExcessA: number
  sinceMs: number
  excursionStartMs: number | undefined
}

interface Branch {
  readonly node: Node
  readonly strands: readonly Strand[]
}

const PHASES = [0, 1, 2] as const
/** Sums of rounded profile limits may touch the limit; floating point must not turn that into a violation. */
const TOLERANCE_A = 1e-6

/**
 * The physics that no message can talk about: the true current per phase at every node of the site, from
 * what cars really draw. It listens to draws, never to OCPP, and integrates exactly between two changes.
 */
export class SiteModel {
  readonly #scheduler: Scheduler
  readonly #wiring: SiteWiring
  readonly #nodes = new Map<string, Node>()
  readonly #branches = new Map<string, Branch[]>()
  readonly #drawA = new Map<string, PhaseCurrents>()
  readonly #baseA = new Map<string, PhaseCurrents>()

  constructor(options: SiteModelOptions) {
    this.#scheduler = options.scheduler
    this.#wiring = options.wiring ?? 'three-phase'
    for (const node of options.nodes) this.#addNode(node)
    for (const feeder of options.feeders ?? []) this.attach(feeder)
    for (const sum of options.sums ?? []) this.#addSum(sum)
  }

  attach(feeder: Feeder): void {
    const strands = strandsOf(feeder, this.#wiring)
    const branches: Branch[] = []
    for (let node: Node | undefined = this.#node(feeder.node); node !== undefined; node = node.parent)
      branches.push({ node, strands })
    this.#branches.set(feederKey(feeder.stationId, feeder.evseId), branches)
  }

  /** Told by the EVSE whenever the true draw changes. Unknown EVSEs are no part of this site. */
  setDraw(stationId: string, evseId: number, stationA: PhaseCurrents): void {
    const key = feederKey(stationId, evseId)
    const branches = this.#branches.get(key)
    if (branches === undefined) return
    const before = this.#drawA.get(key) ?? NO_CURRENT
    for (const { node, strands } of branches) {
      this.#settle(node)
      for (const { from, phase, re, im } of strands) {
        const changeA = (stationA[from] ?? 0) - (before[from] ?? 0)
        node.re[phase] = (node.re[phase] ?? 0) + changeA * re
        node.im[phase] = (node.im[phase] ?? 0) + changeA * im
      }
      this.#changed(node)
    }
    this.#drawA.set(key, stationA)
  }

  /** Load at a node that Gridkeep does not control. */
  setBaseLoad(nodeId: string, currentA: PhaseCurrents): void {
    const before = this.#baseA.get(nodeId) ?? NO_CURRENT
    for (let node: Node | undefined = this.#node(nodeId); node !== undefined; node = node.parent) {
      this.#settle(node)
      for (const phase of PHASES) node.re[phase] += currentA[phase] - before[phase]
      this.#changed(node)
    }
    this.#baseA.set(nodeId, currentA)
  }

  setLimit(nodeId: string, limitA: number | PhaseCurrents): void {
    const node = this.#node(nodeId)
    this.#settle(node)
    node.limitA = limitTuple(limitA)
    this.#settle(node)
  }

  /** What a meter at this node would show, base load included. */
  currentA(nodeId: string): PhaseCurrents {
    return amperes(this.#node(nodeId))
  }

  baseLoadA(nodeId: string): PhaseCurrents {
    return this.#baseA.get(nodeId) ?? NO_CURRENT
  }

  /** Whether every limit would hold if the EVSEs drew this (by `stationId/evseId`) beside the base loads of now. */
  carries(draws: ReadonlyMap<string, PhaseCurrents>): boolean {
    return [...this.#loads(draws)].every(([node, load]) => excess({ ...node, ...load }).worstA === 0)
  }

  /** What a meter at this node would show if they did. */
  loadedA(nodeId: string, draws: ReadonlyMap<string, PhaseCurrents>): PhaseCurrents {
    const load = this.#loads(draws).get(this.#node(nodeId))
    return load === undefined ? NO_CURRENT : amperes(load)
  }

  record(nodeId: string): NodeRecord {
    const node = this.#node(nodeId)
    this.#settle(node)
    return {
      id: node.id,
      currentA: amperes(node),
      limitA: [...node.limitA],
      excessA: excess(node).worstA,
      highestA: [...node.highestA],
      ampereSecondsAbove: node.ampereSecondsAbove,
      msAbove: node.msAbove,
      longestExcursionMs: node.longestExcursionMs,
      highestExcessA: node.highestExcessA,
    }
  }

  records(): NodeRecord[] {
    return [...this.#nodes.keys()].map((id) => this.record(id))
  }

  /** Starts the books anew, keeping what flows. */
  reset(): void {
    for (const node of this.#nodes.values()) {
      Object.assign(node, emptyBooks(this.#scheduler.now()), { highestA: amperes(node) })
      this.#settle(node)
    }
  }

  /** Calls back every `periodMs` with the measured current of a node: a grid meter for tests and the demo. */
  meter(nodeId: string, periodMs: number, read: (currentA: PhaseCurrents) => void): Cancel {
    return this.#scheduler.every(periodMs, () => read(this.currentA(nodeId)))
  }

  #addNode(options: SiteNodeOptions): Node {
    const parent = options.parent === undefined ? undefined : this.#node(options.parent)
    if (this.#nodes.has(options.id)) throw new RangeError(`Node ${options.id} is there twice.`)
    const node: Node = {
      id: options.id,
      parent,
      imbalanceA: options.imbalanceA ?? Number.POSITIVE_INFINITY,
      limitA: limitTuple(options.limitA ?? Number.POSITIVE_INFINITY),
      re: [0, 0, 0],
      im: [0, 0, 0],
      highestA: [0, 0, 0],
      ...emptyBooks(this.#scheduler.now()),
    }
    this.#nodes.set(options.id, node)
    return node
  }

  #addSum(sum: CurrentSum): void {
    const { id, limitA, terms } = sum
    const node = this.#addNode({ id, limitA })
    for (const term of terms) {
      const key = feederKey(term.stationId, term.evseId)
      const branches = this.#branches.get(key)
      if (branches === undefined)
        throw new RangeError(`The sum ${id} names ${key}, which is not on the site.`)
      branches.push({ node, strands: strandsOfSum(term) })
    }
  }

  #node(id: string): Node {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new RangeError(`No node ${id}: declare it (parents first) in nodes.`)
    return node
  }

  #loads(draws: ReadonlyMap<string, PhaseCurrents>): Map<Node, { re: Triple; im: Triple }> {
    const loads = new Map([...this.#nodes.values()].map((node) => [node, this.#baseBelow(node)]))
    for (const [key, drawA] of draws) {
      for (const { node, strands } of this.#branches.get(key) ?? []) {
        const load = loads.get(node)
        if (load === undefined) continue
        for (const { from, phase, re, im } of strands) {
          load.re[phase] = (load.re[phase] ?? 0) + (drawA[from] ?? 0) * re
          load.im[phase] = (load.im[phase] ?? 0) + (drawA[from] ?? 0) * im
        }
      }
    }
    return loads
  }

  #baseBelow(node: Node): { re: Triple; im: Triple } {
    const re: Triple = [0, 0, 0]
    for (const [id, baseA] of this.#baseA) {
      let at: Node | undefined = this.#node(id)
      while (at !== undefined && at !== node) at = at.parent
      if (at === node) for (const phase of PHASES) re[phase] += baseA[phase]
    }
    return { re, im: [0, 0, 0] }
  }

  #changed(node: Node): void {
    const nowA = amperes(node)
    for (const phase of PHASES) node.highestA[phase] = Math.max(node.highestA[phase], nowA[phase])
    this.#settle(node)
  }

  /** Books the time since the last change at the currents that flowed, then looks at where it stands now. */
  #settle(node: Node): void {
    const nowMs = this.#scheduler.now()
    const dtMs = nowMs - node.sinceMs
    node.sinceMs = nowMs
    const { sumA, worstA } = excess(node)
    if (node.excursionStartMs !== undefined) {
      node.msAbove += dtMs
      node.longestExcursionMs = Math.max(node.longestExcursionMs, nowMs - node.excursionStartMs)
    }
    node.ampereSecondsAbove += (sumA * dtMs) / 1000
    node.highestExcessA = Math.max(node.highestExcessA, worstA)
    if (sumA === 0) node.excursionStartMs = undefined
    else node.excursionStartMs ??= nowMs
  }
}

const feederKey = (stationId: string, evseId: number) => `${stationId}/${evseId}`

/** Magnitudes per phase; negative while the node feeds back. */
function amperes({ re, im }: Pick<Node, 're' | 'im'>): Triple {
  const of = (phase: 0 | 1 | 2) =>
    im[phase] === 0 ? re[phase] : Math.hypot(re[phase], im[phase]) * (re[phase] < 0 ? -1 : 1)
  return [of(0), of(1), of(2)]
}

/** All phases added, and the worst of them or of the difference between two. */
function excess(node: Pick<Node, 're' | 'im' | 'limitA' | 'imbalanceA'>): { sumA: number; worstA: number } {
  const currentA = amperes(node)
  const uneven = Math.max(...currentA) - Math.min(...currentA) - node.imbalanceA
  const above = [...PHASES.map((phase) => Math.abs(currentA[phase]) - node.limitA[phase]), uneven].filter(
    (value) => value > TOLERANCE_A,
  )
  return { sumA: above.reduce((sum, value) => sum + value, 0), worstA: Math.max(0, ...above) }
}

function emptyBooks(nowMs: number) {
  return {
    ampereSecondsAbove: 0,
    msAbove: 0,
    longestExcursionMs: 0,
    highestExcessA: 0,
    sinceMs: nowMs,
    excursionStartMs: undefined,
  }
}

function limitTuple(limitA: number | PhaseCurrents): Triple {
  return typeof limitA === 'number' ? [limitA, limitA, limitA] : [...limitA]
}
