import type { Logger } from 'pino'
import {
  decodeCommonMessage,
  decodeV2gMessage,
  ExiError,
  parseEmaid,
  parsePcid,
  protocolOf,
  type RefusalCode,
  readRequest,
} from '../../../pki/index.ts'
import type { EvCertificateAnswer } from '../ports.ts'
import type { ProviderAnswer, ProvisioningProvider, Route } from './ports.ts'

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
}

export interface RoutableRequest {
  readonly action: 'Install' | 'Update'
  readonly schemaVersion: string
  readonly exiRequest: Uint8Array
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

  orderFor(request: RoutableRequest): readonly string[] {
    const { routes } = this.#options
    if (routes.length === 0) return [LOCAL]
    const { manufacturer, emaid } = identityOf(request)
    const route = routes.find(
      ({ manufacturers, emaidPrefixes }) =>
        (manufacturers === undefined || manufacturers.includes(manufacturer ?? '')) &&
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
    const answer = checked(await provider.provide({ ...request, deadlineMs }), request)
    const tookMs = Math.round(performance.now() - begin)
    if (answer.kind !== 'provided')
      this.#options.log.info(
        { provider: provider.name, tookMs, ...withoutBytes(answer) },
        'No contract from a provider',
      )
    const { manufacturer: _, pcid, emaid } = identityOf(request)
    const subject = pcid ?? emaid ?? 'unknown'
    const [first] = answer.kind === 'provided' ? answer.answers : []
    if (first)
      return {
        by: provider.name,
        subject,
        verdict: { outcome: 'provisioned', emaid: first.emaid, tookMs },
        refusal: undefined,
        answer: toAnswer(first.exiResponse),
      }
    const detail = 'detail' in answer ? answer.detail : 'The provider gave no answer for the car'
    const kind = answer.kind === 'provided' ? 'none' : answer.kind
    const spoken = answer.kind === 'none' ? answer.exiResponse : undefined
    return {
      by: provider.name,
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

const LOCAL = 'local'
/** With less time left than this a question to a provider is only load. */
const LEAST_MS = 100

function identityOf({ exiRequest, action, schemaVersion }: RoutableRequest) {
  const read = readRequest(exiRequest, action, schemaVersion)
  if (!read.ok) return {}
  const name = read.request.leaf.commonName ?? ''
  const pcid = parsePcid(name)
  const emaid = parseEmaid(name)
  return read.request.kind === 'install'
    ? { pcid: pcid?.text, manufacturer: pcid?.manufacturer }
    : { emaid: emaid?.text }
}

/** What a provider sends is looked at before it goes to a car: it must be an answer in the car's own language. */
function checked(answer: ProviderAnswer, { schemaVersion }: RoutableRequest): ProviderAnswer {
  const bytes =
    answer.kind === 'provided'
      ? answer.answers.map(({ exiResponse }) => exiResponse)
      : answer.kind === 'none' && answer.exiResponse
        ? [answer.exiResponse]
        : []
  return bytes.every((exi) => isAnswer(exi, schemaVersion))
    ? answer
    : { kind: 'refused', detail: 'The provider sent something that is no answer for a car' }
}

function isAnswer(exi: Uint8Array, schemaVersion: string): boolean {
  try {
    if (protocolOf(schemaVersion) === '15118-20')
      return 'CertificateInstallationRes' in decodeCommonMessage(exi)
    const { Body } = decodeV2gMessage(exi)
    return 'CertificateInstallationRes' in Body || 'CertificateUpdateRes' in Body
  } catch (error) {
    if (error instanceof ExiError) return false
    throw error
  }
}

function withoutBytes(answer: ProviderAnswer): object {
  return 'detail' in answer ? { kind: answer.kind, detail: answer.detail } : { kind: answer.kind }
}

function toAnswer(exiResponse: Uint8Array): EvCertificateAnswer {
  return { status: 'Accepted', exiResponse: Buffer.from(exiResponse).toString('base64') }
}
