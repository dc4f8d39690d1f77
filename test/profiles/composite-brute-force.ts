import type { ChargingProfile, CompositeRequest } from '../../profiles/index.ts'

/**
 * The rules of a composite schedule read second by second, with no shared code and no cleverness: the oracle for
 * `compositeSchedule`. Everything is amperes on each of three phases here; limits only, as the random sets of the
 * property test have no setpoints.
 */
interface Says {
  /** For L1, L2, L3; a number in watts for all phases becomes amperes when the phases of the result are known. */
  limits: readonly ((phases: number) => readonly number[])[]
  phases: number
  perPhase: boolean
}

interface Truth {
  readonly limit: readonly number[]
  readonly numberPhases: number
  readonly perPhase: boolean
}

const TIMES = new Map<string, number>()
function time(text: string): number {
  const known = TIMES.get(text) ?? Math.floor(new Date(text).getTime() / 1000)
  TIMES.set(text, known)
  return known
}

function periodOf(profile: ChargingProfile, nowS: number, transactionS: number, offlineS: number | null) {
  if (profile.validFrom !== undefined && nowS < time(profile.validFrom)) return null
  if (profile.validTo !== undefined && nowS >= time(profile.validTo)) return null
  if (
    offlineS !== null &&
    profile.maxOfflineDuration !== undefined &&
    nowS - offlineS >= profile.maxOfflineDuration
  ) {
    return null
  }
  const schedule = profile.chargingSchedule[0]
  if (!schedule) return null
  let since = 0
  if (profile.chargingProfileKind === 'Relative') since = nowS - transactionS
  else since = nowS - time(schedule.startSchedule ?? '')
  if (profile.chargingProfileKind === 'Recurring') {
    const cycle = profile.recurrencyKind === 'Daily' ? 86400 : 604800
    since = ((since % cycle) + cycle) % cycle
  }
  if (since < 0) return null
  if (schedule.duration !== undefined && since >= schedule.duration) return null
  const begun = schedule.chargingSchedulePeriod.filter((period) => period.startPeriod <= since)
  return begun[begun.length - 1] ?? null
}

function purpose(request: CompositeRequest, name: string, evseId: number, nowS: number): Says | null {
  const fromS = Math.floor(request.fromMs / 1000)
  const transaction = request.transactions.find((running) => running.evseId === evseId)
  const startMs = transaction?.startMs
  const transactionS = startMs === undefined || startMs === null ? fromS : Math.floor(startMs / 1000)
  const offlineMs = request.offlineSinceMs ?? null
  const offlineS = offlineMs === null ? null : offlineMs / 1000
  const speaking = request.profiles
    .filter(({ profile }) => profile.chargingProfilePurpose === name)
    .filter(({ evseId: owner }) => owner === evseId || (owner === 0 && name === 'TxDefaultProfile'))
    .filter(({ profile }) => !request.lapsedProfileIds?.has(profile.id))
    .filter(
      ({ profile }) => name !== 'TxProfile' || profile.transactionId === (transaction?.transactionId ?? null),
    )
    .map(({ evseId: owner, profile }) => ({
      rank: profile.stackLevel * 1000 + owner,
      unit: profile.chargingSchedule[0]?.chargingRateUnit,
      period: periodOf(profile, nowS, transactionS, offlineS),
    }))
    .filter(({ period }) => period !== null)
    .sort((x, y) => y.rank - x.rank)[0]
  if (!speaking?.period) return null
  const { limit = 0, limit_L2, limit_L3, numberPhases = 3 } = speaking.period
  const perPhase = limit_L2 !== undefined
  const inAmperes = (phases: number) => {
    const three = [limit, limit_L2 ?? limit, limit_L3 ?? limit]
    const divisor = speaking.unit === 'A' ? 1 : request.defaults.voltageV * (perPhase ? 1 : phases)
    return three.map((value) => value / divisor)
  }
  return { limits: [inAmperes], phases: numberPhases, perPhase }
}

function resultOf(all: readonly (Says | null)[]): Truth | null {
  const says = all.filter((one) => one !== null)
  if (says.length === 0) return null
  const numberPhases = Math.min(...says.map((one) => one.phases))
  const three = [0, 1, 2].map((k) =>
    Math.min(...says.flatMap((one) => one.limits.map((limit) => limit(numberPhases)[k] ?? 0))),
  )
  const perPhase = numberPhases === 3 && says.some((one) => one.perPhase)
  const lowest = Math.min(...three)
  return { limit: perPhase ? three : [lowest, lowest, lowest], numberPhases, perPhase }
}

function evse(request: CompositeRequest, evseId: number, nowS: number): (Says | null)[] {
  const external = purpose(request, 'ChargingStationExternalConstraints', evseId, nowS)
  const running = request.transactions.some((transaction) => transaction.evseId === evseId)
  const tx = running ? purpose(request, 'TxProfile', evseId, nowS) : null
  const assumed = running || request.simulateTransaction === true
  return [external, tx ?? (assumed ? purpose(request, 'TxDefaultProfile', evseId, nowS) : null)]
}

/** The EVSEs one by one in the unit that was asked for, added up, and back in amperes. */
function sumOf(request: CompositeRequest, nowS: number): Says | null {
  const { defaults, unit } = request
  const results = request.evseIds.map((evseId) => resultOf(evse(request, evseId, nowS)))
  const known = results.filter((one) => one !== null)
  if (known.length === 0) return null
  const phases = Math.max(...known.map((one) => one.numberPhases))
  const perPhase = known.some((one) => one.perPhase)
  const sum = [0, 1, 2].map((k) =>
    results.reduce((total, one) => {
      const a = one?.limit[k] ?? 0
      if (unit === 'A') return total + (one ? a : defaults.limitA)
      if (perPhase) return total + (one ? a * defaults.voltageV : defaults.limitW / 3)
      return total + (one ? a * defaults.voltageV * one.numberPhases : defaults.limitW)
    }, 0),
  )
  const inAmperes = (least: number) =>
    sum.map((value) => (unit === 'A' ? value : value / defaults.voltageV / (perPhase ? 1 : least)))
  return { limits: [inAmperes], phases, perPhase }
}

/** Limit on L1, L2, L3 (one number where all are alike) and phases at one second. */
export function bruteForceAt(
  request: CompositeRequest,
  nowS: number,
): { limit: readonly number[]; numberPhases: number } {
  const { defaults, unit, evseId } = request
  const caps = [
    purpose(request, 'ChargingStationMaxProfile', 0, nowS),
    purpose(request, 'ChargingStationExternalConstraints', 0, nowS),
  ]
  const own = evseId > 0 ? evse(request, evseId, nowS) : [sumOf(request, nowS)]
  const truth = resultOf([...caps, ...own])
  if (!truth) {
    return { limit: [unit === 'A' ? defaults.limitA : defaults.limitW], numberPhases: defaults.numberPhases }
  }
  const { numberPhases, perPhase } = truth
  const limit = perPhase ? truth.limit : truth.limit.slice(0, 1)
  const factor = unit === 'A' ? 1 : defaults.voltageV * (perPhase ? 1 : numberPhases)
  return { limit: limit.map((value) => value * factor), numberPhases }
}
