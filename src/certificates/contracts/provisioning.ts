import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import type { EvCertificateAnswer, EvCertificateRequest } from '../ports.ts'
import type { ProviderRouting, RoutedOutcome } from '../providers/routing.ts'
import { Admission } from './admission.ts'
import {
  ContractChanged,
  type LocalOutcome,
  type LocalProvisioningOptions,
  provisionLocally,
} from './local-provisioning.ts'
import { pcidOf, readBase64, type StationRequest, toStationRequest } from './station-request.ts'

export interface ProvisioningOptions extends LocalProvisioningOptions {
  readonly log: Logger
  readonly routing: ProviderRouting
  /** A car of our pool came with a certificate that leads to nobody known. */
  readonly onStranger?: (pcid: string) => void
}

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

  async answer(stationId: string, message: EvCertificateRequest): Promise<EvCertificateAnswer> {
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
    message: EvCertificateRequest,
    exiRequest: Uint8Array,
    requestHash: string,
  ): Promise<EvCertificateAnswer> {
    const { routing, log } = this.#options
    try {
      const request = await toStationRequest(this.#options, { stationId, message, exiRequest, requestHash })
      const kept = await this.#keptAnswer(stationId, request)
      if (kept) return kept
      const outcome = await routing.answer(request, () => this.#locally(stationId, request))
      return await this.#conclude(stationId, request, outcome)
    } catch (error) {
      const changed = error instanceof ContractChanged
      log[changed ? 'warn' : 'error']({ err: error, stationId }, 'A car could not be answered')
      await this.#audit(stationId, 'unknown', {
        outcome: 'failed',
        code: changed ? error.code : 'internal',
        requestHash,
      })
      return failed(changed ? 'ContractChanged' : 'InternalError', 'The car may ask again')
    }
  }

  /** The same request again, or the next one of a car whose answers of a hosted pool are waiting. */
  async #keptAnswer(stationId: string, request: StationRequest): Promise<EvCertificateAnswer | undefined> {
    const { store, clock } = this.#options
    const { requestHash, sessionKey, maxResponseCharacters } = request
    const at = new Date(clock.now()).toISOString()
    const kept = await store.contracts.answer(requestHash, at)
    const contract = kept?.contractId ? await store.contracts.get(kept.contractId) : undefined
    const vehicle = contract && (await store.contracts.vehicle(contract.pcid))
    if (kept && vehicle?.state !== 'blocked' && base64Length(kept.exiResponse) <= maxResponseCharacters) {
      await this.#audit(stationId, contract?.pcid ?? pcidOf(request) ?? 'unknown', {
        outcome: 'repeated',
        ...(kept.contractId === null ? { by: kept.provider } : { contractId: kept.contractId }),
        requestHash,
      })
      return accepted(kept.exiResponse, 0)
    }
    if (sessionKey === '') return undefined
    const next = await store.contracts.takeWaitingAnswer({ sessionKey, requestHash, at })
    if (!next || base64Length(next.answer.exiResponse) > maxResponseCharacters) return undefined
    await this.#audit(stationId, pcidOf(request) ?? 'unknown', {
      outcome: 'provisioned',
      by: next.answer.provider,
      remaining: next.waiting,
      requestHash,
    })
    return accepted(next.answer.exiResponse, next.waiting)
  }

  async #locally(stationId: string, request: StationRequest): Promise<RoutedOutcome> {
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
        answer: accepted(result.exiResponse, result.remaining),
      }
    const { refusal, ocppStatus, exiResponse } = result
    if (refusal.code === 'chain-invalid') await this.#noteStranger(request)
    const answer =
      ocppStatus === 'Accepted' && exiResponse !== undefined
        ? accepted(exiResponse, 0)
        : failed(reasonCode(refusal.code), refusal.reason)
    return { by, subject, verdict, isAudited: true, refusal: refusal.code, answer }
  }

  async #noteStranger(request: StationRequest): Promise<void> {
    const { store, onStranger } = this.#options
    const pcid = pcidOf(request)
    if (onStranger && pcid !== undefined && (await store.contracts.vehicle(pcid))) onStranger(pcid)
  }

  async #conclude(
    stationId: string,
    request: StationRequest,
    outcome: RoutedOutcome,
  ): Promise<EvCertificateAnswer> {
    const { answer, by, subject, verdict, isAudited = false } = outcome
    const { requestHash, maxResponseCharacters } = request
    const tooLong = answer.exiResponse.length > maxResponseCharacters
    const ofProvider = by !== 'local' && outcome.refusal === undefined && !tooLong
    await Promise.all([
      isAudited && !tooLong
        ? undefined
        : this.#audit(stationId, subject, {
            ...verdict,
            ...(tooLong ? { outcome: 'refused', code: 'response-too-large' } : {}),
            by,
            requestHash,
          }),
      ofProvider ? this.#keep(request, outcome) : undefined,
    ])
    if (!tooLong) return answer
    this.#options.log.warn(
      { stationId, characters: answer.exiResponse.length, limit: maxResponseCharacters },
      'An answer for a car does not fit its station',
    )
    return failed('ResponseTooLarge', `The answer has ${answer.exiResponse.length} characters`)
  }

  /** What a hosted pool answered holds for the same time as what ours did. */
  #keep(request: StationRequest, { by, answer, waiting = [] }: RoutedOutcome): Promise<void> {
    const { store, clock, policy } = this.#options
    const { requestHash, sessionKey } = request
    const nowMs = clock.now()
    const expiresAt = new Date(nowMs + policy.answerLifeMs).toISOString()
    return store.contracts.recordProviderAnswer(
      {
        requestHash,
        contractId: null,
        provider: by,
        sessionKey,
        exiResponse: Buffer.from(answer.exiResponse, 'base64'),
        at: new Date(nowMs).toISOString(),
        expiresAt,
      },
      waiting.map((exiResponse) => ({ provider: by, sessionKey, exiResponse, expiresAt })),
    )
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

function accepted(exiResponse: Uint8Array, remainingContracts: number): EvCertificateAnswer {
  return {
    status: 'Accepted',
    exiResponse: Buffer.from(exiResponse).toString('base64'),
    remainingContracts,
  }
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

function base64Length(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / 3) * 4
}
