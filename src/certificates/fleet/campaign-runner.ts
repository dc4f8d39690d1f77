/** Moves the stations of one campaign on: who starts, who takes a step, and what became of it. */

import type { Campaign, CampaignStation } from '../../store/fleet.ts'
import { type CampaignPhases, limitsOf } from './campaign-phases.ts'
import { audit, isoAt } from './context.ts'
import { type CampaignParameters, campaignStep, type KindServices, rollbackStep } from './kinds.ts'
import type { StepOutcome } from './outcome.ts'

/** Steps of one station in a row before others have their turn. */
const STEPS_IN_A_ROW = 12
const HOUR_MS = 3_600_000
const MAX_DUE = 1_000
const LONGEST_RETRY_MS = 600_000
export class CampaignRunner {
  readonly #services: KindServices
  readonly #phases: CampaignPhases
  /** Stations that something is being done with, here or by the policies: one actor at a time. */
  readonly #busy: Set<string>
  readonly #underWay = new Set<Promise<void>>()

  constructor(services: KindServices, phases: CampaignPhases, busy: Set<string>) {
    this.#services = services
    this.#phases = phases
    this.#busy = busy
  }

  async advance(campaign: Campaign): Promise<void> {
    if (await this.#phases.endedByDeadline(campaign)) return
    if (campaign.phase === 'verify' || campaign.phase === 'cleanup') await this.#takeBack(campaign)
    await this.#start(campaign)
    await this.#work(campaign)
    await this.#phases.decide(campaign)
  }

  /** Given up because they did not come back, and then they did: their connection shows what they accept. */
  async #takeBack(campaign: Campaign): Promise<void> {
    const { fleet } = this.#services.context.store
    const failed = await fleet.campaignStations(campaign.id, {
      states: ['failed'],
      step: 'reconnect',
      limit: MAX_DUE,
    })
    const links = new Map(
      (await fleet.trustOf(failed.map(({ stationId }) => stationId))).map((one) => [
        one.stationId,
        one.connectedAt,
      ]),
    )
    const back = failed.filter(({ stationId, updatedAt }) => (links.get(stationId) ?? '') > updatedAt)
    await Promise.all(back.map((row) => this.#save({ ...row, state: 'pending', reason: null })))
  }

  /** Takes stations of the present wave in, within the limits; those that are offline for too long are put off. */
  async #start(campaign: Campaign): Promise<void> {
    const { store, bus, clock } = this.#services.context
    const limits = limitsOf(campaign)
    const nowMs = clock.now()
    const running = await store.fleet.campaignStations(campaign.id, { states: ['running'], limit: MAX_DUE })
    const perSite = new Map<string, number>()
    for (const { siteId } of running) if (siteId !== '') perSite.set(siteId, (perSite.get(siteId) ?? 0) + 1)
    const startedInHour = await store.fleet.campaignStartedSince(campaign.id, isoAt(nowMs - HOUR_MS))
    let room = Math.min(limits.atOnce - running.length, limits.perHour - startedInHour)
    if (room <= 0) return
    const waiting = await store.fleet.campaignStations(campaign.id, {
      states: ['pending', 'deferred'],
      upToWave: campaign.wave,
      limit: 100_000,
    })
    const graceMs = Date.parse(campaign.waveStartedAt ?? isoAt(nowMs)) + limits.offlineGraceS * 1000
    const changed: Promise<void>[] = []
    for (const row of waiting) {
      if (!bus.isOnline(row.stationId) && !mustComeBack(campaign, row)) {
        if (row.state === 'pending' && nowMs >= graceMs)
          changed.push(this.#save({ ...row, state: 'deferred', reason: 'offline' }))
        continue
      }
      if (room <= 0) break
      const atSite = perSite.get(row.siteId) ?? 0
      if (row.siteId !== '' && atSite >= limits.perSite) continue
      perSite.set(row.siteId, atSite + 1)
      room--
      changed.push(
        this.#save({
          ...row,
          state: 'running',
          reason: null,
          attempts: 0,
          notBefore: null,
          startedAt: row.startedAt ?? isoAt(nowMs),
        }),
      )
    }
    await Promise.all(changed)
  }

  /** Nobody waits for a slow station: what is under way is looked at again when it has been recorded. */
  async #work(campaign: Campaign): Promise<void> {
    const { store, clock } = this.#services.context
    const due = await store.fleet.campaignStations(campaign.id, {
      states: ['running'],
      dueAt: isoAt(clock.now()),
      limit: limitsOf(campaign).atOnce,
    })
    for (const row of due) {
      if (this.#busy.has(row.stationId)) continue
      const work = this.#workOn(campaign, row).finally(() => this.#underWay.delete(work))
      this.#underWay.add(work)
    }
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async #workOn(campaign: Campaign, first: CampaignStation): Promise<void> {
    this.#busy.add(first.stationId)
    try {
      let row = first
      for (let count = 0; count < STEPS_IN_A_ROW; count++) {
        const { outcome, evidence } = await this.#stepOf(campaign, row)
        row = await this.#record(campaign, { ...row, evidence }, outcome)
        if (outcome.kind !== 'next' || row.state !== 'running') return
      }
    } catch (error) {
      this.#services.context.log.error(
        { err: error, campaign: campaign.id, stationId: first.stationId },
        'A campaign step failed',
      )
      const row = await this.#services.context.store.fleet.campaignStation(campaign.id, first.stationId)
      if (row !== undefined)
        await this.#record(campaign, row, {
          kind: 'retry',
          step: row.step,
          why: error instanceof Error ? error.message : String(error),
        })
    } finally {
      this.#busy.delete(first.stationId)
    }
  }

  async #stepOf(
    campaign: Campaign,
    row: CampaignStation,
  ): Promise<{ outcome: StepOutcome; evidence: CampaignStation['evidence'] }> {
    const { store } = this.#services.context
    const station = await store.stations.get(row.stationId)
    if (station === undefined)
      return {
        outcome: { kind: 'fail', step: row.step, why: 'the station was removed' },
        evidence: row.evidence,
      }
    let evidence = row.evidence
    const memory = {
      get evidence() {
        return evidence
      },
      remember: async (change: Readonly<Record<string, string>>) => {
        evidence = { ...evidence, ...change }
        await this.#save({ ...row, evidence })
      },
    }
    const parameters: CampaignParameters = campaign.parameters
    const work = { campaign, parameters, row, station, memory }
    const outcome =
      campaign.state === 'rolling-back'
        ? await rollbackStep(this.#services, work)
        : await campaignStep(this.#services, work)
    return { outcome, evidence }
  }

  async #record(campaign: Campaign, row: CampaignStation, outcome: StepOutcome): Promise<CampaignStation> {
    const now = await this.#services.context.store.fleet.campaign(campaign.id)
    // Rolled back or moved on in the meantime: the row has been given another task, which starts from the facts.
    if (
      now === undefined ||
      now.phase !== campaign.phase ||
      (now.state === 'rolling-back') !== (campaign.state === 'rolling-back')
    )
      return { ...row, state: 'pending' }
    const next = this.#after(campaign, row, outcome)
    await this.#save(next)
    if (next.state === 'failed')
      await audit(this.#services.context, {
        action: 'campaign.station-failed',
        subject: row.stationId,
        detail: { campaign: campaign.id, step: next.step, reason: next.reason },
      })
    return next
  }

  #after(campaign: Campaign, row: CampaignStation, outcome: StepOutcome): CampaignStation {
    const { clock, timing } = this.#services.context
    const at = (ms: number) => isoAt(clock.now() + ms)
    switch (outcome.kind) {
      case 'done': {
        const state = campaign.state === 'rolling-back' ? 'rolled-back' : 'done'
        return { ...row, state, step: campaign.phase, reason: null, notBefore: null, attempts: 0 }
      }
      case 'next':
        // Looking again is no progress: what failed before the look goes on counting.
        return {
          ...row,
          step: outcome.step,
          reason: null,
          notBefore: null,
          ...(outcome.step === 'inventory' ? {} : { attempts: 0 }),
        }
      case 'wait':
        return this.#waiting(
          campaign,
          { ...row, step: outcome.step, reason: outcome.why, notBefore: at(outcome.forMs) },
          outcome.why,
        )
      case 'retry': {
        const attempts = row.attempts + 1
        const state = attempts >= timing.maxAttempts ? 'failed' : 'running'
        const notBefore = at(Math.min(LONGEST_RETRY_MS, timing.retryMs * 2 ** (attempts - 1)))
        return { ...row, state, step: outcome.step, reason: outcome.why, attempts, notBefore }
      }
      case 'fail':
        return { ...row, state: 'failed', step: outcome.step, reason: outcome.why, notBefore: null }
    }
  }

  /** Offline in the middle of it: after the grace it is put off, and goes on from its facts when it is back. */
  #waiting(campaign: Campaign, row: CampaignStation, why: string): CampaignStation {
    const { clock } = this.#services.context
    if (why !== 'offline') return { ...row, evidence: without(row.evidence, 'offlineSince') }
    const since = row.evidence.offlineSince ?? isoAt(clock.now())
    const isLong = clock.now() - Date.parse(since) >= limitsOf(campaign).offlineGraceS * 1000
    if (!isLong) return { ...row, evidence: { ...row.evidence, offlineSince: since } }
    return {
      ...row,
      state: 'deferred',
      reason: 'offline',
      notBefore: null,
      evidence: without(row.evidence, 'offlineSince'),
    }
  }

  #save(row: CampaignStation): Promise<void> {
    const { store, clock } = this.#services.context
    return store.fleet.putCampaignStation({ ...row, updatedAt: isoAt(clock.now()) })
  }
}

/** It was here when the new chain was shown: that it is away is what the phase is about. */
const mustComeBack = ({ phase }: Campaign, { step }: CampaignStation): boolean =>
  phase === 'verify' && step === 'reconnect'

function without(evidence: CampaignStation['evidence'], name: string): CampaignStation['evidence'] {
  const { [name]: _, ...rest } = evidence
  return rest
}
