/** The certificates of a whole fleet: inventories, policies, campaigns, renewals, and what the OCPP side asks of them. */

import type { RootUse } from '../../../pki/index.ts'
import type { ForeignRevocation } from '../foreign/foreign-revocation.ts'
import type { StationCertificates } from '../ports.ts'
import { inspectAnchor, toAnchor } from './anchors.ts'
import { Campaigns } from './campaigns.ts'
import { ChainStatuses } from './chain-statuses.ts'
import { type CompromiseOrder, type CompromiseReport, respondToCompromise } from './compromise.ts'
import { audit, DEFAULT_TIMING, type FleetContext, type FleetTiming, isoAt } from './context.ts'
import { checkFirmware } from './firmware.ts'
import type { FirmwareFiles } from './firmware-file.ts'
import { Inventory } from './inventory.ts'
import type { KindServices } from './kinds.ts'
import { Leaves } from './leaves.ts'
import { NetworkProfiles } from './network-profiles.ts'
import { Passwords } from './passwords.ts'
import { Patience } from './patience.ts'
import type { FleetApi } from './ports.ts'
import { Quarantine } from './quarantine.ts'
import { Reconciler } from './reconciler.ts'
import { DEFAULT_RENEWAL_LIMITS, type RenewalLimits, Renewals } from './renewals.ts'
import { ServerChains } from './server-chain.ts'
import { TrustSteps } from './trust-steps.ts'
import { certificateOf } from './wanted.ts'

export interface FleetOptions extends Omit<FleetContext, 'timing' | 'upSinceMs'> {
  readonly timing?: Partial<FleetTiming>
  readonly renewal?: RenewalLimits
  readonly hashPassword: (password: string) => Promise<string>
  /** Asks others about certificates that they issued; absent: nothing is asked ahead of time. */
  readonly foreign?: Pick<ForeignRevocation, 'response'>
  /** Reads firmware to check its signature; absent: only its certificate is checked. */
  readonly firmwareFiles?: FirmwareFiles
  /** SignCertificate is answered Accepted before the CSR is judged: for stations that need it (TC_A_14). */
  readonly acceptFirst?: boolean
}

const LINKS_MS = 250
/** Keeps the answers of others in use; how long each holds is the cache's matter. */
const STATUSES_MS = 3_600_000

export class FleetService {
  readonly campaigns: Campaigns
  readonly reconciler: Reconciler
  readonly inventory: Inventory
  readonly chains: ServerChains
  readonly renewals: Renewals
  readonly patience: Patience
  readonly statuses: ChainStatuses
  readonly context: FleetContext
  readonly #leaves: Leaves
  readonly #quarantine: Quarantine
  readonly #acceptFirst: boolean
  readonly #hashPassword: FleetOptions['hashPassword']
  readonly #firmwareFiles: FirmwareFiles | undefined
  readonly #busy = new Set<string>()
  #links = new Map<string, { readonly at: string; readonly shown: string | null }>()
  #timers: NodeJS.Timeout[] = []
  #unsubscribe: () => void = () => undefined
  readonly #running = new Set<Promise<void>>()
  readonly #exclusive = new Set<string>()

  constructor(options: FleetOptions) {
    const timing = { ...DEFAULT_TIMING, ...options.timing }
    const context: FleetContext = { ...options, timing, upSinceMs: options.clock.now() }
    this.context = context
    this.#hashPassword = options.hashPassword
    this.#acceptFirst = options.acceptFirst ?? false
    this.#firmwareFiles = options.firmwareFiles
    this.inventory = new Inventory(context)
    this.chains = new ServerChains(context)
    const trustSteps = new TrustSteps(context, this.inventory, () => this.chains.vouched())
    this.#leaves = new Leaves(context)
    this.#quarantine = new Quarantine(context)
    this.reconciler = new Reconciler(context, {
      inventory: this.inventory,
      steps: trustSteps,
      chains: this.chains,
      busy: this.#busy,
    })
    this.patience = new Patience(context)
    this.statuses = new ChainStatuses(context, options.foreign ?? { response: async () => undefined })
    this.renewals = new Renewals(context, options.renewal ?? DEFAULT_RENEWAL_LIMITS)
    const services: KindServices = {
      context,
      trustSteps,
      chains: this.chains,
      leaves: this.#leaves,
      passwords: new Passwords(context, options.hashPassword),
      networkProfiles: new NetworkProfiles(context),
      refresh: () => this.refreshAuthorities(),
      anchor: async (use, fingerprint) => {
        const anchor = (await context.store.fleet.anchors()).find(
          (one) => one.use === use && one.fingerprint === fingerprint,
        )
        return anchor && certificateOf(anchor)
      },
    }
    this.campaigns = new Campaigns(services, this.#busy)
  }

  /** What is known before anybody connects: our own roots as anchors, and the chain that is shown. */
  async open(): Promise<void> {
    await this.chains.pin()
    await this.refreshAuthorities()
  }

  start(): void {
    const { hub, timing } = this.context
    this.#unsubscribe = hub.subscribe((event) => {
      if (event.kind === 'station.connected')
        this.#links.set(event.stationId, { at: event.at, shown: event.shown ?? null })
      if (event.kind === 'certificate.issued') this.#run('statuses', () => this.statuses.sweep())
      if (event.kind === 'station.connected') this.reconciler.look(event.stationId)
      if (event.kind === 'station.booted' && event.registration !== 'Rejected')
        this.#run(`boot ${event.stationId}`, () => this.reconciler.booted(event.stationId))
      if (event.kind === 'station.booted' && event.registration === 'Pending')
        this.#run(`renew ${event.stationId}`, () => this.#quarantine.booted(event.stationId))
    })
    const every = (ms: number, name: string, work: () => Promise<unknown>) => {
      const timer = setInterval(() => this.#run(name, work), ms)
      timer.unref()
      this.#timers.push(timer)
    }
    every(Math.min(LINKS_MS, timing.sweepMs), 'links', () => this.#writeLinks())
    every(timing.sweepMs, 'campaigns', () => this.campaigns.advance())
    every(timing.sweepMs, 'trust', () => this.reconciler.advance())
    every(timing.sweepMs * 10, 'patience', () => this.patience.sweep())
    every(timing.renewalMs, 'renewals', () => this.renewals.sweep())
    every(STATUSES_MS, 'statuses', () => this.statuses.sweep())
    every(60_000, 'authorities', () => this.refreshAuthorities())
    for (const stationId of this.context.bus.onlineStations()) this.reconciler.look(stationId)
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await Promise.allSettled(this.#running)
    await this.reconciler.settled()
    await this.campaigns.settled()
    await this.#writeLinks()
  }

  /** Our own generations are anchors by themselves; what their predecessors signed is read again. */
  async refreshAuthorities(): Promise<void> {
    const { store, certificates, clock } = this.context
    const known = new Set(
      (await store.fleet.anchors()).map(({ use, fingerprint }) => `${use} ${fingerprint}`),
    )
    for (const [line, use] of OWN_ROOTS)
      for (const { certificate } of certificates.authorities.generations(line))
        if (!known.has(`${use} ${certificate.fingerprint}`))
          await store.fleet.putAnchor(toAnchor(certificate, use, clock.now()))
    await this.chains.refresh()
  }

  async addAnchor(use: RootUse, pem: string, actor: string) {
    const { store, clock } = this.context
    const verdict = inspectAnchor(pem, use, clock.now())
    if (!verdict.ok) return verdict
    const anchor = toAnchor(verdict.certificate, use, clock.now())
    await store.fleet.putAnchor(anchor)
    await audit(this.context, {
      action: 'trust.anchor-added',
      subject: anchor.fingerprint,
      detail: { use, subject: anchor.subject },
      actor,
    })
    return { ok: true, anchor } as const
  }

  compromise(
    stationId: string,
    options: Omit<CompromiseOrder, 'stationId'>,
  ): Promise<CompromiseReport | undefined> {
    return respondToCompromise(this.context, this.#hashPassword, { stationId, ...options })
  }

  /** What the operator API asks for. */
  api(): FleetApi {
    return {
      addAnchor: (use, pem, actor) => this.addAnchor(use, pem, actor),
      policiesChanged: () => this.reconciler.lookAtAll(),
      serverChains: () => this.chains.endpoints(),
      shownAuthority: (fingerprint) => this.chains.authorityOf(fingerprint),
      drift: (filter) => this.reconciler.drift(filter),
      refreshInventory: async (stationId) => (await this.inventory.refresh(stationId))?.why,
      compromise: (stationId, options) => this.compromise(stationId, options),
      permitExpired: (stationId, untilMs, actor) => this.#quarantine.permit(stationId, untilMs, actor),
      checkFirmware: (firmware) => checkFirmware(this.context, this.#firmwareFiles, firmware),
      planCampaign: (order, actor) => this.campaigns.create(order, actor),
      actOnCampaign: (id, action, actor) => this.campaigns.act(id, action, actor),
      campaignReport: (id) => this.campaigns.report(id),
    }
  }

  /** The certificate port of the OCPP side, with what the fleet learns and decides at the door. */
  guard(port: StationCertificates): StationCertificates {
    return {
      ...port,
      requestSigning: (station, request) => {
        if (!this.#acceptFirst) return port.requestSigning(station, request)
        // What is wrong with it shows in the security log; the station learns by getting no certificate.
        this.#run(`csr ${station.id}`, () => port.requestSigning(station, request))
        return Promise.resolve({ status: 'Accepted' })
      },
      verifyStationCertificate: async (station, chainDer) => {
        const verdict = await port.verifyStationCertificate(station, chainDer)
        if (!verdict.ok)
          return this.#quarantine.admit(station, chainDer, verdict, port.verifyStationCertificate)
        await this.#presented(station.id, verdict.fingerprint)
        return verdict
      },
      passwordCandidate: async (stationId) =>
        (await this.context.store.fleet.trust(stationId))?.passwordCandidate ?? undefined,
      adoptPassword: (stationId) => this.#adoptPassword(stationId),
    }
  }

  /** On disk before the station is let in: with the new leaf proven, the old one is over. */
  async #presented(stationId: string, fingerprint: string): Promise<void> {
    const { fleet } = this.context.store
    const trust = await fleet.trust(stationId)
    if (trust?.leafFingerprint === fingerprint) return
    await fleet.updateTrust(stationId, { leafFingerprint: fingerprint })
    this.#run(`leaf ${stationId}`, () => this.#leaves.supersede(stationId, fingerprint))
  }

  /** A password whose answer was lost turned out to be in use: from now on it is the only one. */
  async #adoptPassword(stationId: string): Promise<void> {
    const { store, clock } = this.context
    const [station, trust] = [await store.stations.get(stationId), await store.fleet.trust(stationId)]
    if (station === undefined || trust?.passwordCandidate == null) return
    await store.stations.put({ ...station, passwordHash: trust.passwordCandidate }, isoAt(clock.now()))
    await store.fleet.updateTrust(stationId, { passwordCandidate: null })
    await audit(this.context, {
      action: 'station.password-changed',
      subject: stationId,
      detail: { how: 'adopted at connection' },
    })
  }

  async #writeLinks(): Promise<void> {
    if (this.#links.size === 0) return
    const links = [...this.#links].map(([stationId, link]) => ({ stationId, ...link }))
    this.#links = new Map()
    await this.context.store.fleet.recordLinks(links)
  }

  /** One at a time of each name; failures are said and do not end the loop. */
  #run(name: string, work: () => Promise<unknown>): void {
    if (this.#exclusive.has(name)) return
    this.#exclusive.add(name)
    const task = (async () => {
      try {
        await work()
      } catch (error) {
        this.context.log.error(
          { err: error, work: name },
          'Work on the certificates of the fleet failed; it is tried again',
        )
      } finally {
        this.#exclusive.delete(name)
      }
    })()
    this.#running.add(task)
    void task.finally(() => this.#running.delete(task))
  }
}

/** Lines of our own roots, and what they are to a station. */
const OWN_ROOTS: readonly (readonly [string, RootUse])[] = [
  ['v2g-root', 'V2GRootCertificate'],
  ['mo-root', 'MORootCertificate'],
  ['csms-root', 'CSMSRootCertificate'],
]
