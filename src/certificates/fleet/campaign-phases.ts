/**
 * What a campaign does as a whole: when a wave is over, when everything halts, the cutover of a rollover, the way back,
 * the end.
 */

import { decideWave } from '../../../pki/index.ts'
import type { Campaign, CampaignCount, CampaignStationState } from '../../store/fleet.ts'
import { audit, isoAt, securityEvent } from './context.ts'
import type { CampaignParameters, KindServices } from './kinds.ts'
import type { CampaignLimits } from './plan.ts'

const ENDED: readonly CampaignStationState[] = [
  'done',
  'failed',
  'deferred',
  'straggler',
  'rolled-back',
  'excluded',
]

/** Failures of a phase are those at its own steps: who failed before takes no part in it. */
const OWN_STEPS: Readonly<Record<string, readonly string[]>> = {
  verify: ['reconnect'],
  cleanup: ['delete', 'confirm', 'inventory'],
}

function takesPart(phase: string, { state, step }: CampaignCount): boolean {
  return state !== 'excluded' && (state !== 'failed' || (OWN_STEPS[phase]?.includes(step) ?? true))
}

/** Whether stations are being shown the chain that the campaign brings, and have to prove that they accept it. */
const isShowing = ({ phase }: Campaign): boolean => phase === 'verify'

export function limitsOf(campaign: Campaign): CampaignLimits {
  // Completed with the defaults when the campaign was created.
  return campaign.limits as CampaignLimits
}

export class CampaignPhases {
  readonly #services: KindServices

  constructor(services: KindServices) {
    this.#services = services
  }

  async decide(campaign: Campaign): Promise<void> {
    const { store, clock } = this.#services.context
    const counts = await store.fleet.campaignCounts(campaign.id)
    const nowMs = clock.now()
    if (campaign.state === 'rolling-back') {
      await this.#decideRollback(campaign, counts)
      return
    }
    // Who is put off has not failed, but belongs to those that the failures are a part of.
    const inWave = counts.filter((one) => one.wave === campaign.wave && takesPart(campaign.phase, one))
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
    const isReverted = isShowing(campaign) && parameters.revertOnHalt !== false
    if (isReverted) await this.#showFormerChain(campaign)
    const halted = `${failed} of ${total} stations of wave ${campaign.wave + 1} failed: halted`
    const detail = isReverted ? `${halted}; the former chain is shown again` : halted
    await this.#put(campaign, { state: 'halted', detail })
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
    const authorityId = await this.#authorityToShow(campaign)
    if (authorityId === undefined) {
      const detail = 'There is no CSMS CA below the new root: make it, then resume'
      await this.#put(campaign, { state: 'paused', detail })
      return
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

  async #authorityToShow(campaign: Campaign): Promise<string | undefined> {
    const { context, chains } = this.#services
    const parameters: CampaignParameters = campaign.parameters
    if (campaign.kind === 'server-chain') return parameters.authorityId
    const root = parameters.install?.[0]?.fingerprint ?? ''
    const known = chains.authorityUnder(root)
    if (known !== undefined) return known
    const order = { kind: 'new-generation', line: 'csms-ca' } as const
    await context.certificates.operations.submit(order, `campaign:${campaign.id}`)
    return chains.authorityUnder(root)
  }

  /** What has to be true before the first step, at a start and when a halted campaign is taken up again. */
  async begin(campaign: Campaign): Promise<Campaign> {
    if (!isShowing(campaign)) return campaign
    const { chains, context } = this.#services
    const authorityId = await this.#authorityToShow(campaign)
    if (authorityId === undefined) return campaign
    // Who is here now has to come back: being away afterwards is no excuse.
    const rows = await context.store.fleet.campaignStations(campaign.id, {
      states: ['pending'],
      limit: 100_000,
    })
    const here = rows.filter(({ stationId }) => context.bus.isOnline(stationId))
    await Promise.all(
      here.map((row) => context.store.fleet.putCampaignStation({ ...row, step: 'reconnect' })),
    )
    await chains.present(authorityId, `campaign:${campaign.id}`)
    const cutoverAt = isoAt(context.clock.now())
    return { ...campaign, parameters: { ...campaign.parameters, cutoverAt } }
  }

  async beginRollback(campaign: Campaign, actor: string): Promise<Campaign> {
    const { store, clock } = this.#services.context
    const at = isoAt(clock.now())
    if (campaign.phase === 'verify' || campaign.phase === 'cleanup') await this.#showFormerChain(campaign)
    await store.fleet.moveCampaignStations(
      campaign.id,
      ['pending'],
      { state: 'rolled-back', reason: 'not started' },
      at,
    )
    const isShown = campaign.kind === 'server-chain'
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
        isShown ? ['done', 'running', 'deferred', 'failed', 'straggler'] : ['running', 'deferred'],
        { state: 'rolled-back', reason: isShown ? null : 'stopped where it was' },
        at,
      )
    const detail =
      isReversible || isShown
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

  async #showFormerChain(campaign: Campaign): Promise<void> {
    const { previous }: CampaignParameters = campaign.parameters
    if (previous !== undefined) await this.#services.chains.present(previous, `campaign:${campaign.id}`)
  }

  async endedByDeadline(campaign: Campaign): Promise<boolean> {
    const { store, clock } = this.#services.context
    const at = isoAt(clock.now())
    if (campaign.deadline === null || campaign.state !== 'running' || at < campaign.deadline) return false
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
    return true
  }

  /** Somebody who paused or rolled back in the meantime is not overruled: the next look starts from what they want. */
  async #put(campaign: Campaign, change: Partial<Campaign>): Promise<void> {
    const { store, clock } = this.#services.context
    await store.fleet.putCampaign({ ...campaign, ...change, updatedAt: isoAt(clock.now()) }, campaign)
  }
}
