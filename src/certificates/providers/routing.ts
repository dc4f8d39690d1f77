import type { Logger } from 'pino'
import {
  type ProvisioningRequest,
  parseEmaid,
  parsePcid,
  type RefusalCode,
  soleCommonName,
} from '../../../pki/index.ts'
import type { EvCertificateAnswer } from '../ports.ts'
import { type CarAnswers, readAnswers } from './answers.ts'
import type { ProvisioningProvider, Route } from './ports.ts'

/** One source's answer for a car, with what the audit trail says about it. */
export interface RoutedOutcome {
  /** `local` or the name of the provider. */
  readonly by: string
  /** PCID or eMAID, where it is known. */
  readonly subject: string
  readonly verdict: Readonly<Record<string, unknown>>
  /** Undefined where the car gets a certificate. */
  readonly refusal: RefusalCode | 'provider-none' | 'provider-refused' | 'provider-unreachable' | undefined
  readonly answer: EvCertificateAnswer
  /** The audit trail has it already. */
  readonly isAudited?: boolean
  /** More answers, for the car's next requests in its session. */
  readonly waiting?: readonly Uint8Array[]
}

export interface RoutableRequest {
  readonly action: 'Install' | 'Update'
  readonly schemaVersion: string
  readonly exiRequest: Uint8Array
  /** What it says; undefined where it cannot be read, or where no route needs to know. */
  readonly read: ProvisioningRequest | undefined
}

/** What somebody else may know better: whom we do not know or have nothing for. A forged signature stays one. */
const PASSES_ON: ReadonlySet<NonNullable<RoutedOutcome['refusal']>> = new Set([
  'chain-invalid',
  'contract-missing',
  'contract-unfit',
  'v2g-root-unknown',
  'revocation-unknown',
  'schema-unsupported',
  'key-unsupported',
  'provider-none',
  'provider-refused',
  'provider-unreachable',
])

export interface RoutingOptions {
  readonly providers: readonly ProvisioningProvider[]
  /** The first that fits is taken; where none does, the local pool alone answers. */
  readonly routes: readonly Route[]
  /** For the providers of one request together: the local part has its share of the car's patience, too. */
  readonly deadlineMs: number
  readonly log: Logger
}

/** Who answers for a car: the local pool, a provider, or one after the other. */
export class ProviderRouting {
  readonly #options: RoutingOptions
  readonly #providers: ReadonlyMap<string, ProvisioningProvider>

  constructor(options: RoutingOptions) {
    this.#options = options
    this.#providers = new Map(options.providers.map((provider) => [provider.name, provider]))
    for (const name of options.routes.flatMap(({ order }) => order))
      if (name !== LOCAL && !this.#providers.has(name))
        throw new Error(`A route names the provider "${name}", which is not configured`)
  }

  async answer(request: RoutableRequest, locally: () => Promise<RoutedOutcome>): Promise<RoutedOutcome> {
    const order = this.orderFor(request)
    const endMs = performance.now() + this.#options.deadlineMs
    let best: RoutedOutcome | undefined
    for (const name of order) {
      const provider = this.#providers.get(name)
      const leftMs = endMs - performance.now()
      if (provider && leftMs < LEAST_MS) continue
      const outcome = provider ? await this.#ask(provider, request, leftMs) : await locally()
      if (outcome.refusal === undefined || !PASSES_ON.has(outcome.refusal)) return outcome
      // Our own refusal says the most; a provider's word in the car's language is better than none.
      if (best === undefined || name === LOCAL || best.answer.status === 'Failed') best = outcome
    }
    return best ?? locally()
  }

  /** Whether there is anybody to ask, so that a request has to be read first. */
  get asksOthers(): boolean {
    return this.#options.providers.length > 0
  }

  orderFor({ read }: RoutableRequest): readonly string[] {
    const { routes } = this.#options
    if (routes.length === 0) return [LOCAL]
    const { manufacturer, emaid, issuer } = identityOf(read)
    const route = routes.find(
      ({ manufacturers, issuers, emaidPrefixes }) =>
        (manufacturers === undefined || manufacturers.includes(manufacturer ?? '')) &&
        (issuers === undefined ||
          issuers.some((part) => issuer?.toLowerCase().includes(part.toLowerCase()))) &&
        (emaidPrefixes === undefined ||
          emaidPrefixes.some((prefix) => emaid?.startsWith(prefix.replaceAll('-', '').toUpperCase()))),
    )
    return route?.order ?? [LOCAL]
  }

  async #ask(
    provider: ProvisioningProvider,
    request: RoutableRequest,
    deadlineMs: number,
  ): Promise<RoutedOutcome> {
    const begin = performance.now()
    const by = provider.name
    const { action, schemaVersion, exiRequest, read } = request
    // What we cannot read nobody answers: its answers could not be looked at.
    const answer: CarAnswers = read
      ? readAnswers(await provider.provide({ action, schemaVersion, exiRequest, deadlineMs }), read)
      : { kind: 'refused', detail: 'The request cannot be read' }
    const tookMs = Math.round(performance.now() - begin)
    const { pcid, emaid } = identityOf(read)
    const subject = pcid ?? emaid ?? 'unknown'
    if (answer.kind === 'contracts') {
      const [first, ...waiting] = answer.answers
      if (first)
        return {
          by,
          subject,
          verdict: { outcome: 'provisioned', emaid: first.emaid, remaining: waiting.length, tookMs },
          refusal: undefined,
          answer: toAnswer(first.exiResponse, waiting.length),
          waiting: waiting.map(({ exiResponse }) => exiResponse),
        }
    }
    const { kind, detail } = answer.kind === 'contracts' ? NOTHING : answer
    this.#options.log.info({ provider: by, tookMs, kind, detail }, 'No contract from a provider')
    const spoken = answer.kind === 'none' ? answer.exiResponse : undefined
    return {
      by,
      subject,
      verdict: { outcome: 'refused', code: `provider-${kind}`, reason: detail, tookMs },
      refusal: `provider-${kind}`,
      answer:
        spoken === undefined
          ? { status: 'Failed', exiResponse: '', reasonCode: 'Provider', detail }
          : toAnswer(spoken),
    }
  }
}

const NOTHING = { kind: 'none', detail: 'The provider gave no answer for the car' } as const
const LOCAL = 'local'
/** With less time left than this a question to a provider is only load. */
const LEAST_MS = 100

function identityOf(read: ProvisioningRequest | undefined) {
  const name = (read && soleCommonName(read.leaf)) ?? ''
  const issuer = read?.leaf.issuerText
  if (read?.kind !== 'install') return { emaid: parseEmaid(name)?.text, issuer }
  const pcid = parsePcid(name)
  return { pcid: pcid?.text, manufacturer: pcid?.manufacturer, issuer }
}

function toAnswer(exiResponse: Uint8Array, remainingContracts = 0): EvCertificateAnswer {
  return {
    status: 'Accepted',
    exiResponse: Buffer.from(exiResponse).toString('base64'),
    remainingContracts,
  }
}
