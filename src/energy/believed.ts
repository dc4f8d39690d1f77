import {
  type ChargingProfile,
  type CompositePeriod,
  compositeAt,
  encodeHold,
  encodeLease,
  encodeSafe,
  encodeStationMax,
  type LimitBelief,
  type ProfileSlot,
  type SiteEvse,
} from '../../profiles/index.ts'
import type { LiveSite } from './live-site.ts'

/** A profile that a station accepted, as far as we know, as it was written then. */
export interface BelievedProfile {
  readonly slot: ProfileSlot
  readonly evseId: number
  readonly evseKey: string | null
  readonly belief: LimitBelief
  readonly profile: ChargingProfile
}

/** What a station holds, as far as we know. What is under way to it is not in it. */
export function believedProfiles(live: LiveSite, stationId: string): BelievedProfile[] {
  const { site } = live
  const evses = site.evses.filter((evse) => evse.stationId === stationId)
  const believed = evses.flatMap((evse) =>
    (['lease', 'safe', 'hold'] as const).flatMap((slot): BelievedProfile[] => {
      const belief = live.slot({ stationId, evseKey: evse.key, slot }).acked
      if (!belief) return []
      const profile = written(live, evse, slot, belief)
      return profile ? [{ slot, evseId: evse.evseId, evseKey: evse.key, belief, profile }] : []
    }),
  )
  const cap = live.slot({ stationId, evseKey: null, slot: 'station-max' }).acked
  if (!cap) return believed
  const { request } = encodeStationMax({
    unit: cap.unit,
    limitA: cap.limitA,
    evses,
    voltageV: site.voltageV,
    nowMs: cap.sentAtMs,
  })
  const profile = request.chargingProfile
  return [...believed, { slot: 'station-max', evseId: 0, evseKey: null, belief: cap, profile }]
}

function written(
  live: LiveSite,
  evse: SiteEvse,
  slot: 'lease' | 'safe' | 'hold',
  belief: LimitBelief,
): ChargingProfile | undefined {
  const { limitA, unit, sentAtMs, expiresAtMs, transactionId, tailA } = belief
  const { lowVoltageV: _now, ...nominal } = live.device(evse.stationId)
  const device = belief.lowVoltageV === undefined ? nominal : { ...nominal, lowVoltageV: belief.lowVoltageV }
  const input = { evse, device, unit, limitA, nowMs: sentAtMs }
  if (slot === 'safe') return encodeSafe(input).request.chargingProfile
  // Durations are counted in whole seconds from the second in which it was sent.
  const leaseMs = (expiresAtMs ?? sentAtMs) - Math.floor(sentAtMs / 1000) * 1000
  if (slot === 'hold') return encodeHold({ ...input, leaseMs }).request.chargingProfile
  if (transactionId === undefined) return undefined
  const term = { leaseMs: expiresAtMs === null ? null : leaseMs, ...(tailA === undefined ? {} : { tailA }) }
  return encodeLease({ ...input, ...term, transactionId }).request.chargingProfile
}

/** What the station must come to by itself for an EVSE (K08), from what it holds. */
export function believedComposite(
  live: LiveSite,
  evse: SiteEvse,
  options: { readonly unit: 'A' | 'W'; readonly atMs: number },
): CompositePeriod {
  const { stationId, evseId } = evse
  const evses = live.site.evses.filter((one) => one.stationId === stationId)
  const efficiency = evse.supply.kind === 'dc' ? evse.supply.efficiency : 1
  return compositeAt(
    {
      evseIds: evses.map((one) => one.evseId),
      profiles: believedProfiles(live, stationId),
      transactions: evses.flatMap((one) => {
        const session = live.evse(one.key).session
        return session
          ? [{ evseId: one.evseId, transactionId: session.transactionId, startMs: session.startedAtMs }]
          : []
      }),
      defaults: {
        limitA: evse.maxA,
        limitW: evse.maxA * evse.wattPerA * efficiency,
        numberPhases: evse.supply.kind === 'ac' ? evse.terminals.length : evse.supply.kind === 'dc' ? 3 : 1,
        voltageV: evse.supply.kind === 'ac-line' ? evse.wattPerA : live.device(stationId).lineVoltageV,
      },
      evseId,
      unit: options.unit,
    },
    options.atMs,
  )
}

/** A limit of a station's schedule in amperes on the grid's side, at most. */
export function onGridA(evse: SiteEvse, limit: number, unit: 'A' | 'W'): number {
  if (evse.supply.kind === 'dc')
    return unit === 'W' ? limit / evse.supply.efficiency / evse.wattPerA : evse.maxA
  return unit === 'A' ? limit : limit / evse.wattPerA
}

export interface BelievedSlot {
  readonly slot: ProfileSlot
  readonly evseId: number
  readonly limitA: number
  readonly unit: 'A' | 'W'
  readonly expiresAt: string | null
  readonly transactionId: string | null
  /** `unsure`: an answer was lost, so the station may hold something else. */
  readonly state: 'accepted' | 'under-way' | 'unsure'
}

/** What a station holds, as operators see it: what it accepted, and what is under way to it. */
export function believedSlots(live: LiveSite, stationId: string): BelievedSlot[] {
  const evses = live.site.evses.filter((evse) => evse.stationId === stationId)
  const targets = [
    { evseKey: null, evseId: 0, slot: 'station-max' as const },
    ...evses.flatMap(({ key, evseId }) =>
      (['lease', 'safe', 'hold'] as const).map((slot) => ({ evseKey: key, evseId, slot })),
    ),
  ]
  return targets.flatMap(({ evseKey, evseId, slot }) => {
    const { acked, inFlight, uncertain } = live.slot({ stationId, evseKey, slot })
    const seen = (belief: LimitBelief, state: BelievedSlot['state']): BelievedSlot => ({
      slot,
      evseId,
      limitA: Math.round(belief.limitA * 100) / 100,
      unit: belief.unit,
      expiresAt: belief.expiresAtMs === null ? null : new Date(belief.expiresAtMs).toISOString(),
      transactionId: belief.transactionId ?? null,
      state,
    })
    return [
      ...(acked ? [seen(acked, uncertain ? 'unsure' : 'accepted')] : []),
      ...(inFlight ? [seen(inFlight, inFlight.lost ? 'unsure' : 'under-way')] : []),
    ]
  })
}
