import {
  type BaseLoadInput,
  beliefAfterOutcome,
  beliefAfterSending,
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  type Decision,
  type DecisionSettings,
  decide,
  EMPTY_SLOTS,
  type EvseState,
  type LimitInput,
  type Memory,
  onCleared,
  onLost,
  type PolicyName,
  type ProfileSlot,
  type Push,
  type Session,
  type Site,
  type SmartChargingDevice,
  type Snapshot,
} from '../../profiles/index.ts'

interface HeldProfile {
  readonly steps: readonly { readonly fromMs: number; readonly limitA: number }[]
  readonly expiresAtMs: number | null
  readonly transactionId?: string
}

interface Car {
  readonly transactionId: string
  /** Current the car would take per terminal, 0 for terminals it does not use. */
  readonly maxA: readonly number[]
  /** How far it stays below what it is told. */
  readonly shortfallA?: number
}

interface Truth {
  profiles: Partial<Record<'lease' | 'safe' | 'hold', HeldProfile>>
  connected: boolean
  car: Car | null
  /** Draws what the car wants, whatever it accepted. */
  ignores: boolean
  /** How far the station's clock is ahead. */
  clockAheadMs: number
}

type Outcome = 'accepted' | 'rejected' | 'lost-applied' | 'lost-ignored'

/**
 * Stations as they physically are, beside what the core believes of them. A station follows the profiles it really
 * holds: TxProfile over hold over safe default, and everything the EVSE can give when it holds none.
 */
export class SiteSimulator {
  nowMs = Date.parse('2026-03-01T08:00:00Z')
  readonly site: Site
  readonly settings: DecisionSettings
  limits: LimitInput[] = []
  baseLoads: BaseLoadInput[] = []
  /** What stations measure against nominal voltage, if they do. */
  voltageShare: number | null = null
  plan: Snapshot['plan']
  policy: PolicyName = 'fair'
  pricePerKwh: number | undefined
  memory: Memory | undefined
  last: Decision | undefined
  readonly truth = new Map<string, Truth>()
  readonly states = new Map<string, EvseState>()
  sent = 0
  readonly sentBySlot: Record<ProfileSlot, number> = { lease: 0, safe: 0, hold: 0, 'station-max': 0 }
  readonly #pending: { push: Push; dueMs: number; outcome: Outcome }[] = []

  constructor(site: Site, settings: Partial<DecisionSettings> = {}) {
    this.site = site
    this.settings = { ...DEFAULT_SETTINGS, ...settings }
    for (const evse of site.evses) {
      this.truth.set(evse.key, { profiles: {}, connected: true, car: null, ignores: false, clockAheadMs: 0 })
      this.states.set(evse.key, {
        key: evse.key,
        link: 'connected',
        session: null,
        measured: null,
        slots: EMPTY_SLOTS,
        device: { ...DEFAULT_DEVICE, rateUnits: ['A', 'W'] },
      })
    }
  }

  plug(key: string, car: Car, session: Partial<Session> = {}): void {
    this.#truthOf(key).car = car
    const state = this.#stateOf(key)
    this.states.set(key, {
      ...state,
      session: { transactionId: car.transactionId, startedAtMs: this.nowMs, ...session },
    })
  }

  unplug(key: string): void {
    this.#truthOf(key).car = null
    const state = this.#stateOf(key)
    const lease = onCleared(state.slots.lease, { nowMs: this.nowMs, reactionMs: this.settings.reactionMs })
    this.states.set(key, { ...state, session: null, slots: { ...state.slots, lease } })
    delete this.#truthOf(key).profiles.lease
  }

  connect(key: string, connected: boolean): void {
    this.#truthOf(key).connected = connected
    const state = this.#stateOf(key)
    if (!connected) this.states.set(key, { ...state, link: 'offline', offlineSinceMs: this.nowMs })
    else this.states.set(key, { ...state, link: 'connected' })
  }

  /** The service dies and starts again: memory is gone, and no answer to a call under way will ever come. */
  restart(): void {
    this.memory = undefined
    for (const pending of this.#pending.splice(0)) {
      const truth = pending.push.evseKey === null ? undefined : this.truth.get(pending.push.evseKey)
      if (truth?.connected && pending.outcome === 'accepted') this.#applyIfLive(truth, pending.push)
      this.#updateSlot(pending.push, (slot) => onLost(slot, this.nowMs))
    }
  }

  /** Decides, and hands wave 1 to the stations; `fate` says how long each call takes and how it ends. */
  decide(fate: (push: Push) => { delayMs: number; outcome: Outcome }): Decision {
    const decision = decide(this.snapshot())
    this.memory = decision.memory
    this.last = decision
    for (const push of decision.pushes) {
      if (push.wave !== 1 || push.evseKey === null) continue
      const busy = this.#pending.some((pending) => pending.push.stationId === push.stationId)
      if (busy) continue
      this.#updateSlot(push, (slot) => beliefAfterSending(slot, push))
      const { delayMs, outcome } = fate(push)
      this.#pending.push({ push, dueMs: this.nowMs + delayMs, outcome })
      this.sent++
      this.sentBySlot[push.slot]++
    }
    return decision
  }

  snapshot(): Snapshot {
    return {
      nowMs: this.nowMs,
      site: this.site,
      limits: this.limits,
      baseLoads: this.baseLoads,
      evses: [...this.states.values()],
      policy: this.policy,
      ...(this.pricePerKwh === undefined ? {} : { pricePerKwh: this.pricePerKwh }),
      settings: this.settings,
      ...(this.plan ? { plan: this.plan } : {}),
      ...(this.memory ? { memory: this.memory } : {}),
    }
  }

  advance(byMs: number): void {
    this.nowMs += byMs
    for (let k = this.#pending.length - 1; k >= 0; k--) {
      const pending = this.#pending[k]
      if (!pending || pending.dueMs > this.nowMs) continue
      this.#pending.splice(k, 1)
      this.#finish(pending.push, pending.outcome)
    }
    for (const evse of this.site.evses) {
      const state = this.#stateOf(evse.key)
      if (state.link !== 'connected') continue
      const measured = {
        currentA: this.drawnA(evse.key),
        atMs: this.nowMs,
        ...(this.voltageShare === null ? {} : { voltageShare: this.voltageShare }),
      }
      this.states.set(evse.key, { ...state, measured })
    }
  }

  /** Current per terminal that really flows. */
  drawnA(key: string): number[] {
    const truth = this.#truthOf(key)
    const evse = this.site.evseByKey.get(key)
    if (!truth.car || !evse) return evse ? evse.terminals.map(() => 0) : []
    return this.#drawA(key, truth.car, this.nowMs)
  }

  #drawA(key: string, car: Car, atMs: number): number[] {
    const limitA = this.#inForceA(key, car, atMs)
    const terminals = this.site.evseByKey.get(key)?.terminals ?? []
    return terminals.map((_, index) => {
      const wants = car.maxA[index] ?? 0
      if (limitA < 6 || wants === 0) return 0
      return Math.min(wants, limitA - (car.shortfallA ?? 0))
    })
  }

  /**
   * Current per grid phase below a node at a later time, if nobody steers from now on: cars stay, or as greedy ones
   * plug in wherever one is missing or has left since.
   */
  loadWithoutUsA(nodeId: string, atMs: number, left: readonly string[] = []): [number, number, number] {
    const greedy = { transactionId: 'greedy', maxA: [80, 80, 80] }
    const carAt = (key: string) => (left.includes(key) ? null : this.#truthOf(key).car)
    return this.#sumA(nodeId, (key) => this.#drawA(key, carAt(key) ?? greedy, atMs))
  }

  /** Current per grid phase below a node. */
  loadA(nodeId: string): [number, number, number] {
    return this.#sumA(nodeId, (key) => this.drawnA(key))
  }

  #sumA(nodeId: string, drawnA: (key: string) => number[]): [number, number, number] {
    const node = this.site.nodeById.get(nodeId)
    const phases: [number, number, number] = [0, 0, 0]
    for (const evse of this.site.evses) {
      if (!node || !evse.path.includes(node.index)) continue
      const drawn = drawnA(evse.key)
      evse.terminals.forEach((terminal, index) => {
        phases[terminal.phase - 1] = (phases[terminal.phase - 1] ?? 0) + (drawn[index] ?? 0)
      })
    }
    return phases
  }

  #inForceA(key: string, car: Car, atMs: number): number {
    const { profiles, ignores, clockAheadMs } = this.#truthOf(key)
    const evse = this.site.evseByKey.get(key)
    const stationMs = atMs + clockAheadMs
    const limitA = ({ steps }: HeldProfile) =>
      steps.filter((step) => step.fromMs <= stationMs).at(-1)?.limitA ?? 0
    const alive = (profile: HeldProfile | undefined) =>
      profile !== undefined && (profile.expiresAtMs === null || profile.expiresAtMs > stationMs)
    if (ignores) return evse?.maxA ?? 0
    const lease = profiles.lease
    if (lease && alive(lease) && lease.transactionId === car.transactionId) return limitA(lease)
    if (profiles.hold && alive(profiles.hold)) return limitA(profiles.hold)
    if (profiles.safe && alive(profiles.safe)) return limitA(profiles.safe)
    return evse?.maxA ?? 0
  }

  #finish(push: Push, outcome: Outcome): void {
    const truth = push.evseKey === null ? undefined : this.truth.get(push.evseKey)
    if (!truth) return
    const stale = this.#isStale(truth, push)
    const answered = truth.connected && outcome !== 'lost-applied' && outcome !== 'lost-ignored'
    const refused = outcome === 'rejected' || stale
    if (!refused && outcome !== 'lost-ignored') this.#apply(truth, push)
    const result = !answered ? 'lost' : refused ? 'rejected' : 'accepted'
    const options = { nowMs: this.nowMs, reactionMs: this.settings.reactionMs }
    this.#updateSlot(push, (slot) => beliefAfterOutcome(slot, push, result, options))
  }

  #isStale(truth: Truth, push: Push): boolean {
    return push.slot === 'lease' && push.belief.transactionId !== truth.car?.transactionId
  }

  #applyIfLive(truth: Truth, push: Push): void {
    if (!this.#isStale(truth, push)) this.#apply(truth, push)
  }

  #apply(truth: Truth, push: Push): void {
    const slot = push.slot
    if (slot === 'station-max') return
    if (push.action === 'ClearChargingProfile') {
      delete truth.profiles[slot]
      return
    }
    const schedule = push.request.chargingProfile.chargingSchedule[0]
    const period = schedule?.chargingSchedulePeriod[0]
    if (!schedule || period?.limit === undefined || schedule.startSchedule === undefined)
      throw new Error('bad profile')
    const startMs = Date.parse(schedule.startSchedule)
    const endMs = schedule.duration === undefined ? null : startMs + schedule.duration * 1000
    const { transactionId } = push.request.chargingProfile
    const evse = this.site.evseByKey.get(push.evseKey ?? '')
    const efficiency = evse?.supply.kind === 'dc' ? evse.supply.efficiency : 1
    const voltA = schedule.chargingRateUnit === 'W' ? (evse?.wattPerA ?? 690) * efficiency : 1
    truth.profiles[slot] = {
      steps: schedule.chargingSchedulePeriod.map((step) => ({
        fromMs: startMs + step.startPeriod * 1000,
        limitA: (step.limit ?? 0) / voltA,
      })),
      expiresAtMs: endMs,
      ...(transactionId === undefined ? {} : { transactionId }),
    }
  }

  #updateSlot(push: Push, change: (slot: EvseState['slots']['lease']) => EvseState['slots']['lease']): void {
    if (push.evseKey === null) return
    const state = this.#stateOf(push.evseKey)
    const slot: Exclude<ProfileSlot, 'station-max'> = push.slot === 'station-max' ? 'safe' : push.slot
    this.states.set(push.evseKey, { ...state, slots: { ...state.slots, [slot]: change(state.slots[slot]) } })
  }

  setDevice(key: string, device: Partial<SmartChargingDevice>): void {
    const state = this.#stateOf(key)
    this.states.set(key, { ...state, device: { ...state.device, ...device } })
  }

  #truthOf(key: string): Truth {
    const truth = this.truth.get(key)
    if (!truth) throw new Error(`no EVSE ${key}`)
    return truth
  }
  #stateOf(key: string): EvseState {
    const state = this.states.get(key)
    if (!state) throw new Error(`no EVSE ${key}`)
    return state
  }
}
