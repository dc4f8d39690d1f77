/** Unknown stations that may wait for an operator's decision, in bounds. */

import type { Clock } from '../observe/clock.ts'
import type { SecurityProfile, Station, StationStore } from '../store/stations.ts'

export interface EnrolmentPolicy {
  readonly allowPendingEnrolment: boolean
  readonly maxPendingEnrolments: number
}

/** Registers an unknown station as pending; undefined where the policy or the bound forbids it. */
export function createPendingEnrolment(options: {
  stations: StationStore
  clock: Clock
  policy: EnrolmentPolicy
}): (stationId: string, securityProfile: SecurityProfile) => Promise<Station | undefined> {
  const { stations, clock, policy } = options
  return async (stationId, securityProfile) => {
    if (!policy.allowPendingEnrolment) return undefined
    const waiting = await stations.list({ enrolment: 'pending', limit: policy.maxPendingEnrolments })
    if (waiting.length >= policy.maxPendingEnrolments) return undefined
    return stations.put(
      {
        id: stationId,
        enrolment: 'pending',
        registration: 'Pending',
        securityProfile,
        passwordHash: null,
        serialNumber: null,
        organisation: null,
        group: null,
      },
      new Date(clock.now()).toISOString(),
    )
  }
}
