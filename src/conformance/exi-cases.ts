import { createHash, createPrivateKey, randomBytes } from 'node:crypto'
import {
  Certificate,
  type ContractAuthority,
  type Cps,
  createContractAuthority,
  createCps,
  createIssuer,
  createSoftwareSigner,
  type Emaid,
  emaidCheckDigit,
  hasValidCheckDigit,
  type ProvisioningContext,
  type ProvisioningResult,
  parseEmaid,
  protocolOf,
  provision,
  type VerifiedRequest,
} from '../../pki/index.ts'
import { openAnswer } from '../simulator/ev/index.ts'

/** A car's signed request with everything around it: its keys and trust, the OEM trust, and a CPS and MO to answer with. */
export interface EndToEndCase {
  readonly name: string
  readonly action: 'Install' | 'Update'
  readonly iso15118SchemaVersion: string
  readonly exi_request_b64: string
  readonly ev: {
    readonly session_id: string
    readonly pcid?: string
    readonly decrypt_key_pem: string
    readonly trusted_v2g_root_pem: string
    readonly mo_roots_pem?: readonly string[]
  }
  readonly trust: {
    readonly oem_root_pem?: string
    readonly oem_subs_pem?: readonly string[]
    readonly mo_root_pem?: string
    readonly v2g_root_pem: string
  }
  readonly service_pki: {
    readonly cps_leaf_pem: string
    readonly cps_key_pem: string
    readonly cps_subs_pem?: readonly string[]
    readonly mo_subs_pem?: readonly string[]
    readonly mo_issuing_key_pem: string
  }
  /** Begins with `accept` or `refuse`. */
  readonly expect: string
  readonly hint?: string
}

export interface CaseOutcome {
  readonly pass: boolean
  readonly detail: string
  readonly ocppStatus?: 'Accepted' | 'Failed'
  readonly responseCode?: string
  readonly exiResponse?: string
}

/** No station sets a limit here, so the one of OCPP 2.1 applies: -20 answers do not fit 2.0.1. */
const MAX_RESPONSE_CHARACTERS = 17_000

const DAY_MS = 86_400_000

/** Answers the request with the hierarchies of the case and lets the car open the answer. */
export async function runCase(endToEnd: EndToEndCase): Promise<CaseOutcome> {
  const wantsAnswer = endToEnd.expect.startsWith('accept')
  const atMs = timeOf(endToEnd)
  let result: ProvisioningResult
  try {
    result = await provision(
      {
        exiRequest: Buffer.from(endToEnd.exi_request_b64, 'base64'),
        action: endToEnd.action,
        iso15118SchemaVersion: endToEnd.iso15118SchemaVersion,
        atMs,
        random: randomBytes,
        maxResponseCharacters: MAX_RESPONSE_CHARACTERS,
      },
      contextOf(endToEnd, atMs),
    )
  } catch (error) {
    // The hierarchy of the case is unusable: the service would answer Failed.
    return {
      pass: !wantsAnswer,
      detail: error instanceof Error ? error.message : String(error),
      ocppStatus: 'Failed',
    }
  }
  const { ocppStatus, responseCode, exiResponse } = result
  const answer = {
    ocppStatus,
    ...(responseCode === undefined ? {} : { responseCode }),
    ...(exiResponse === undefined ? {} : { exiResponse: Buffer.from(exiResponse).toString('base64') }),
  }
  if (result.outcome === 'refused') {
    return { pass: !wantsAnswer, detail: `${result.refusal.code}: ${result.refusal.reason}`, ...answer }
  }
  const fault = faultSeenByCar(endToEnd, result.exiResponse, atMs)
  const detail = fault ?? `contract ${result.emaid.text}, ${answer.exiResponse?.length ?? 0} characters`
  return { pass: wantsAnswer && fault === undefined, detail, ...answer }
}

function faultSeenByCar(
  { ev, action, ...rest }: EndToEndCase,
  exiResponse: Uint8Array,
  atMs: number,
): string | undefined {
  const protocol = protocolOf(rest.iso15118SchemaVersion)
  if (protocol === undefined) return 'no tables for the schema'
  const verdict = openAnswer(exiResponse, {
    protocol,
    action,
    sessionId: Buffer.from(ev.session_id, 'hex'),
    privateKey: createPrivateKey(ev.decrypt_key_pem),
    pcid: ev.pcid ?? '',
    v2gRoots: [Certificate.parse(ev.trusted_v2g_root_pem)],
    moRoots: certificates(ev.mo_roots_pem),
    nowMs: atMs,
  })
  return verdict.ok ? undefined : `the car refuses the answer (${verdict.check}): ${verdict.message}`
}

/** Now, while the certificates of the case are in use; otherwise a day after the CPS leaf began. */
function timeOf({ service_pki }: EndToEndCase): number {
  const { notBeforeMs, notAfterMs } = Certificate.parse(service_pki.cps_leaf_pem)
  const now = Date.now()
  return now > notBeforeMs && now < notAfterMs ? now : Math.min(notBeforeMs + DAY_MS, notAfterMs - 1)
}

function contextOf({ trust, ev, service_pki }: EndToEndCase, atMs: number): ProvisioningContext {
  const moSubs = certificates(service_pki.mo_subs_pem)
  const authority = authorityOf(service_pki.mo_issuing_key_pem, moSubs)
  const moRoots = [...certificates(trust.mo_root_pem), ...certificates(ev.mo_roots_pem)]
  return {
    oemTrust: { anchors: certificates(trust.oem_root_pem), intermediates: certificates(trust.oem_subs_pem) },
    moTrust: { anchors: moRoots, intermediates: moSubs },
    cps: [cpsOf(trust, service_pki, atMs)],
    revocation: () => ({ kind: 'good' }),
    offer: (request) => ({ kind: 'offer', emaid: emaidFor(request), source: { kind: 'issue', authority } }),
  }
}

function cpsOf(trust: EndToEndCase['trust'], service: EndToEndCase['service_pki'], atMs: number): Cps {
  return createCps(
    {
      leaf: Certificate.parse(service.cps_leaf_pem),
      subCas: certificates(service.cps_subs_pem),
      root: Certificate.parse(trust.v2g_root_pem),
      signer: createSoftwareSigner(createPrivateKey(service.cps_key_pem)),
    },
    atMs,
  )
}

function authorityOf(keyPem: string, [issuing, ...upperCas]: readonly Certificate[]): ContractAuthority {
  if (issuing === undefined) throw new Error('the case has no MO sub-CA to issue from')
  const signer = createSoftwareSigner(createPrivateKey(keyPem))
  return createContractAuthority({ issuer: createIssuer({ certificate: issuing, signer }), upperCas })
}

/** The account of an update, else the first the car prefers, else one made from the PCID. */
function emaidFor(request: VerifiedRequest): Emaid {
  if (request.account !== undefined) return request.account
  for (const preferred of request.prioritizedEmaids) {
    const parsed = parseEmaid(preferred)
    if (parsed !== undefined && hasValidCheckDigit(parsed)) return parsed
  }
  const digest = createHash('sha256')
    .update(request.pcid?.text ?? '')
    .digest()
  const instance = BigInt(`0x${digest.subarray(0, 8).toString('hex')}`)
    .toString(36)
    .toUpperCase()
    .padStart(9, '0')
  const fourteen = `DEGKP${instance.slice(-9)}`
  const parsed = parseEmaid(fourteen + emaidCheckDigit(fourteen))
  if (parsed === undefined) throw new Error(`${fourteen} is not an eMAID`)
  return parsed
}

function certificates(pems: string | readonly string[] | undefined): Certificate[] {
  if (pems === undefined) return []
  return (typeof pems === 'string' ? [pems] : pems).flatMap((pem) => Certificate.parseChain(pem))
}
