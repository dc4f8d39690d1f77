/** M04, M05: one step from what a station holds to what it should hold, and proof by asking again. */

import {
  type Certificate,
  hashDataKey,
  nextInventoryStep,
  type RootUse,
  type WantedRoot,
} from '../../../pki/index.ts'
import type { InstalledCertificate } from '../../store/fleet.ts'
import type { Station } from '../../store/stations.ts'
import { inspectAnchor, namesRoot } from './anchors.ts'
import { audit, type FleetContext, isoAt, securityEvent } from './context.ts'
import type { Vouched } from './drift.ts'
import type { Inventory } from './inventory.ts'
import { type StepOutcome, troubleOf } from './outcome.ts'

export interface TrustGoal {
  readonly wanted: readonly WantedRoot[]
  /** Whether what the station holds beyond that has to go; asked for installed roots only. */
  readonly isSurplus: (row: InstalledCertificate) => boolean
  /** Never deleted, whatever is wanted: the roots of the chain that we present. */
  readonly protectedRoots: readonly Certificate[]
  /** Actor for the audit trail, e.g. `campaign:ID`. */
  readonly actor: string
  /** What a station refused before is offered again, because somebody asked for it. */
  readonly offerAgain?: boolean
}

type Root = InstalledCertificate & { readonly use: RootUse }
const isRootRow = (row: InstalledCertificate): row is Root =>
  row.use !== 'V2GCertificateChain' && row.parentKey === null

export class TrustSteps {
  readonly #context: FleetContext
  readonly #inventory: Inventory
  readonly #vouched: () => readonly Vouched[]

  constructor(context: FleetContext, inventory: Inventory, vouched: () => readonly Vouched[]) {
    this.#context = context
    this.#inventory = inventory
    this.#vouched = vouched
  }

  /** `done` only after an inventory that is younger than the last change. */
  async step(station: Station, goal: TrustGoal): Promise<StepOutcome> {
    const { fleet } = this.#context.store
    const trust = await fleet.trust(station.id)
    if (trust?.inventoryAt == null) {
      const trouble = await this.#inventory.refresh(station.id)
      return trouble ?? { kind: 'next', step: 'inventory' }
    }
    const rows = await fleet.installed(station.id)
    const roots = rows.filter(isRootRow)
    const missing = goal.wanted.filter((root) => !roots.some((row) => this.#holds(row, root)))
    if (missing.length > 0) return this.#install(station, goal, rows, missing, trust.refused)
    const surplus = roots.filter((row) => goal.isSurplus(row) && this.#isRemovable(row, roots, goal))
    const [first] = surplus
    return first === undefined ? { kind: 'done' } : this.#remove(station, first, goal)
  }

  async #install(
    station: Station,
    goal: TrustGoal,
    rows: readonly InstalledCertificate[],
    missing: readonly WantedRoot[],
    refused: readonly string[],
  ): Promise<StepOutcome> {
    const roots = rows.filter(isRootRow)
    const limit = await this.#maxEntries(station.id)
    const others = rows.length - roots.length + (station.securityProfile === 3 ? 1 : 0)
    const next = nextInventoryStep({
      wanted: missing,
      // Known by what they stand for: a root that its predecessor signed counts as the root.
      installed: roots
        .filter((row) => !missing.some((root) => this.#holds(row, root)))
        .map((row) => ({ use: row.use, hashData: row })),
      managed: [...new Set(missing.map(({ use }) => use))],
      protectedRoots: [...goal.protectedRoots, ...goal.wanted.map(({ certificate }) => certificate)],
      ...(limit === undefined ? {} : { capacity: limit - others }),
      ...(goal.offerAgain === true ? {} : { refused: new Set(refused) }),
    })
    if (next.kind === 'delete') {
      const row = roots.find(
        (one) => hashDataKey(one) === hashDataKey(next.root.hashData) && one.use === next.root.use,
      )
      if (row !== undefined && goal.isSurplus(row)) return this.#remove(station, row, goal)
      return { kind: 'fail', step: 'install', why: 'the store is full, and nothing in it may go' }
    }
    if (next.kind === 'blocked')
      return {
        kind: 'fail',
        step: 'install',
        why:
          next.why === 'full'
            ? 'the store is full, and nothing in it may go'
            : 'the station refused this root before',
      }
    if (next.kind === 'none') return { kind: 'done' }
    return this.#send(station, next.root, rows, goal)
  }

  async #send(
    station: Station,
    root: WantedRoot,
    rows: readonly InstalledCertificate[],
    goal: TrustGoal,
  ): Promise<StepOutcome> {
    const { bus, store, clock, timing } = this.#context
    const verdict = inspectAnchor(root.certificate.der, root.use, clock.now())
    if (!verdict.ok) return { kind: 'fail', step: 'install', why: `${verdict.reason}: ${verdict.message}` }
    const pem = (await this.#formFor(station.id, root, rows)) ?? verdict.pem
    await this.#inventory.invalidate(station.id)
    const outcome = await bus.call(
      station.id,
      'InstallCertificate',
      { certificateType: root.use, certificate: pem },
      { deadlineMs: timing.callDeadlineMs },
    )
    const detail = {
      use: root.use,
      fingerprint: root.certificate.fingerprint,
      subject: root.certificate.subjectText,
    }
    if (outcome.kind !== 'answered') return troubleOf('install', outcome)
    if (outcome.payload.status === 'Accepted') {
      await audit(this.#context, {
        action: 'trust.installed',
        subject: station.id,
        detail,
        actor: goal.actor,
      })
      return { kind: 'next', step: 'confirm' }
    }
    const why = `${outcome.payload.status} ${outcome.payload.statusInfo?.reasonCode ?? ''}`.trim()
    await securityEvent(this.#context, {
      stationId: station.id,
      type: 'RootRefusedByStation',
      detail: { ...detail, why },
      critical: false,
    })
    // It said no: what it holds is asked again now, because nobody may come back to this station for long.
    await this.#inventory.refresh(station.id)
    if (outcome.payload.status === 'Failed') return { kind: 'retry', step: 'install', why }
    const trust = await store.fleet.trust(station.id)
    const refused = [...new Set([...(trust?.refused ?? []), root.certificate.fingerprint])].slice(-50)
    await store.fleet.updateTrust(station.id, { refused })
    return { kind: 'fail', step: 'install', why }
  }

  async #remove(station: Station, row: Root, goal: TrustGoal): Promise<StepOutcome> {
    const { bus, timing } = this.#context
    await this.#inventory.invalidate(station.id)
    // M04.FR.07: exactly as the station named it, its hash algorithm included.
    const { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } = row
    const outcome = await bus.call(
      station.id,
      'DeleteCertificate',
      { certificateHashData: { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } },
      { deadlineMs: timing.callDeadlineMs },
    )
    if (outcome.kind !== 'answered') return troubleOf('delete', outcome)
    const { status } = outcome.payload
    if (status === 'Failed')
      return {
        kind: 'retry',
        step: 'delete',
        why: `Failed ${outcome.payload.statusInfo?.reasonCode ?? ''}`.trim(),
      }
    await audit(this.#context, {
      action: 'trust.deleted',
      subject: station.id,
      detail: { use: row.use, serialNumber, status, at: isoAt(this.#context.clock.now()) },
      actor: goal.actor,
    })
    return { kind: 'next', step: 'confirm' }
  }

  #holds(row: Root, { use, certificate }: WantedRoot): boolean {
    return row.use === use && namesRoot(row, certificate, this.#vouched())
  }

  /** The last root of a use stays, and so does every root that something we present hangs on. */
  #isRemovable(row: Root, roots: readonly Root[], goal: TrustGoal): boolean {
    if (roots.filter(({ use }) => use === row.use).length <= 1) return false
    return ![...goal.protectedRoots, ...goal.wanted.map(({ certificate }) => certificate)].some((root) =>
      namesRoot(row, root, this.#vouched()),
    )
  }

  /** M05.FR.10: a station that checks wants the new CSMS root as the old one signed it. */
  async #formFor(
    stationId: string,
    root: WantedRoot,
    rows: readonly InstalledCertificate[],
  ): Promise<string | undefined> {
    if (root.use !== 'CSMSRootCertificate' || !(await this.checksRoots(stationId))) return undefined
    const held = rows.filter((row) => row.use === 'CSMSRootCertificate')
    if (held.length === 0) return undefined
    return this.#vouched()
      .find(
        ({ cross, issuer }) =>
          cross.subjectKey === root.certificate.subjectKey &&
          held.some((row) => namesRoot(row, issuer, this.#vouched())),
      )
      ?.cross.toPem()
      .trim()
  }

  /** AdditionalRootCertificateCheck, as the station reported it. */
  async checksRoots(stationId: string): Promise<boolean> {
    const [variable] = await this.#context.store.stations.variables(stationId, {
      component: 'SecurityCtrlr',
      variable: 'AdditionalRootCertificateCheck',
    })
    return variable?.value?.toLowerCase() === 'true'
  }

  /** CertificateEntries.maxLimit; undefined where the station does not say. */
  async #maxEntries(stationId: string): Promise<number | undefined> {
    const [variable] = await this.#context.store.stations.variables(stationId, {
      component: 'SecurityCtrlr',
      variable: 'CertificateEntries',
    })
    const limit: unknown = Reflect.get(variable?.characteristics ?? {}, 'maxLimit')
    return typeof limit === 'number' && limit > 0 ? limit : undefined
  }
}
