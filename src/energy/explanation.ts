import {
  type Decision,
  decide,
  type EvseGrant,
  otherwise,
  type Site,
  type Snapshot,
} from '../../profiles/index.ts'
import type { SiteLoop } from './site-loop.ts'
import type { Replay } from './snapshots.ts'
import { type EvseStatus, reasonOf } from './status.ts'

interface Answer {
  readonly grantedA: number
  /** Over all phases that the car uses. */
  readonly grantedW: number
  readonly reason: NonNullable<EvseStatus['reason']>
}

/** Why an EVSE gets what it gets, and what it would get if what is named there did not hold. */
export interface EvseAnswer extends Answer {
  readonly siteId: string
  readonly stationId: string
  readonly evseId: number
  readonly at: string
  readonly transactionId: string | null
  readonly otherwise: Answer | null
}

/** Of this moment; undefined where the site has no such EVSE. */
export function explainNow(loop: SiteLoop, evseKey: string, nowMs: number): EvseAnswer | undefined {
  const { site } = loop.live
  const snapshot = { ...loop.snapshot(nowMs), site }
  return explain(snapshot, decide(snapshot), evseKey)
}

/** Of a recorded moment. */
export function explainThen(played: Replay, evseKey: string): EvseAnswer | undefined {
  return explain({ ...played.snapshot, site: played.site }, played.decision, evseKey)
}

function explain(snapshot: Snapshot, decision: Decision, evseKey: string): EvseAnswer | undefined {
  const { site } = snapshot
  const evse = site.evseByKey.get(evseKey)
  const grant = decision.grants.find(({ key }) => key === evseKey)
  if (!evse || !grant) return undefined
  const then = otherwise(snapshot, decision, evseKey)
  const state = snapshot.evses.find(({ key }) => key === evseKey)
  return {
    siteId: site.id,
    stationId: evse.stationId,
    evseId: evse.evseId,
    at: new Date(decision.atMs).toISOString(),
    transactionId: state?.session?.transactionId ?? null,
    ...answerOf(site, grant),
    otherwise: then && answerOf(site, then),
  }
}

function answerOf(site: Site, grant: EvseGrant): Answer {
  const evse = site.evseByKey.get(grant.key)
  const phasesA = grant.perPhaseA.reduce((sum, value) => sum + value, 0)
  const powerW = evse?.supply.kind === 'ac' ? phasesA * site.voltageV : grant.limitA * (evse?.wattPerA ?? 0)
  return {
    grantedA: Math.round(grant.limitA * 10) / 10,
    grantedW: Math.round(powerW),
    reason: reasonOf(grant),
  }
}
