import type { Cancel, Scheduler } from './scheduler.ts'
import { NO_CURRENT, type PhaseCurrents } from './vehicle.ts'

/** Which grid phases the station's L1, L2, L3 are wired to, as OCPP names them (R = L1, S = L2, T = L3). */
export type PhaseRotation = 'RST' | 'RTS' | 'SRT' | 'STR' | 'TRS' | 'TSR'

export interface SiteNodeOptions {
  readonly id: string
  /** Absent for the grid connection itself. */
  readonly parent?: string
  /** Amperes per phase that must not be exceeded; absent: no limit here. */
  readonly limitA?: number | PhaseCurrents
}

export interface Feeder {
  readonly stationId: string
  readonly evseId: number
  readonly node: string
  readonly rotation?: PhaseRotation
}

/** What happened at one node since the start (or the last `reset`). */
export interface NodeRecord {
  readonly id: string
  readonly currentA: PhaseCurrents
  readonly limitA: PhaseCurrents
  readonly highestA: PhaseCurrents
  /** Integral of the current above the limit, all phases added. */
  readonly ampereSecondsAbove: number
  /** Time with any phase above its limit. */
  readonly msAbove: number
  /** The longest time in one piece with any phase above its limit. */
  readonly longestExcursionMs: number
  readonly highestExcessA: number
}

interface Node {
  readonly id: string
  readonly parent: Node | undefined
  limitA: [number, number, number]
  currentA: [number, number, number]
  highestA: [number, number, number]
  ampereSecondsAbove: number
  msAbove: number
  longestExcursionMs: number
  highestExcessA: number
  sinceMs: number
  excursionStartMs: number | undefined
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
  readonly #nodes = new Map<string, Node>()
  readonly #feeders = new Map<string, { node: Node; order: readonly [number, number, number] }>()
  readonly #drawA = new Map<string, PhaseCurrents>()
  readonly #baseA = new Map<string, PhaseCurrents>()

  constructor(options: {
    scheduler: Scheduler
    nodes: readonly SiteNodeOptions[]
    feeders?: readonly Feeder[]
  }) {
    this.#scheduler = options.scheduler
    for (const node of options.nodes) this.#addNode(node)
    for (const feeder of options.feeders ?? []) this.attach(feeder)
  }

  attach(feeder: Feeder): void {
    const node = this.#node(feeder.node)
    this.#feeders.set(feederKey(feeder.stationId, feeder.evseId), {
      node,
      order: gridPhases(feeder.rotation ?? 'RST'),
    })
  }

  /** Told by the EVSE whenever the true draw changes. Unknown EVSEs are no part of this site. */
  setDraw(stationId: string, evseId: number, stationA: PhaseCurrents): void {
    const key = feederKey(stationId, evseId)
    const feeder = this.#feeders.get(key)
    if (feeder === undefined) return
    const gridA: [number, number, number] = [0, 0, 0]
    for (const phase of PHASES) gridA[feeder.order[phase] ?? phase] = stationA[phase]
    this.#shift(feeder.node, this.#drawA.get(key) ?? NO_CURRENT, gridA)
    this.#drawA.set(key, gridA)
  }

  /** Load at a node that Gridkeep does not control. */
  setBaseLoad(nodeId: string, currentA: PhaseCurrents): void {
    this.#shift(this.#node(nodeId), this.#baseA.get(nodeId) ?? NO_CURRENT, currentA)
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
    const { currentA } = this.#node(nodeId)
    return [...currentA]
  }

  record(nodeId: string): NodeRecord {
    const node = this.#node(nodeId)
    this.#settle(node)
    return {
      id: node.id,
      currentA: [...node.currentA],
      limitA: [...node.limitA],
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
      Object.assign(node, emptyBooks(this.#scheduler.now()), { highestA: [...node.currentA] })
      this.#settle(node)
    }
  }

  /** Calls back every `periodMs` with the measured current of a node: a grid meter for tests and the demo. */
  meter(nodeId: string, periodMs: number, read: (currentA: PhaseCurrents) => void): Cancel {
    return this.#scheduler.every(periodMs, () => read(this.currentA(nodeId)))
  }

  #addNode(options: SiteNodeOptions): void {
    const parent = options.parent === undefined ? undefined : this.#node(options.parent)
    if (this.#nodes.has(options.id)) throw new RangeError(`Node ${options.id} is there twice.`)
    this.#nodes.set(options.id, {
      id: options.id,
      parent,
      limitA: limitTuple(options.limitA ?? Number.POSITIVE_INFINITY),
      currentA: [0, 0, 0],
      highestA: [0, 0, 0],
      ...emptyBooks(this.#scheduler.now()),
    })
  }

  #node(id: string): Node {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new RangeError(`No node ${id}: declare it (parents first) in nodes.`)
    return node
  }

  #shift(start: Node, fromA: PhaseCurrents, toA: PhaseCurrents): void {
    for (let node: Node | undefined = start; node !== undefined; node = node.parent) {
      this.#settle(node)
      for (const phase of PHASES) {
        node.currentA[phase] += toA[phase] - fromA[phase]
        node.highestA[phase] = Math.max(node.highestA[phase], node.currentA[phase])
      }
      this.#settle(node)
    }
  }

  /** Books the time since the last change at the currents that flowed, then looks at where it stands now. */
  #settle(node: Node): void {
    const nowMs = this.#scheduler.now()
    const dtMs = nowMs - node.sinceMs
    node.sinceMs = nowMs
    let excessA = 0
    let worstA = 0
    for (const phase of PHASES) {
      const above = node.currentA[phase] - node.limitA[phase]
      if (above > TOLERANCE_A) {
        excessA += above
        worstA = Math.max(worstA, above)
      }
    }
    if (node.excursionStartMs !== undefined) {
      node.msAbove += dtMs
      node.longestExcursionMs = Math.max(node.longestExcursionMs, nowMs - node.excursionStartMs)
    }
    node.ampereSecondsAbove += (excessA * dtMs) / 1000
    node.highestExcessA = Math.max(node.highestExcessA, worstA)
    if (excessA === 0) node.excursionStartMs = undefined
    else node.excursionStartMs ??= nowMs
  }
}

const feederKey = (stationId: string, evseId: number) => `${stationId}/${evseId}`

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

function limitTuple(limitA: number | PhaseCurrents): [number, number, number] {
  return typeof limitA === 'number' ? [limitA, limitA, limitA] : [...limitA]
}

/** Position i holds the index of the grid phase that the station's phase i hangs on. */
export function gridPhases(rotation: PhaseRotation): readonly [number, number, number] {
  const indexOf = (position: number) => Math.max(0, 'RST'.indexOf(rotation.charAt(position)))
  return [indexOf(0), indexOf(1), indexOf(2)]
}
