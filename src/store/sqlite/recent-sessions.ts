import type { SessionState } from '../session-fold.ts'

/** A session's row as the database holds it. */
export interface KnownSession {
  readonly stationNo: number
  readonly no: number
  readonly state: SessionState
  /** Where the chain of its readings begins. */
  readonly lastReadingNo: number
  /** Of its events, once they had to be looked up: where some are missing. */
  seqNos: Set<number> | undefined
  readonly updatedAt: string
}

export interface RecentSessions {
  get(stationId: string, transactionId: string): KnownSession | undefined
  set(stationId: string, transactionId: string, session: KnownSession): void
  clear(): void
}

const MAX_SESSIONS = 10_000

/**
 * The session that each station talks about, so that its next event needs no read: one per station is enough, since
 * the others are read again. Must be emptied when a transaction is undone.
 */
export function createRecentSessions(): RecentSessions {
  const byEvse = new Map<string, KnownSession>()
  const key = (stationId: string, transactionId: string) => `${stationId}\0${transactionId}`
  return {
    get: (stationId, transactionId) => byEvse.get(key(stationId, transactionId)),
    set(stationId, transactionId, session) {
      const at = key(stationId, transactionId)
      if (session.state.endedAt !== null) {
        byEvse.delete(at)
        return
      }
      byEvse.set(at, session)
      if (byEvse.size <= MAX_SESSIONS) return
      const oldest = byEvse.keys().next()
      if (!oldest.done) byEvse.delete(oldest.value)
    },
    clear: () => byEvse.clear(),
  }
}
