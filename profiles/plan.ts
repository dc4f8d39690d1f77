import type { Network } from './network.ts'
import { type LinearModel, ModelBuilder } from './plan-model.ts'

/** A stretch of the horizon. Near slots are short, far ones long. */
export interface PlanSlot {
  readonly startS: number
  readonly durationS: number
  /** Row limits expected in the slot. */
  readonly limits: Float64Array
  /** Price per kWh, where there is a tariff. */
  readonly pricePerKwh?: number
}

/** One session as the planner sees it. */
export interface PlanSession {
  readonly load: number
  readonly mask: number
  /** The most the car is expected to take. */
  readonly capA: number
  /** The least it takes while it runs: in the first slot it gets this or nothing, unless it is planned with others. */
  readonly minA?: number
  /** Grid watts per ampere. */
  readonly wattPerA: number
  readonly remainingWh: number
  readonly requestedWh: number
  readonly leavesInS: number
}

export interface PlanObjective {
  /**
   * First parts of each request that are worth more than the rest, as a share of it, and by how much more as a
   * multiple of the worth of energy. Several parts make a car the dearer the less it has got. Empty: energy alone.
   */
  readonly fairness: readonly { readonly share: number; readonly bonus: number }[]
  /**
   * How much less energy is worth at the end of a stay than now. Serves those that leave early first, and keeps the
   * site busy: what is not used now cannot be used later.
   */
  readonly urgency: number
  /** The same in addition, by the share of its stay that a car must charge: those with little time to spare go first. */
  readonly tightness?: number
  /** Worth of a kWh against its price. Left out, prices do not count. */
  readonly valuePerKwh?: number
}

/**
 * Worth of the next kWh by what a car has of its request, falling by a power of it (alpha-fairness) in steps of the
 * same ratio: no level of scarcity is finer or coarser than another.
 */
export function evenness(options: {
  readonly from: number
  readonly to: number
  readonly ratio: number
  readonly aversion: number
}): PlanObjective['fairness'] {
  const { from, to, ratio, aversion } = options
  const parts: { share: number; bonus: number }[] = []
  let above = 0
  for (let share = to; share >= from; share /= ratio) {
    const worth = (share / to) ** -aversion
    parts.unshift({ share, bonus: worth - above })
    above = worth
  }
  return parts
}

export interface PlanRequest {
  readonly network: Network
  readonly slots: readonly PlanSlot[]
  readonly sessions: readonly PlanSession[]
  readonly objective: PlanObjective
  /** Sessions that stand on the same rows and leave in the same slot are planned as one above this many. */
  readonly maxColumns?: number
}

export interface Plan {
  /** Amperes per phase for the first slot, by load; 0 for loads without a session. */
  readonly firstA: Float64Array
  /** The same for every slot of the request. */
  readonly slotsA: readonly Float64Array[]
}

/** Solves a model; `null` when there is no answer in time. HiGHS in a worker is one. */
export type PlanSolver = (model: LinearModel) => Promise<Float64Array | null>

const DEFAULT_MAX_COLUMNS = 4_000

/** Sessions that the plan treats as one car. */
interface Group {
  readonly signature: string
  readonly members: readonly PlanSession[]
  readonly capA: number
  readonly minA: number
  readonly wattPerA: number
  readonly remainingAh: number
  readonly requestedAh: number
  readonly leavesInS: number
}

/**
 * Plans the horizon: how much each session should take now so that, over its stay and beside the others, as much as
 * possible is delivered, the first share of everyone's request counting more. `null` when the solver has no answer:
 * the allocator then goes on without advice, and nothing about safety changes.
 */
export async function plan(request: PlanRequest, solve: PlanSolver): Promise<Plan | null> {
  const slotsA = request.slots.map(() => new Float64Array(request.network.loadCount))
  const firstA = slotsA[0] ?? new Float64Array(request.network.loadCount)
  const groups = groupsOf(request)
  if (groups.length === 0 || request.slots.length === 0) return { firstA, slotsA }
  const { model, columnsOf } = buildModel(request, groups)
  const values = await solve(model)
  if (!values) return null
  groups.forEach((group, index) => {
    columnsOf[index]?.forEach((column, slot) => {
      const planned = slotsA[slot]
      if (column === undefined || !planned) return
      for (const [load, shareA] of shareOut(group, Math.max(0, values[column] ?? 0))) planned[load] = shareA
    })
  })
  return { firstA, slotsA }
}

/** Share of what it still wants that a plan must have for a car to be sure of it. */
const SURELY = 0.99

/** Loads of sessions that a plan fills: they may wait, since it has their energy later. */
export function filledLoads(request: PlanRequest, made: Plan): ReadonlySet<number> {
  const filled = new Set<number>()
  for (const { load, wattPerA, remainingWh } of request.sessions) {
    const plannedWh = request.slots.reduce(
      (sum, slot, index) => sum + ((made.slotsA[index]?.[load] ?? 0) * wattPerA * slot.durationS) / 3600,
      0,
    )
    if (plannedWh >= SURELY * remainingWh) filled.add(load)
  }
  return filled
}

/** The rows a session stands on, as text: equal text, equal effect. */
function signatureOf(network: Network, session: PlanSession): string {
  const parts: string[] = []
  for (const { row, re, im } of entriesOf(network, session))
    parts.push(`${row}:${re.toFixed(4)}:${im.toFixed(4)}`)
  return parts.sort().join('|')
}

function* entriesOf(
  network: Network,
  session: PlanSession,
): Generator<{ row: number; re: number; im: number }> {
  const end = network.loadStart[session.load + 1] ?? 0
  for (let entry = network.loadStart[session.load] ?? 0; entry < end; entry++) {
    if (((network.entryMask[entry] ?? 0) & session.mask) === 0) continue
    const row = network.entryRow[entry] ?? 0
    // Subsets of a phasor constraint guard grants against cars that draw less; a plan needs the whole sum only.
    if (network.rows[row]?.partOf !== undefined) continue
    yield { row, re: network.entryRe[entry] ?? 0, im: network.entryIm[entry] ?? 0 }
  }
}

function groupsOf(request: PlanRequest): Group[] {
  const { network, slots } = request
  const sessions = request.sessions.filter(
    (session) => session.capA > 0 && session.remainingWh > 0 && session.leavesInS > 0,
  )
  const limit = request.maxColumns ?? DEFAULT_MAX_COLUMNS
  const together = sessions.length * slots.length > limit
  const groups = new Map<string, { signature: string; members: PlanSession[] }>()
  sessions.forEach((session, index) => {
    const signature = signatureOf(network, session)
    const lastSlot = slots.filter((slot) => slot.startS < session.leavesInS).length
    const key = together ? `${signature}#${lastSlot}` : String(index)
    const group = groups.get(key) ?? { signature, members: [] }
    group.members.push(session)
    groups.set(key, group)
  })
  return [...groups.values()].map(({ signature, members }) => merged(signature, members))
}

function merged(signature: string, members: readonly PlanSession[]): Group {
  const sum = (pick: (session: PlanSession) => number) =>
    members.reduce((total, session) => total + pick(session), 0)
  const capA = sum((session) => session.capA)
  return {
    signature,
    members,
    capA,
    minA: members.length === 1 ? (members[0]?.minA ?? 0) : 0,
    wattPerA: sum((session) => session.wattPerA * session.capA) / capA,
    remainingAh: sum((session) => session.remainingWh / session.wattPerA),
    requestedAh: sum((session) => session.requestedWh / session.wattPerA),
    leavesInS: sum((session) => session.leavesInS * session.capA) / capA,
  }
}

/** A group's current on its members, in proportion to what each needs on average over its stay. */
function shareOut(group: Group, totalA: number): [number, number][] {
  let leftA = totalA
  let open = group.members.map((session) => ({
    load: session.load,
    capA: session.capA,
    needA: (session.remainingWh / session.wattPerA) * (3600 / session.leavesInS),
  }))
  const shares: [number, number][] = []
  while (open.length > 0) {
    const needA = open.reduce((sum, member) => sum + member.needA, 0)
    const factor = needA > 0 ? leftA / needA : 0
    const full = open.filter((member) => member.needA * factor >= member.capA)
    if (full.length === 0) {
      for (const member of open) shares.push([member.load, member.needA * factor])
      return shares
    }
    for (const member of full) {
      shares.push([member.load, member.capA])
      leftA -= member.capA
    }
    open = open.filter((member) => !full.includes(member))
  }
  return shares
}

/** Tangents to the circle of a phasor constraint; 15 degrees apart they let 0.9 % too much through, which a plan may. */
const TANGENT_DEG = 15

function buildModel(request: PlanRequest, groups: readonly Group[]) {
  const { slots, objective, network } = request
  const builder = new ModelBuilder()
  /** By group and slot. */
  const columnsOf: (number | undefined)[][] = []
  const bySignature = new Map<string, { session: PlanSession; columns: number[][] }>()
  for (const group of groups) {
    const session = group.members[0]
    if (!session) continue
    const shared = bySignature.get(group.signature) ?? { session, columns: slots.map((): number[] => []) }
    bySignature.set(group.signature, shared)
    const own = addGroup({ builder, slots, objective, group })
    own.forEach((column, index) => {
      if (column !== undefined) shared.columns[index]?.push(column)
    })
    columnsOf.push(own)
  }
  slots.forEach((slot, index) => {
    const rows = new Map<number, { column: number; re: number; im: number }[]>()
    for (const { session, columns } of bySignature.values()) {
      const own = columns[index] ?? []
      if (own.length === 0) continue
      const total = builder.column({ lower: 0, upper: Number.POSITIVE_INFINITY, worth: 0 })
      builder.row({
        lower: 0,
        upper: 0,
        terms: [...own.map((column): [number, number] => [column, 1]), [total, -1]],
      })
      for (const { row, re, im } of entriesOf(network, session)) {
        const terms = rows.get(row) ?? []
        terms.push({ column: total, re, im })
        rows.set(row, terms)
      }
    }
    for (const [row, terms] of rows) addRow(builder, slot.limits[row] ?? Number.POSITIVE_INFINITY, terms)
  })
  return { model: builder.build(), columnsOf }
}

/** A car that can no longer have all is no more urgent than this. */
const MOST_TIGHT = 1.5

function addGroup(options: {
  readonly builder: ModelBuilder
  readonly slots: readonly PlanSlot[]
  readonly objective: PlanObjective
  readonly group: Group
}): (number | undefined)[] {
  const { builder, slots, objective, group } = options
  const energy: [number, number][] = []
  const chargingShare = Math.min(MOST_TIGHT, (group.remainingAh * 3600) / (group.capA * group.leavesInS))
  const urgency = objective.urgency + (objective.tightness ?? 0) * chargingShare
  const columns = slots.map((slot, index) => {
    const presentS = Math.max(0, Math.min(slot.durationS, group.leavesInS - slot.startS))
    if (presentS <= 0) return undefined
    const hours = slot.durationS / 3600
    const late = (slot.startS + slot.durationS / 2) / group.leavesInS
    const priced = objective.valuePerKwh === undefined ? 1 : objective.valuePerKwh - (slot.pricePerKwh ?? 0)
    const worth = (priced - urgency * late) * hours * (group.wattPerA / 1000)
    const upper = (group.capA * presentS) / slot.durationS
    const lower = index === 0 && group.minA > 0 && group.minA < upper ? group.minA : 0
    const column = builder.column({ lower, upper, worth, zeroOr: lower > 0 })
    energy.push([column, hours])
    return column
  })
  builder.row({ lower: Number.NEGATIVE_INFINITY, upper: group.remainingAh, terms: energy })
  const deliveredAh = group.requestedAh - group.remainingAh
  for (const part of objective.fairness) {
    const shareAh = part.share * group.requestedAh - deliveredAh
    if (part.bonus <= 0 || shareAh <= 0) continue
    const worth = (part.bonus * (objective.valuePerKwh ?? 1) * group.wattPerA) / 1000
    const reached = builder.column({ lower: 0, upper: shareAh, worth })
    builder.row({ lower: 0, upper: Number.POSITIVE_INFINITY, terms: [...energy, [reached, -1]] })
  }
  return columns
}

function addRow(
  builder: ModelBuilder,
  limit: number,
  terms: readonly { readonly column: number; readonly re: number; readonly im: number }[],
): void {
  if (limit === Number.POSITIVE_INFINITY) return
  const upper = Math.max(0, limit)
  const lower = Number.NEGATIVE_INFINITY
  if (terms.every((term) => term.im === 0 && term.re >= 0)) {
    builder.row({ lower, upper, terms: terms.map(({ column, re }): [number, number] => [column, re]) })
    return
  }
  for (let angle = 0; angle < 360; angle += TANGENT_DEG) {
    const rad = (angle * Math.PI) / 180
    const near = terms.some(
      ({ re, im }) => re * Math.cos(rad) + im * Math.sin(rad) >= 0.48 * Math.hypot(re, im),
    )
    if (!near) continue
    const tangent = terms.map(({ column, re, im }): [number, number] => [
      column,
      re * Math.cos(rad) + im * Math.sin(rad),
    ])
    builder.row({ lower, upper, terms: tangent })
  }
}

/** Slot lengths for a horizon: short now, longer later, so that a day costs some twenty slots. */
export function planSlots(options: {
  readonly stepS: number
  readonly horizonS: number
  readonly limitsAt: (startS: number, durationS: number) => Float64Array
  readonly priceAt?: (startS: number, durationS: number) => number
}): PlanSlot[] {
  const steps = [1, 1, 1, 1, 2, 2, 4, 4, 6, 6, 6, 6, 12, 12, 12, 12, 12, 24, 24, 24, 24, 24, 24, 48]
  const slots: PlanSlot[] = []
  let startS = 0
  for (const count of steps) {
    if (startS >= options.horizonS) break
    const durationS = Math.min(count * options.stepS, options.horizonS - startS)
    const limits = options.limitsAt(startS, durationS)
    slots.push({
      startS,
      durationS,
      limits,
      ...(options.priceAt ? { pricePerKwh: options.priceAt(startS, durationS) } : {}),
    })
    startS += durationS
  }
  return slots
}
