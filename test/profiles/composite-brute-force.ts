import type { ChargingProfile, CompositeRequest } from '../../profiles/index.ts'

/**
 * The rules of a composite schedule read second by second, with no shared code and no cleverness: the oracle for
 * `compositeSchedule`. Limits only, as the random sets of the property test have no setpoints.
 */
interface Says {
  a: number | null
  w: number | null
  phases: number | null
}

const time = (text: string) => Math.floor(new Date(text).getTime() / 1000)

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
    .filter(({ evseId: owner }) => owner === evseId || owner === 0)
    .filter(({ profile }) => !request.lapsedProfileIds?.has(profile.id))
    .filter(({ profile }) => {
      if (name !== 'TxProfile') return true
      return transaction
        ? profile.transactionId === transaction.transactionId
        : request.simulateTransaction === true
    })
    .map(({ evseId: owner, profile }) => ({
      rank: profile.stackLevel * 1000 + owner,
      unit: profile.chargingSchedule[0]?.chargingRateUnit,
      period: periodOf(profile, nowS, transactionS, offlineS),
    }))
    .filter(({ period }) => period !== null)
    .sort((x, y) => y.rank - x.rank)[0]
  if (!speaking?.period) return null
  const limit = speaking.period.limit ?? null
  const phases = speaking.period.numberPhases ?? 3
  return speaking.unit === 'A' ? { a: limit, w: null, phases } : { a: null, w: limit, phases }
}

function low(x: number | null, y: number | null): number | null {
  if (x === null) return y
  return y === null ? x : Math.min(x, y)
}

function minimum(all: (Says | null)[]): Says | null {
  let result: Says | null = null
  for (const one of all) {
    if (!one) continue
    result = result
      ? { a: low(result.a, one.a), w: low(result.w, one.w), phases: low(result.phases, one.phases) }
      : one
  }
  return result
}

function evse(request: CompositeRequest, evseId: number, nowS: number): Says | null {
  const external = purpose(request, 'ChargingStationExternalConstraints', evseId, nowS)
  const running = request.transactions.some((transaction) => transaction.evseId === evseId)
  if (!running && !request.simulateTransaction) return external
  const tx = purpose(request, 'TxProfile', evseId, nowS) ?? purpose(request, 'TxDefaultProfile', evseId, nowS)
  return minimum([external, tx])
}

/** Limit and phases at one second. */
export function bruteForceAt(
  request: CompositeRequest,
  nowS: number,
): { limit: number; numberPhases: number } {
  const { defaults } = request
  const maximum = purpose(request, 'ChargingStationMaxProfile', 0, nowS)
  let says: Says | null
  if (request.evseId > 0) says = minimum([maximum, evse(request, request.evseId, nowS)])
  else {
    const each = request.evseIds.map((evseId) => evse(request, evseId, nowS))
    const anybody = each.some((one) => one !== null)
    const phases = each.flatMap((one) => (one?.phases ? [one.phases] : []))
    const sum: Says | null = anybody
      ? {
          a: each.reduce((total, one) => total + (one?.a ?? defaults.limitA), 0),
          w: each.reduce((total, one) => total + (one?.w ?? defaults.limitW), 0),
          phases: Math.max(...phases),
        }
      : null
    says = minimum([maximum, purpose(request, 'ChargingStationExternalConstraints', 0, nowS), sum])
  }
  const numberPhases = says?.phases ?? defaults.numberPhases
  const inAmperes = low(says?.a ?? null, says?.w == null ? null : says.w / defaults.voltageV / numberPhases)
  const inWatts = low(says?.w ?? null, says?.a == null ? null : says.a * defaults.voltageV * numberPhases)
  if (request.unit === 'A') return { limit: inAmperes ?? defaults.limitA, numberPhases }
  return { limit: inWatts ?? defaults.limitW, numberPhases }
}
