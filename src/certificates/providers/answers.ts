import {
  type CommonMessage,
  decodeCommonMessage,
  decodeV2gMessage,
  ExiError,
  encodeCommonMessage,
  isSameEmaid,
  type ProvisioningRequest,
} from '../../../pki/index.ts'
import type { ProviderAnswer } from './ports.ts'

/** What a provider sent, looked at before it goes to a car. */
export type CarAnswers =
  /** Contracts in the order in which the car should get them. */
  | { readonly kind: 'contracts'; readonly answers: readonly CarAnswer[] }
  /** It has none; it may say so in the car's language. */
  | { readonly kind: 'none'; readonly detail: string; readonly exiResponse?: Uint8Array }
  | { readonly kind: 'refused' | 'unreachable'; readonly detail: string }

export interface CarAnswer {
  readonly exiResponse: Uint8Array
  readonly emaid: string | null
}

/**
 * Every answer must be one in the car's own language, to this request and for its session. Of several (-20) the car
 * gets those it asked for first, and no more than it has room for; each says how many are left.
 */
export function readAnswers(answer: ProviderAnswer, request: ProvisioningRequest): CarAnswers {
  if (answer.kind === 'none') {
    const { exiResponse, detail } = answer
    if (exiResponse === undefined) return { kind: 'none', detail }
    return responseCode(exiResponse, request) === undefined
      ? NO_ANSWER
      : { kind: 'none', detail, exiResponse }
  }
  if (answer.kind !== 'provided') return answer
  const codes = answer.answers.map(({ exiResponse }) => responseCode(exiResponse, request))
  if (codes.includes(undefined)) return NO_ANSWER
  const contracts = answer.answers.filter((_, index) => codes[index]?.startsWith('OK'))
  const [first] = answer.answers
  if (contracts.length === 0 && first)
    return { kind: 'none', detail: `The provider said ${codes[0]}`, exiResponse: first.exiResponse }
  const wanted = byWish(contracts, request.prioritizedEmaids).slice(0, request.maximumContracts)
  if (wanted.length === 0) return { kind: 'none', detail: 'The car has room for no contract' }
  return {
    kind: 'contracts',
    answers: wanted.map((one, index) => ({
      ...one,
      exiResponse: withRemaining(one.exiResponse, request, wanted.length - 1 - index),
    })),
  }
}

const NO_ANSWER: CarAnswers = {
  kind: 'refused',
  detail: 'The provider sent something that is no answer for this car',
}

/** Undefined where the bytes are no answer to this request. */
function responseCode(
  exi: Uint8Array,
  { protocol, kind, sessionId }: ProvisioningRequest,
): string | undefined {
  try {
    if (protocol === '15118-20') {
      const message = decodeCommonMessage(exi)
      if (!('CertificateInstallationRes' in message)) return undefined
      const { Header, ResponseCode } = message.CertificateInstallationRes
      return isSame(Header.SessionID, sessionId) ? ResponseCode : undefined
    }
    const { Header, Body } = decodeV2gMessage(exi)
    if (!isSame(Header.SessionID, sessionId)) return undefined
    if (kind === 'install' && 'CertificateInstallationRes' in Body)
      return Body.CertificateInstallationRes.ResponseCode
    return kind === 'update' && 'CertificateUpdateRes' in Body
      ? Body.CertificateUpdateRes.ResponseCode
      : undefined
  } catch (error) {
    if (error instanceof ExiError) return undefined
    throw error
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** The number stands outside of what is signed, so that the walk through several answers can be ours. */
function withRemaining(exi: Uint8Array, { protocol }: ProvisioningRequest, remaining: number): Uint8Array {
  if (protocol === '15118-2') return exi
  const message: CommonMessage = decodeCommonMessage(exi)
  if (!('CertificateInstallationRes' in message)) return exi
  const response = message.CertificateInstallationRes
  if (response.RemainingContractCertificateChains === remaining) return exi
  return encodeCommonMessage({
    CertificateInstallationRes: { ...response, RemainingContractCertificateChains: remaining },
  })
}

function byWish(answers: readonly CarAnswer[], wished: readonly string[]): readonly CarAnswer[] {
  const rank = ({ emaid }: CarAnswer): number => {
    const place = emaid === null ? -1 : wished.findIndex((one) => isSameEmaid(one, emaid))
    return place < 0 ? wished.length : place
  }
  return [...answers].sort((a, b) => rank(a) - rank(b))
}
