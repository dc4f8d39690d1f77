/** Port: what the OCPP side asks of the energy side about cars that speak ISO 15118 (K15-K17). */

import type {
  NotifyEVChargingNeedsRequest,
  NotifyEVChargingScheduleRequest,
} from './v201/messages.generated.ts'

export interface EvChargingPlans {
  /**
   * Accepted: a TxProfile follows within 60 s; Processing: it follows later (renegotiation, K16);
   * Rejected: this EVSE is not ours to plan.
   */
  judgeNeeds(
    stationId: string,
    request: NotifyEVChargingNeedsRequest,
  ): Promise<'Accepted' | 'Processing' | 'Rejected'>
  /** Rejected where the car's schedule exceeds what we allowed it; a new profile must follow (K15.FR.13). */
  judgeSchedule(stationId: string, request: NotifyEVChargingScheduleRequest): Promise<'Accepted' | 'Rejected'>
}

/** Nobody plans: no schedule is promised, and none of ours can be exceeded. */
export const noPlans: EvChargingPlans = {
  judgeNeeds: async () => 'Rejected',
  judgeSchedule: async () => 'Accepted',
}
