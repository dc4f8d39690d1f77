import type { ChargingStateEnumType } from '../ocpp/v201/messages.generated.ts'

/** Below this a reading is noise. */
export const LEAST_FLOW_A = 0.2

/** What OCPP calls the present state of an EVSE with a car, and why nothing flows when nothing does. */
export function chargingState(now: {
  readonly authorized: boolean
  readonly flowsA: number
  readonly offeredA: number
  /** What the car needs to be offered before it takes anything. */
  readonly leastOfferA: number
  readonly full: boolean
  readonly before: ChargingStateEnumType | undefined
}): ChargingStateEnumType {
  if (!now.authorized) return 'EVConnected'
  if (now.flowsA > LEAST_FLOW_A) return 'Charging'
  if (now.offeredA < now.leastOfferA) return 'SuspendedEVSE'
  if (now.full) return 'SuspendedEV'
  // Before its first ampere a car is only connected; afterwards it is the car that makes the pause.
  const begun = now.before !== undefined && now.before !== 'EVConnected' && now.before !== 'Idle'
  return begun ? 'SuspendedEV' : 'EVConnected'
}
