/** Port: the local authorization list that each station holds, as far as it has confirmed it (D01). */

import type { AuthorizationData } from '../ocpp/v201/messages.generated.ts'

export interface LocalList {
  readonly stationId: string
  /** 0: none is known to be there. */
  readonly version: number
  readonly entries: readonly AuthorizationData[]
  readonly updatedAt: string
}

export interface LocalListStore {
  get(stationId: string): Promise<LocalList | undefined>
  put(list: LocalList): Promise<void>
}
