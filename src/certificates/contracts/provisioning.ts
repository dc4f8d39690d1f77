import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { DEFAULT_MAX_RESPONSE_CHARACTERS } from '../../../pki/index.ts'
import type { Get15118EVCertificateRequest } from '../../ocpp/v201/messages.generated.ts'
import type { EvCertificateAnswer } from '../ports.ts'
import type { ProviderRouting, RoutedOutcome } from '../providers/routing.ts'
import { Admission } from './admission.ts'
import {
  type CarRequest,
  ContractChanged,
  type LocalOutcome,
  type LocalProvisioningOptions,
  provisionLocally,
} from './local-provisioning.ts'

export interface ProvisioningOptions extends LocalProvisioningOptions {
  readonly log: Logger
  readonly routing: ProviderRouting
}

/** How a station names the longest answer it takes, in its device model. */
const FIELD_LENGTH = { component: 'OCPPCommCtrlr', variable: 'FieldLength' } as const
const FIELD = 'get15118evcertificateresponse.exiresponse'
/** What a station announces beyond this is not believed: the largest frame is bounded too. */
const LARGEST_FIELD = 100_000

type Verdict = Readonly<Record<string, unknown>>

/** Get15118EVCertificate (M01, M02): one answer per request, however often it comes, in time or not at all. */
export class ContractProvisioning {
  readonly #options: ProvisioningOptions
  readonly #admission: Admission
  /** Requests being answered, by hash: the same one again waits for the same answer. */
  readonly #underWay = new Map<string, Promise<EvCertificateAnswer>>()

  constructor(options: ProvisioningOptions) {
    this.#options = options
    this.#admission = new Admission(options.policy)
  }

  async answer(stationId: string, message: Get15118EVCertificateRequest): Promise<EvCertificateAnswer> {
    const exiRequest = readBase64(message.exiRequest)
    if (exiRequest === undefined) {
      await this.#audit(stationId, 'unknown', { outcome: 'refused', code: 'request-unreadable' })
      return failed('RequestUnreadable', 'exiRequest is not base64')
    }
    const requestHash = createHash('sha256')
      .update(`${message.action}|${message.iso15118SchemaVersion}|`)
      .update(exiRequest)
      .digest('hex')
    const known = this.#underWay.get(requestHash)
    if (known) return known
    const begun = this.#admission.run(() => this.#fresh(stationId, message, exiRequest, requestHash))
    if (!begun) {
      await this.#audit(stationId, 'unknown', { outcome: 'refused', code: 'busy', requestHash })
      return failed('Busy', 'Too many cars ask at once; this one may ask again in a few seconds')
    }
    const inTime = this.#inTime(stationId, begun)
    this.#underWay.set(requestHash, inTime)
    // What comes too late is on disk all the same: the next request with these bytes finds it there.
    void begun.catch(() => undefined).finally(() => this.#underWay.delete(requestHash))
    return inTime
  }

  async #fresh(
    stationId: string,
    message: Get15118EVCertificateRequest,
    exiRequest: Uint8Array,
    requestHash: string,
  ): Promise<EvCertificateAnswer> {
    const { store, clock, routing } = this.#options
    const limit = await this.#fieldLength(stationId)
    const kept = await store.contracts.answer(requestHash, new Date(clock.now()).toISOString())
    if (kept && base64Length(kept.exiResponse) <= limit) {
      const contract = await store.contracts.get(kept.contractId)
      const subject = contract?.pcid ?? 'unknown'
      const { contractId } = kept
      await this.#audit(stationId, subject, { outcome: 'repeated', contractId, requestHash })
      return accepted(kept.exiResponse)
    }
    const request: CarRequest = {
      action: message.action,
      schemaVersion: message.iso15118SchemaVersion,
      exiRequest,
      requestHash,
      maxResponseCharacters: limit,
    }
    try {
      const outcome = await routing.answer(request, () => this.#locally(stationId, request))
      return await this.#conclude(stationId, request, outcome)
    } catch (error) {
      const changed = error instanceof ContractChanged
      this.#options.log[changed ? 'warn' : 'error']({ err: error, stationId }, 'A car could not be answered')
      await this.#audit(stationId, 'unknown', {
        outcome: 'failed',
        code: changed ? error.code : 'internal',
        requestHash,
      })
      return failed(changed ? 'ContractChanged' : 'InternalError', 'The car may ask again')
    }
  }

  async #locally(stationId: string, request: CarRequest): Promise<RoutedOutcome> {
    const { requestHash } = request
    const { result, ...made } = await provisionLocally(this.#options, request, (outcome) =>
      this.#audit(stationId, subjectOf(outcome), { ...verdictOf(outcome), by: 'local', requestHash }),
    )
    const verdict = verdictOf({ result, ...made })
    if (result.ocppStatus === 'Failed')
      this.#options.log.warn({ stationId, ...verdict }, 'A car got no contract for a reason of ours')
    const subject = subjectOf({ result, ...made })
    const by = 'local'
    if (result.outcome === 'provisioned')
      return {
        by,
        subject,
        verdict,
        isAudited: true,
        refusal: undefined,
        answer: accepted(result.exiResponse),
      }
    const { refusal, ocppStatus, exiResponse } = result
    const answer =
      ocppStatus === 'Accepted' && exiResponse !== undefined
        ? accepted(exiResponse)
        : failed(reasonCode(refusal.code), refusal.reason)
    return { by, subject, verdict, isAudited: true, refusal: refusal.code, answer }
  }

  async #conclude(
    stationId: string,
    request: CarRequest,
    outcome: RoutedOutcome,
  ): Promise<EvCertificateAnswer> {
    const { answer, by, subject, verdict, isAudited = false } = outcome
    const { requestHash, maxResponseCharacters } = request
    const tooLong = answer.exiResponse.length > maxResponseCharacters
    if (!isAudited || tooLong)
      await this.#audit(stationId, subject, {
        ...verdict,
        ...(tooLong ? { outcome: 'refused', code: 'response-too-large' } : {}),
        by,
        requestHash,
      })
    if (!tooLong) return answer
    this.#options.log.warn(
      { stationId, characters: answer.exiResponse.length, limit: maxResponseCharacters },
      'An answer for a car does not fit its station',
    )
    return failed('ResponseTooLarge', `The answer has ${answer.exiResponse.length} characters`)
  }

  /** What the station said that it takes; OCPP's own limit where it said nothing. */
  async #fieldLength(stationId: string): Promise<number> {
    const reported = await this.#options.store.stations.variables(stationId, FIELD_LENGTH)
    const found = reported.find(
      ({ variableInstance, attributeType }) =>
        attributeType === 'Actual' && variableInstance?.toLowerCase() === FIELD,
    )
    const length = Number(found?.value ?? Number.NaN)
    if (!Number.isInteger(length) || length <= 0) return DEFAULT_MAX_RESPONSE_CHARACTERS
    return Math.min(length, LARGEST_FIELD)
  }

  async #inTime(stationId: string, work: Promise<EvCertificateAnswer>): Promise<EvCertificateAnswer> {
    const { policy, log } = this.#options
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<EvCertificateAnswer>((resolve) => {
      timer = setTimeout(() => {
        log.warn({ stationId, deadlineMs: policy.deadlineMs }, 'An answer for a car was not ready in time')
        resolve(failed('Timeout', 'The answer was not ready in time; the car may ask again'))
      }, policy.deadlineMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #audit(stationId: string, subject: string, detail: Verdict): Promise<void> {
    const { store, clock } = this.#options
    return store.audit.append({
      at: new Date(clock.now()).toISOString(),
      actor: `station:${stationId}`,
      action: 'contract.provision',
      subject,
      detail,
    })
  }
}

/** PCID or eMAID, once the car has proved it. */
function subjectOf({ result: { request } }: LocalOutcome): string {
  return request?.pcid?.text ?? request?.account?.text ?? 'unknown'
}

function verdictOf({ result, contractId, fingerprint, unchecked }: LocalOutcome): Verdict {
  return {
    outcome: result.outcome,
    responseCode: result.responseCode ?? null,
    ...(contractId === undefined ? {} : { contractId }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(unchecked.length === 0 ? {} : { unchecked }),
    ...(result.outcome === 'refused' ? { code: result.refusal.code, reason: result.refusal.reason } : {}),
  }
}

function accepted(exiResponse: Uint8Array): EvCertificateAnswer {
  return { status: 'Accepted', exiResponse: Buffer.from(exiResponse).toString('base64') }
}

/** OCPP wants an `exiResponse` even where there is nothing to say; an empty one passes. */
function failed(reasonCode: string, detail: string): EvCertificateAnswer {
  return { status: 'Failed', exiResponse: '', reasonCode, detail }
}

/** `request-unreadable` -> `RequestUnreadable`: reason codes of OCPP are written so, and have 20 characters. */
function reasonCode(code: string): string {
  return code
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

function readBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s/g, '')
  return compact.length % 4 === 0 && BASE64.test(compact) ? Buffer.from(compact, 'base64') : undefined
}

function base64Length(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / 3) * 4
}
