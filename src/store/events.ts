/** Port: what stations reported that is not state: security events, monitoring events, log and firmware statuses. */

export interface StationEvent {
  readonly id: number
  readonly stationId: string
  /** `security`, `monitoring`, or the name of the message that carried it. */
  readonly kind: string
  /** The type within the kind, e.g. the security event type. */
  readonly type: string
  readonly at: string
  readonly receivedAt: string
  readonly critical: boolean
  readonly detail: object
}

export interface StationEventStore {
  record(event: Omit<StationEvent, 'id'>): Promise<void>
  list(filter?: {
    stationId?: string
    kind?: string
    type?: string
    critical?: boolean
    /** Only events with an id greater than this one. */
    after?: number
    /** Only events with a smaller id. */
    before?: number
    order?: 'oldest' | 'newest'
    limit?: number
  }): Promise<readonly StationEvent[]>
}
