/**
 * What we believe a station holds. The site loop stores these and changes them only through the functions below;
 * `decide` reads them to know the worst current an EVSE could still draw.
 */
export type ProfileSlot = 'lease' | 'safe' | 'hold' | 'station-max'

export interface LimitBelief {
  readonly profileId: number
  /** Amperes per phase on the grid side. */
  readonly limitA: number
  /** `null` never expires. */
  readonly expiresAtMs: number | null
  /** What the profile itself goes on with after that; left out where it ends and the TxDefaultProfile takes over. */
  readonly tailA?: number
  readonly sentAtMs: number
  /** The transaction of a TxProfile. */
  readonly transactionId?: string
  readonly unit: 'A' | 'W'
  /** The voltage by which amperes were written as watts, where it was not the nominal one. */
  readonly lowVoltageV?: number
}

export interface SlotBelief {
  /** Accepted by the station. */
  readonly acked: LimitBelief | null
  /** Sent, outcome not known. `lost` once the answer can no longer come. */
  readonly inFlight: (LimitBelief & { readonly lost: boolean }) | null
  /** A higher limit that was replaced: cars take some seconds to follow. */
  readonly releasing: { readonly limitA: number; readonly untilMs: number } | null
  /** An answer was lost: the station may hold something else than `acked` until it accepts again. */
  readonly uncertain: boolean
  /** Attempts in a row that the station refused or did not answer. */
  readonly failures: number
  readonly lastFailureMs: number | null
}

export const NO_BELIEF: SlotBelief = {
  acked: null,
  inFlight: null,
  releasing: null,
  uncertain: false,
  failures: 0,
  lastFailureMs: null,
}

/** A profile went out. An earlier one whose answer was lost may still be in force, and stays counted. */
export function onSent(slot: SlotBelief, belief: LimitBelief): SlotBelief {
  const earlier = slot.inFlight
  if (!earlier) return { ...slot, inFlight: { ...belief, lost: false } }
  const endsMs = earlier.tailA === undefined ? earlier.expiresAtMs : null
  const maybe = { limitA: earlier.limitA, untilMs: endsMs ?? Number.MAX_SAFE_INTEGER }
  return {
    ...slot,
    inFlight: { ...belief, lost: false },
    releasing: keepHigher(slot.releasing, maybe),
    uncertain: true,
  }
}

/** The station accepted. What it held before may still be drawn for `reactionMs`. */
export function onAccepted(slot: SlotBelief, options: { nowMs: number; reactionMs: number }): SlotBelief {
  if (!slot.inFlight) return slot
  const { lost: _lost, ...acked } = slot.inFlight
  // Acceptance settles every earlier unknown: the same profile id was replaced.
  const releasedA = slot.releasing && slot.releasing.untilMs > options.nowMs ? slot.releasing.limitA : 0
  const before = Math.max(slot.acked?.limitA ?? 0, releasedA)
  const releasing =
    before > acked.limitA ? { limitA: before, untilMs: options.nowMs + options.reactionMs } : null
  return { acked, inFlight: null, releasing, uncertain: false, failures: 0, lastFailureMs: null }
}

/** The station refused: what it held before stays. */
export function onRejected(slot: SlotBelief, nowMs: number): SlotBelief {
  return { ...slot, inFlight: null, failures: slot.failures + 1, lastFailureMs: nowMs }
}

/** No answer came: the profile may or may not be in force, so both count. */
export function onLost(slot: SlotBelief, nowMs: number): SlotBelief {
  if (!slot.inFlight) return slot
  const inFlight = { ...slot.inFlight, lost: true }
  return { ...slot, inFlight, uncertain: true, failures: slot.failures + 1, lastFailureMs: nowMs }
}

/** The profile was cleared, or died with its transaction. */
export function onCleared(slot: SlotBelief, options: { nowMs: number; reactionMs: number }): SlotBelief {
  const before = Math.max(slot.acked?.limitA ?? 0, slot.inFlight?.limitA ?? 0)
  return {
    ...NO_BELIEF,
    releasing: before > 0 ? { limitA: before, untilMs: options.nowMs + options.reactionMs } : null,
  }
}

function keepHigher(
  a: { limitA: number; untilMs: number } | null,
  b: { limitA: number; untilMs: number },
): { limitA: number; untilMs: number } {
  if (!a) return b
  return { limitA: Math.max(a.limitA, b.limitA), untilMs: Math.max(a.untilMs, b.untilMs) }
}

/** When a refused or lost push may be tried again: 2 s, doubling, at most a minute. */
export function retryAtMs(slot: SlotBelief): number {
  if (slot.failures === 0 || slot.lastFailureMs === null) return Number.NEGATIVE_INFINITY
  return slot.lastFailureMs + Math.min(60_000, 2_000 * 2 ** Math.min(slot.failures - 1, 5))
}

/** The highest limit a slot can still put into force at `atMs`; `null` when it holds nothing. */
export function slotWorstA(slot: SlotBelief, options: { atMs: number; skewMs: number }): number | null {
  const values: number[] = []
  for (const belief of [slot.acked, slot.inFlight]) {
    if (belief === null) continue
    const alive = belief.expiresAtMs === null || belief.expiresAtMs + options.skewMs > options.atMs
    if (alive) values.push(belief.limitA)
    // Around its end either may be in force already.
    if (belief.tailA !== undefined && (!alive || endsWithin(belief, options))) values.push(belief.tailA)
  }
  if (slot.releasing && slot.releasing.untilMs > options.atMs) values.push(slot.releasing.limitA)
  return values.length > 0 ? Math.max(...values) : null
}

function endsWithin(belief: LimitBelief, options: { atMs: number; skewMs: number }): boolean {
  return belief.expiresAtMs !== null && belief.expiresAtMs - options.skewMs <= options.atMs
}
