import type { PolicyName, Site } from '../../profiles/index.ts'
import type { Clock } from '../observe/clock.ts'
import type { ComplianceMinute, SessionCost } from '../store/energy.ts'
import type { Store } from '../store/ports.ts'
import { believedSlots } from './believed.ts'
import { type EvseAnswer, explainNow, explainThen } from './explanation.ts'
import type { PlanRounds } from './plan-rounds.ts'
import type { SiteLoop } from './site-loop.ts'
import { type SiteOutlook, siteOutlook } from './site-outlook.ts'
import { type DecisionPart, replay } from './snapshots.ts'
import { replayStatus, type SiteStatus } from './status.ts'

export interface SiteRecordsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly plans: Pick<PlanRounds, 'outlook'>
  /** The running site; undefined where there is none. */
  readonly find: (siteId: string) => { readonly site: Site; readonly loop: SiteLoop } | undefined
}

/** What can be read about sites beside their status: the record, costs, what stations hold, replays, the hours ahead. */
export class SiteRecords {
  readonly #options: SiteRecordsOptions

  constructor(options: SiteRecordsOptions) {
    this.#options = options
  }

  /** The compliance record, with the minute that is under way at its end. */
  async compliance(
    siteId: string,
    query: { fromMs: number; toMs: number; nodeId?: string; limit: number },
  ): Promise<readonly ComplianceMinute[] | undefined> {
    const running = this.#options.find(siteId)
    if (!running) return undefined
    const { fromMs, toMs, nodeId, limit } = query
    const { currentMinutes } = running.loop
    const current = currentMinutes.filter(
      (one) =>
        one.minuteMs >= fromMs && one.minuteMs < toMs && (nodeId === undefined || one.nodeId === nodeId),
    )
    // The minute under way is on disk too, some seconds old.
    const beforeMs = currentMinutes[0]?.minuteMs ?? toMs
    const kept = await this.#options.store.energy.minutes({
      siteId,
      ...query,
      toMs: Math.min(toMs, beforeMs),
    })
    return [...kept, ...current].slice(0, limit)
  }

  /** What a station holds, as far as we know and as it last said; undefined where the site has no such station. */
  heldProfiles(siteId: string, stationId: string) {
    const loop = this.#options.find(siteId)?.loop
    if (!loop?.live.has(stationId)) return undefined
    const visit = loop.visit(stationId)
    return {
      believed: believedSlots(loop.live, stationId),
      trust: loop.live.trust(stationId),
      readBack: visit
        ? {
            at: visit.at,
            result: visit.result,
            findings: [...visit.findings],
            profiles: visit.profiles.map(({ evseId, profile }) => ({ evseId, profile: { ...profile } })),
            computed: visit.computed.map(({ evseKey, ...computed }) => ({
              evseId: loop.live.site.evseByKey.get(evseKey)?.evseId ?? 0,
              ...computed,
            })),
          }
        : null,
    }
  }

  /** Has a station asked what it holds; undefined where the site has no such station. */
  askProfiles(siteId: string, stationId: string): 'asked' | 'offline' | undefined {
    const loop = this.#options.find(siteId)?.loop
    if (!loop?.live.has(stationId)) return undefined
    if (!loop.live.isOnline(stationId)) return 'offline'
    loop.askProfiles(stationId)
    return 'asked'
  }

  /** What sessions that ended in the span have cost; undefined where there is no such site. */
  async costs(
    siteId: string,
    query: { fromMs: number; toMs: number; limit: number },
  ): Promise<readonly SessionCost[] | undefined> {
    if (!this.#options.find(siteId)) return undefined
    return this.#options.store.energy.costs({ siteId, ...query })
  }

  /** A decision of the past, decided again from what it came from; undefined where nothing is kept from then. */
  async replay(
    siteId: string,
    atMs: number,
  ): Promise<
    { at: string; same: boolean; differs: DecisionPart[]; policy: PolicyName; status: SiteStatus } | undefined
  > {
    const played = await replay(this.#options.store, siteId, atMs)
    if (!played) return undefined
    const { at, differs, snapshot } = played
    const same = differs.length === 0
    return { at, same, differs: [...differs], policy: snapshot.policy, status: replayStatus(played) }
  }

  /** Why an EVSE gets what it gets, now or then; undefined where the site has no such EVSE, or nothing is kept from then. */
  async explain(siteId: string, evseKey: string, atMs?: number): Promise<EvseAnswer | undefined> {
    const loop = this.#options.find(siteId)?.loop
    if (atMs === undefined) return loop && explainNow(loop, evseKey, this.#options.clock.now())
    const played = await replay(this.#options.store, siteId, atMs)
    return played && explainThen(played, evseKey)
  }

  /** The hours ahead; undefined where there is no such site, or no decision of it yet. */
  async outlook(siteId: string): Promise<SiteOutlook | undefined> {
    const running = this.#options.find(siteId)
    const found = running && (await this.#options.plans.outlook(running.loop))
    return running && found && siteOutlook(running.site, found.input, found.outlook)
  }
}
