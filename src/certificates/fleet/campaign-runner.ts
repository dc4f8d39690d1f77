/** Moves one campaign on: who starts, who takes a step, when a wave is over, when everything halts. */

import { decideWave } from '../../../pki/index.ts'
import type { Campaign, CampaignCount, CampaignStation, CampaignStationState } from '../../store/fleet.ts'
import { audit, isoAt, securityEvent } from './context.ts'
import { type CampaignParameters, campaignStep, type KindServices, rollbackStep } from './kinds.ts'
import type { StepOutcome } from './outcome.ts'
import type { CampaignLimits } from './plan.ts'

/** Steps of one station in a row before others have their turn. */
const STEPS_IN_A_ROW = 12
const HOUR_MS = 3_600_000
const MAX_DUE = 1_000
const LONGEST_RETRY_MS = 600_000
const ENDED: readonly CampaignStationState[] = [
  'done',
  'failed',
  'deferred',
  'straggler',
  'rolled-back',
  'excluded',
]

export class CampaignRunner {
  readonly #services: KindServices
  /** Stations that something is being done with, here or by the policies: one actor at a time. */
  readonly #busy: Set<string>
  readonly #underWay = new Set<Promise<void>>()

  constructor(services: KindServices, busy: Set<string>) {
    this.#services = services
    this.#busy = busy
  }

  async advance(campaign: Campaign): Promise<void> {
    const { clock } = this.#services.context
    if (
      campaign.deadline !== null &&
      campaign.state === 'running' &&
      isoAt(clock.now()) >= campaign.deadline
    ) {
      await this.#endAtDeadline(campaign)
      return
    }
    await this.#start(campaign)
    await this.#work(campaign)
    await this.#decide(campaign)
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
      if (!bus.isOnline(row.stationId)) {
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

  async #decide(campaign: Campaign): Promise<void> {
    const { store, clock } = this.#services.context
    const counts = await store.fleet.campaignCounts(campaign.id)
    const nowMs = clock.now()
    if (campaign.state === 'rolling-back') {
      await this.#decideRollback(campaign, counts)
      return
    }
    const inWave = counts.filter(
      ({ wave, state }) => wave === campaign.wave && state !== 'excluded' && state !== 'deferred',
    )
    const sum = (states: readonly CampaignStationState[]) =>
      inWave.filter(({ state }) => states.includes(state)).reduce((total, { count }) => total + count, 0)
    const total = inWave.reduce((all, { count }) => all + count, 0)
    const failed = sum(['failed', 'straggler'])
    const open = counts.some(
      ({ wave, state }) => wave <= campaign.wave && (state === 'running' || state === 'pending'),
    )
    const ended = !open && campaign.waveEndedAt === null ? isoAt(nowMs) : open ? null : campaign.waveEndedAt
    const limits = limitsOf(campaign)
    const decision = decideWave(
      {
        total,
        done: open ? Math.min(sum(['done']), total - failed - 1) : total - failed,
        failed,
        startedMs: 0,
        wave: campaign.wave,
        waves: campaign.waves,
      },
      { maxFailures: limits.maxFailures, soakMs: limits.soakS * 1000 },
      ended === null ? undefined : Date.parse(ended),
      nowMs,
    )
    if (decision === 'halt') await this.#halt(campaign, failed, total)
    else if (decision === 'next-wave')
      await this.#put(campaign, { wave: campaign.wave + 1, waveStartedAt: isoAt(nowMs), waveEndedAt: null })
    else if (decision === 'finished') await this.#phaseEnded(campaign, counts)
    else if (ended !== campaign.waveEndedAt) await this.#put(campaign, { waveEndedAt: ended })
  }

  async #halt(campaign: Campaign, failed: number, total: number): Promise<void> {
    const parameters: CampaignParameters = campaign.parameters
    const detail = `${failed} of ${total} stations of wave ${campaign.wave + 1} failed: halted`
    const isShown = campaign.kind === 'csms-root-rollover' && campaign.phase === 'verify'
    if (isShown && parameters.revertOnHalt !== false) await this.#showOldChain(campaign)
    await this.#put(campaign, {
      state: 'halted',
      detail: isShown ? `${detail}; the old chain is shown again` : detail,
    })
    await securityEvent(this.#services.context, {
      stationId: '',
      type: 'CampaignHalted',
      detail: { campaign: campaign.id, detail },
    })
  }

  /** The last wave is over: the next phase, or the end. */
  async #phaseEnded(campaign: Campaign, counts: readonly CampaignCount[]): Promise<void> {
    const { store, clock } = this.#services.context
    const at = isoAt(clock.now())
    if (campaign.kind !== 'csms-root-rollover' || campaign.phase === 'cleanup') {
      const deferred = counts
        .filter(({ state }) => state === 'deferred')
        .reduce((all, { count }) => all + count, 0)
      // With a deadline, those that are offline have until then; without one the campaign would never end.
      if (deferred > 0 && campaign.deadline !== null) return
      if (deferred > 0)
        await store.fleet.moveCampaignStations(campaign.id, ['deferred'], { state: 'straggler' }, at)
      await this.#put(campaign, { state: 'finished', detail: null })
      await audit(this.#services.context, {
        action: 'campaign.finished',
        subject: campaign.id,
        detail: { stragglers: deferred },
      })
      return
    }
    if (campaign.phase === 'verify') {
      await store.fleet.moveCampaignStations(campaign.id, ['done'], { state: 'pending', step: 'cleanup' }, at)
      await this.#put(campaign, { phase: 'cleanup', wave: 0, waveStartedAt: at, waveEndedAt: null })
      return
    }
    const parameters: CampaignParameters = campaign.parameters
    if (parameters.holdBeforeCutover === true) {
      await this.#put(campaign, {
        state: 'paused',
        detail: 'Ready for the cutover: resume to show the new chain',
      })
      return
    }
    await this.#cutover(campaign)
  }

  /** Everyone who can has the new root: from here on the new chain is shown, bridged for those who have only the old. */
  async #cutover(campaign: Campaign): Promise<void> {
    const { context, chains } = this.#services
    const parameters: CampaignParameters = campaign.parameters
    const root = parameters.install?.[0]?.fingerprint ?? ''
    let authorityId = chains.authorityUnder(root)
    if (authorityId === undefined) {
      const operation = await context.certificates.operations.submit(
        { kind: 'new-generation', line: 'csms-ca' },
        `campaign:${campaign.id}`,
      )
      authorityId = chains.authorityUnder(root)
      if (authorityId === undefined) {
        await this.#put(campaign, {
          state: 'paused',
          detail: `There is no CSMS CA below the new root (operation ${operation.id} is ${operation.state}): make it, then resume`,
        })
        return
      }
    }
    await chains.refresh()
    await chains.present(authorityId, `campaign:${campaign.id}`)
    const at = isoAt(context.clock.now())
    await context.store.fleet.moveCampaignStations(
      campaign.id,
      ['done'],
      { state: 'pending', step: 'reconnect' },
      at,
    )
    await this.#put(campaign, {
      phase: 'verify',
      wave: 0,
      waveStartedAt: at,
      waveEndedAt: null,
      parameters: { ...campaign.parameters, cutoverAt: at },
    })
  }

  async beginRollback(campaign: Campaign, actor: string): Promise<Campaign> {
    const { store, clock } = this.#services.context
    const at = isoAt(clock.now())
    if (campaign.kind === 'csms-root-rollover' && campaign.phase !== 'install')
      await this.#showOldChain(campaign)
    await store.fleet.moveCampaignStations(
      campaign.id,
      ['pending'],
      { state: 'rolled-back', reason: 'not started' },
      at,
    )
    const isReversible = campaign.kind === 'roots' || campaign.kind === 'csms-root-rollover'
    if (isReversible)
      await store.fleet.moveCampaignStations(
        campaign.id,
        ['done', 'running', 'deferred', 'failed', 'straggler'],
        { state: 'pending', step: 'rollback', reason: null },
        at,
      )
    else
      await store.fleet.moveCampaignStations(
        campaign.id,
        ['running', 'deferred'],
        { state: 'rolled-back', reason: 'stopped where it was' },
        at,
      )
    const detail = isReversible
      ? null
      : 'What stations have taken stays: a certificate, a password or a profile is replaced, never taken back'
    await audit(this.#services.context, {
      action: 'campaign.rolling-back',
      subject: campaign.id,
      detail: {},
      actor,
    })
    return {
      ...campaign,
      state: 'rolling-back',
      wave: campaign.waves - 1,
      waveStartedAt: at,
      waveEndedAt: null,
      detail,
      updatedAt: at,
    }
  }

  async #decideRollback(campaign: Campaign, counts: readonly CampaignCount[]): Promise<void> {
    const isOpen = counts.some(({ state }) => !ENDED.includes(state))
    if (isOpen) return
    await this.#put(campaign, { state: 'rolled-back' })
    await audit(this.#services.context, { action: 'campaign.rolled-back', subject: campaign.id, detail: {} })
  }

  async #showOldChain(campaign: Campaign): Promise<void> {
    const { chains } = this.#services
    const parameters: CampaignParameters = campaign.parameters
    for (const { fingerprint } of parameters.remove ?? []) {
      const authorityId = chains.authorityUnder(fingerprint)
      if (authorityId === undefined) continue
      await chains.present(authorityId, `campaign:${campaign.id}`)
      return
    }
  }

  async #endAtDeadline(campaign: Campaign): Promise<void> {
    const { store, clock } = this.#services.context
    const at = isoAt(clock.now())
    const moved = await store.fleet.moveCampaignStations(
      campaign.id,
      ['pending', 'running', 'deferred'],
      { state: 'straggler' },
      at,
    )
    await this.#put(campaign, {
      state: 'finished',
      detail: `The deadline passed with ${moved} stations to go`,
    })
    await audit(this.#services.context, {
      action: 'campaign.deadline',
      subject: campaign.id,
      detail: { stragglers: moved },
    })
  }

  #put(campaign: Campaign, change: Partial<Campaign>): Promise<void> {
    const { store, clock } = this.#services.context
    return store.fleet.putCampaign({ ...campaign, ...change, updatedAt: isoAt(clock.now()) })
  }

  #save(row: CampaignStation): Promise<void> {
    const { store, clock } = this.#services.context
    return store.fleet.putCampaignStation({ ...row, updatedAt: isoAt(clock.now()) })
  }
}

function limitsOf(campaign: Campaign): CampaignLimits {
  // Completed with the defaults when the campaign was created.
  return campaign.limits as CampaignLimits
}

function without(evidence: CampaignStation['evidence'], name: string): CampaignStation['evidence'] {
  const { [name]: _, ...rest } = evidence
  return rest
}
