import { CERTIFICATE_KINDS, certificateProfile, inspectCsr, PkiError } from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { AuthorityOperation } from '../store/certificates.ts'
import type { Authorities } from './authorities.ts'
import { AuthorityRefusal } from './authority-refusal.ts'
import { Ceremonies, type CeremonyOptions } from './ceremony/ceremonies.ts'
import { crossSign, newGeneration, retire } from './generations.ts'
import { completeHierarchy } from './hierarchy.ts'

/** What can be done to the authorities themselves, as data: it may have to wait for somebody to agree. */
export type OperationOrder =
  | { readonly kind: 'new-generation'; readonly line: string }
  | { readonly kind: 'cross-sign'; readonly subjectId: string; readonly issuerId: string }
  | { readonly kind: 'retire'; readonly authorityId: string }
  | {
      readonly kind: 'ceremony'
      readonly what: 'authority' | 'ocsp-responder' | 'crl'
      readonly subject: string
    }
  | {
      readonly kind: 'issue'
      /** Kind of certificate, e.g. `secc-leaf`; roots and CAs are not issued this way. */
      readonly profile: string
      readonly csr: string
      readonly stationId?: string | undefined
    }

export type OperationKind = OperationOrder['kind']

export interface AuthorityOperationsOptions extends CeremonyOptions {
  /** Kinds that need a second person, `issue:PROFILE` for single profiles, `*` for everything. */
  readonly fourEyes: readonly string[]
  /** After the authorities changed: delegates, CRLs. */
  onChanged(): Promise<void>
}

/** Which line issues which end-entity profile by request of an operator. */
const ISSUERS: Readonly<Record<string, string>> = {
  'secc-leaf': 'cpo-sub2',
  'cps-leaf': 'cps-sub2',
  contract: 'mo-sub2',
  'station-client': 'station-ca',
}

/**
 * Operations on authorities: written down first, then done, or left waiting until another person agrees. Whoever
 * asked can never be the one who agrees.
 */
export class AuthorityOperations {
  readonly #options: AuthorityOperationsOptions
  readonly #authorities: Authorities
  readonly #ceremonies: Ceremonies

  constructor(options: AuthorityOperationsOptions, authorities: Authorities) {
    this.#options = options
    this.#authorities = authorities
    this.#ceremonies = new Ceremonies(options, authorities)
  }

  /** Whether this order has to wait for a second person. */
  needsApproval(order: OperationOrder): boolean {
    const names = ['*', order.kind, ...(order.kind === 'issue' ? [`issue:${order.profile}`] : [])]
    return names.some((name) => this.#options.fourEyes.includes(name))
  }

  async submit(order: OperationOrder, actor: string): Promise<AuthorityOperation> {
    const now = this.#now()
    const { kind, ...parameters } = order
    const operation: AuthorityOperation = {
      id: this.#options.newId(),
      kind,
      parameters,
      state: 'waiting',
      requestedBy: actor,
      decidedBy: null,
      result: null,
      detail: null,
      createdAt: now,
      updatedAt: now,
    }
    await this.#options.store.certificates.putOperation(operation)
    return this.needsApproval(order) ? operation : this.#perform(operation, order, null)
  }

  /** A second person agrees or refuses. */
  async decide(id: string, decision: 'approve' | 'reject', actor: string): Promise<AuthorityOperation> {
    const operation = await this.#known(id)
    if (operation.state !== 'waiting')
      throw new AuthorityRefusal('operation.settled', `The operation is ${operation.state} already`)
    if (decision === 'reject') {
      await this.#settle(operation, 'waiting', {
        state: 'rejected',
        decidedBy: actor,
        result: null,
        detail: null,
      })
      return this.#known(id)
    }
    if (operation.requestedBy === actor)
      throw new AuthorityRefusal('operation.same-person', 'Somebody else than the one who asked has to agree')
    return this.#perform(operation, toOrder(operation), actor)
  }

  /** The file that came back from a ceremony. */
  async answer(id: string, answerText: string, actor: string): Promise<AuthorityOperation> {
    const operation = await this.#known(id)
    if (operation.state !== 'awaiting-answer')
      throw new AuthorityRefusal(
        'operation.settled',
        `The operation is ${operation.state}, it awaits no answer`,
      )
    const { authorityId } = await this.#ceremonies.accept(operation, answerText, actor)
    await this.#settle(operation, 'awaiting-answer', {
      state: 'done',
      decidedBy: operation.decidedBy,
      result: { ...operation.result, authorityId },
      detail: null,
    })
    await this.#changed()
    return this.#known(id)
  }

  async #perform(
    operation: AuthorityOperation,
    order: OperationOrder,
    decidedBy: string | null,
  ): Promise<AuthorityOperation> {
    // Claimed before it is done: of two who agree at the same time one is told that it is settled.
    await this.#settle(operation, 'waiting', {
      state: 'failed',
      decidedBy,
      result: null,
      detail: 'It was interrupted',
    })
    const outcome = await this.#outcome(order, operation.requestedBy)
    await this.#settle(operation, 'failed', { ...outcome, decidedBy })
    if (outcome.state === 'done' && order.kind !== 'issue') await this.#changed()
    return this.#known(operation.id)
  }

  async #outcome(
    order: OperationOrder,
    actor: string,
  ): Promise<Pick<AuthorityOperation, 'state' | 'result' | 'detail'>> {
    try {
      const result = await this.#execute(order, actor)
      return { state: order.kind === 'ceremony' ? 'awaiting-answer' : 'done', result, detail: null }
    } catch (error) {
      if (error instanceof AuthorityRefusal || error instanceof PkiError || error instanceof KeyUnavailable)
        return { state: 'failed', result: null, detail: error.message }
      throw error
    }
  }

  async #execute(order: OperationOrder, actor: string): Promise<object> {
    const authorities = this.#authorities
    switch (order.kind) {
      case 'new-generation': {
        const { authority, crosses } = await newGeneration(this.#options, authorities, {
          line: order.line,
          actor,
        })
        return { authorityId: authority.record.id, crossCertificates: crosses.map((one) => one.fingerprint) }
      }
      case 'cross-sign': {
        const { subjectId, issuerId } = order
        const certificate = await crossSign(this.#options, authorities, { subjectId, issuerId, actor })
        return { fingerprint: certificate.fingerprint }
      }
      case 'retire': {
        await retire(this.#options, authorities, { authorityId: order.authorityId, actor })
        return { authorityId: order.authorityId }
      }
      case 'ceremony':
        return { request: await this.#ceremonies.request(order.what, order.subject) }
      case 'issue':
        return this.#issue(order)
    }
  }

  async #issue(order: Extract<OperationOrder, { kind: 'issue' }>): Promise<object> {
    const { store, issuance, organisation } = this.#options
    const kind = CERTIFICATE_KINDS.find((one) => one === order.profile)
    const line = ISSUERS[order.profile]
    if (kind === undefined || line === undefined)
      throw new AuthorityRefusal(
        'operation.invalid',
        `${order.profile} is not issued on request; choose one of ${Object.keys(ISSUERS).join(', ')}`,
      )
    const station = order.stationId === undefined ? undefined : await store.stations.get(order.stationId)
    if (order.stationId !== undefined && !station)
      throw new AuthorityRefusal('operation.invalid', `There is no station ${order.stationId}`)
    const organization = station?.organisation ?? organisation
    const verdict = inspectCsr(order.csr, {
      organization,
      ...(station ? { commonName: [station.serialNumber ?? station.id] } : {}),
    })
    if (!verdict.ok) throw new AuthorityRefusal('operation.invalid', verdict.message)
    const certificate = await issuance.issue({
      authority: this.#authorities.signing(line),
      profile: certificateProfile(kind),
      subject: { commonName: verdict.csr.commonNames[0] ?? '', organization },
      publicKey: verdict.csr.publicKey,
      stationId: station?.id ?? null,
    })
    return { fingerprint: certificate.fingerprint }
  }

  async #known(id: string): Promise<AuthorityOperation> {
    const operation = await this.#options.store.certificates.operation(id)
    if (operation) return operation
    throw new AuthorityRefusal('operation.unknown', `There is no operation ${id}`)
  }

  async #settle(
    operation: AuthorityOperation,
    from: AuthorityOperation['state'],
    change: Pick<AuthorityOperation, 'state' | 'decidedBy' | 'result' | 'detail'>,
  ): Promise<void> {
    const moved = await this.#options.store.certificates.decideOperation(operation.id, from, {
      ...change,
      updatedAt: this.#now(),
    })
    if (!moved)
      throw new AuthorityRefusal('operation.settled', 'Somebody else was faster; look at the operation again')
  }

  async #changed(): Promise<void> {
    await completeHierarchy(this.#options, this.#authorities)
    await this.#options.onChanged()
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }
}

/** An order from what came over the API or was stored; throws AuthorityRefusal where it is none. */
export function toOrder({
  kind,
  parameters,
}: Pick<AuthorityOperation, 'kind' | 'parameters'>): OperationOrder {
  const text = (name: string): string => {
    const value: unknown = Object.entries(parameters).find(([key]) => key === name)?.[1]
    if (typeof value !== 'string')
      throw new AuthorityRefusal(
        'operation.invalid',
        `The operation holds no ${name}: reject it and ask again`,
      )
    return value
  }
  switch (kind) {
    case 'new-generation':
      return { kind, line: text('line') }
    case 'cross-sign':
      return { kind, subjectId: text('subjectId'), issuerId: text('issuerId') }
    case 'retire':
      return { kind, authorityId: text('authorityId') }
    case 'ceremony': {
      const what = (['authority', 'ocsp-responder', 'crl'] as const).find((one) => one === text('what'))
      if (what === undefined)
        throw new AuthorityRefusal('operation.invalid', 'The kind of ceremony is unknown')
      return { kind, what, subject: text('subject') }
    }
    case 'issue':
      return {
        kind,
        profile: text('profile'),
        csr: text('csr'),
        stationId: 'stationId' in parameters ? text('stationId') : undefined,
      }
    default:
      throw new AuthorityRefusal('operation.invalid', `The kind of operation ${kind} is unknown`)
  }
}
