/** Campaigns: planned, read, started, halted by themselves, paused, resumed, rolled back, and reported on. */

import type { Certificate, RootUse } from '../../../pki/index.ts'
import type { Campaign, CampaignKind, CampaignState, CampaignStation } from '../../store/fleet.ts'
import { CampaignPhases } from './campaign-phases.ts'
import { CampaignRunner } from './campaign-runner.ts'
import { audit, isoAt } from './context.ts'
import type { CampaignParameters, KindServices } from './kinds.ts'
import { type CampaignLimits, DEFAULT_LIMITS, planRows } from './plan.ts'
import { preflightFleet, type Targets } from './preflight.ts'

export interface CampaignOrder {
  readonly kind: CampaignKind
  readonly name: string
  readonly targets: Targets
  readonly parameters?: CampaignParameters
  readonly limits?: Partial<CampaignLimits>
  readonly deadline?: string
}

export type CampaignAction = 'start' | 'pause' | 'resume' | 'rollback' | 'cancel'

export class CampaignRefusal extends Error {
  readonly code: 'campaign.unknown' | 'campaign.invalid' | 'campaign.conflict'

  constructor(code: CampaignRefusal['code'], message: string) {
    super(message)
    this.name = 'CampaignRefusal'
    this.code = code
  }
}

export interface CampaignReport {
  readonly campaign: Campaign
  readonly counts: Readonly<Record<string, number>>
  /** Everyone who is not done, with the step and the reason. */
  readonly rest: readonly Pick<CampaignStation, 'stationId' | 'state' | 'step' | 'reason' | 'attempts'>[]
}

const ALLOWED: Readonly<Record<CampaignAction, readonly CampaignState[]>> = {
  start: ['planned'],
  pause: ['running'],
  resume: ['paused', 'halted'],
  rollback: ['running', 'paused', 'halted', 'finished'],
  cancel: ['planned', 'running', 'paused', 'halted'],
}
/** A rollover installs before it shows; a chain under a root that stations have is shown at once. */
const FIRST_PHASE: Partial<Record<CampaignKind, string>> = {
  'csms-root-rollover': 'install',
  'server-chain': 'verify',
}
/** Which sub-CA the leaves of a kind come from. */
const LEAF_LINES: Partial<Record<CampaignKind, string>> = {
  'station-leaf': 'station-ca',
  'secc-leaf': 'cpo-sub2',
}
const OPEN: readonly CampaignState[] = ['running', 'rolling-back']
const MAX_STATIONS = 100_000

export class Campaigns {
  readonly #services: KindServices
  readonly #phases: CampaignPhases
  readonly #runner: CampaignRunner

  constructor(services: KindServices, busy: Set<string>) {
    this.#services = services
    this.#phases = new CampaignPhases(services)
    this.#runner = new CampaignRunner(services, this.#phases, busy)
  }

  /** The plan: nothing is sent to any station before it is started. */
  async create(order: CampaignOrder, actor: string): Promise<Campaign> {
    const { context, chains } = this.#services
    const { store, clock, newId } = context
    await this.#services.refresh()
    const parameters = await this.#completed(order)
    const named = async (list: CampaignParameters['install'] = []) => {
      const found: { use: RootUse; certificate: Certificate }[] = []
      for (const { use, fingerprint } of list) {
        const certificate = await this.#services.anchor(use, fingerprint)
        if (certificate === undefined)
          throw new CampaignRefusal(
            'campaign.invalid',
            `There is no anchor ${fingerprint} for ${use}: add it first`,
          )
        found.push({ use, certificate })
      }
      return found
    }
    const limits: CampaignLimits = { ...DEFAULT_LIMITS, ...order.limits }
    const id = newId()
    const planned = await preflightFleet(
      context,
      {
        kind: order.kind,
        targets: order.targets,
        install: await named(parameters.install),
        remove: await named(parameters.remove),
        ...(parameters.toProfile === undefined ? {} : { toProfile: parameters.toProfile }),
        ...(parameters.allowProfile1 === undefined ? {} : { allowProfile1: parameters.allowProfile1 }),
      },
      chains.vouched(),
    )
    const at = isoAt(clock.now())
    const rows = planRows(id, planned, limits, at)
    const campaign: Campaign = {
      id,
      kind: order.kind,
      name: order.name,
      state: 'planned',
      parameters,
      limits,
      phase: FIRST_PHASE[order.kind] ?? 'work',
      wave: 0,
      waves:
        1 + rows.reduce((most, { wave, state }) => (state === 'excluded' ? most : Math.max(most, wave)), 0),
      waveStartedAt: null,
      waveEndedAt: null,
      detail: null,
      createdBy: actor,
      createdAt: at,
      updatedAt: at,
      deadline: order.deadline ?? null,
    }
    await store.fleet.createCampaign(campaign, rows)
    await audit(context, {
      action: 'campaign.planned',
      subject: id,
      detail: { kind: order.kind, stations: rows.length },
      actor,
    })
    return campaign
  }

  async act(id: string, action: CampaignAction, actor: string): Promise<Campaign> {
    const { store, clock } = this.#services.context
    const campaign = await this.#known(id)
    if (!ALLOWED[action].includes(campaign.state))
      throw new CampaignRefusal('campaign.conflict', `The campaign is ${campaign.state}: it cannot ${action}`)
    const at = isoAt(clock.now())
    if (action === 'start') await this.#makeGeneration(campaign)
    const next: Campaign =
      action === 'rollback'
        ? await this.#phases.beginRollback(campaign, actor)
        : {
            ...campaign,
            state: action === 'pause' ? 'paused' : action === 'cancel' ? 'cancelled' : 'running',
            ...(action === 'start' ? { waveStartedAt: at } : {}),
            // Who resumes a rollover that held before its cutover agrees to it; who resumes a halted one tries again.
            ...(action === 'resume'
              ? { parameters: { ...campaign.parameters, holdBeforeCutover: false } }
              : {}),
            detail: action === 'resume' || action === 'start' ? null : campaign.detail,
            updatedAt: at,
          }
    if (action === 'resume' && campaign.state === 'halted')
      await store.fleet.moveCampaignStations(id, ['failed'], { state: 'pending', reason: null }, at)
    await store.fleet.putCampaign(
      action === 'start' || action === 'resume' ? await this.#phases.begin(next) : next,
    )
    await audit(this.#services.context, {
      action: `campaign.${action}`,
      subject: id,
      detail: { before: campaign.state },
      actor,
    })
    return next
  }

  async report(id: string): Promise<CampaignReport> {
    const { fleet } = this.#services.context.store
    const campaign = await this.#known(id)
    const counts: Record<string, number> = {}
    for (const { state, count } of await fleet.campaignCounts(id))
      counts[state] = (counts[state] ?? 0) + count
    const rest = await fleet.campaignStations(id, {
      states: ['excluded', 'pending', 'running', 'deferred', 'failed', 'straggler'],
      limit: MAX_STATIONS,
    })
    return {
      campaign,
      counts,
      rest: rest.map(({ stationId, state, step, reason, attempts }) => ({
        stationId,
        state,
        step,
        reason,
        attempts,
      })),
    }
  }

  /** One look at every open campaign. Safe to call at any time, from one caller at a time. */
  async advance(): Promise<void> {
    const open = await this.#services.context.store.fleet.campaigns({ states: OPEN, limit: 100 })
    for (const campaign of open) await this.#runner.advance(campaign)
  }

  /** Resolves when no step is under way. */
  settled(): Promise<void> {
    return this.#runner.settled()
  }

  async #known(id: string): Promise<Campaign> {
    const campaign = await this.#services.context.store.fleet.campaign(id)
    if (campaign === undefined)
      throw new CampaignRefusal('campaign.unknown', `There is no campaign ${id}; see GET /api/v1/campaigns`)
    return campaign
  }

  /** What a campaign of its kind needs, completed with what the service knows. */
  async #completed({ kind, parameters = {} }: CampaignOrder): Promise<CampaignParameters> {
    if (kind === 'security-profile' && !/^wss:\/\/\S+$/.test(parameters.url ?? ''))
      throw new CampaignRefusal(
        'campaign.invalid',
        'A security-profile campaign needs parameters.url, the wss address of the CSMS',
      )
    if (kind === 'roots' && (parameters.install ?? []).length + (parameters.remove ?? []).length === 0)
      throw new CampaignRefusal(
        'campaign.invalid',
        'A roots campaign needs parameters.install or parameters.remove',
      )
    const line = LEAF_LINES[kind]
    if (parameters.newGeneration === true) {
      const before = line && this.#services.context.certificates.authorities.current(line)?.record.id
      if (before === undefined)
        throw new CampaignRefusal('campaign.invalid', 'parameters.newGeneration is for campaigns of leaves')
      return { ...parameters, generationBefore: before }
    }
    if (kind === 'server-chain') return this.#serverChain(parameters)
    if (kind === 'csms-root-rollover') return this.#rollover(parameters)
    return parameters
  }

  /** Safe to repeat after a crash: made only while the generation is the one of the plan. */
  async #makeGeneration({ id, kind, parameters }: Campaign): Promise<void> {
    const { generationBefore }: CampaignParameters = parameters
    const line = LEAF_LINES[kind]
    const { authorities, operations } = this.#services.context.certificates
    if (generationBefore === undefined || line === undefined) return
    if (authorities.current(line)?.record.id !== generationBefore) return
    const operation = await operations.submit({ kind: 'new-generation', line }, `campaign:${id}`)
    if (operation.state !== 'done')
      throw new CampaignRefusal(
        'campaign.conflict',
        `The new generation of ${line} is ${operation.state} (operation ${operation.id}): have it approved, then start again`,
      )
    await this.#services.refresh()
  }

  /** The newest sub-CA of our server, under the root that is shown now: whoever trusts that one trusts it as well. */
  async #serverChain(parameters: CampaignParameters): Promise<CampaignParameters> {
    const { chains } = this.#services
    const [shown, newest] = [await chains.pin(), chains.newest()]
    if (shown === undefined || newest === undefined || newest === shown.authorityId)
      throw new CampaignRefusal(
        'campaign.invalid',
        'There is no newer CSMS CA than the one that is shown: make it first (gridkeep ca generation csms-ca)',
      )
    if (chains.rootOf(newest)?.fingerprint !== chains.rootOf(shown.authorityId)?.fingerprint)
      throw new CampaignRefusal(
        'campaign.invalid',
        'The newest CSMS CA is under another root: plan a csms-root-rollover',
      )
    return { ...parameters, authorityId: newest, previous: shown.authorityId }
  }

  /** A rollover names its roots itself where the order does not: the newest generation in, the one shown now out. */
  async #rollover(parameters: CampaignParameters): Promise<CampaignParameters> {
    const newest = this.#services.context.certificates.authorities.current('csms-root')
    const shown = await this.#services.chains.roots()
    const install =
      parameters.install ??
      (newest ? [{ use: 'CSMSRootCertificate' as const, fingerprint: newest.certificate.fingerprint }] : [])
    const remove =
      parameters.remove ??
      shown.map(({ fingerprint }) => ({ use: 'CSMSRootCertificate' as const, fingerprint }))
    if (install.length !== 1 || remove.some(({ fingerprint }) => fingerprint === install[0]?.fingerprint))
      throw new CampaignRefusal(
        'campaign.invalid',
        'There is no new CSMS root: make it first (gridkeep ca generation csms-root)',
      )
    const previous = (await this.#services.chains.pin())?.authorityId
    return { ...parameters, install, remove, ...(previous === undefined ? {} : { previous }) }
  }
}
