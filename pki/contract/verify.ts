import type { Certificate } from '../certificate.ts'
import { PkiError } from '../errors.ts'
import { nameValues } from '../name.ts'
import { OID } from '../oids.ts'
import { type PathReason, type PathResult, validatePath } from '../path.ts'
import type { RevocationVerdict } from '../revocation.ts'
import { type Emaid, hasValidCheckDigit, isSameEmaid, parseEmaid } from './emaid.ts'
import { CURVE_OF, transportCurveOf, VARIANT_OF } from './key-transport.ts'
import { findSignatureFault } from './message-signature.ts'
import { type Pcid, parsePcid } from './pcid.ts'
import type { Refusal, RefusalCode } from './refusal.ts'
import type { ProvisioningRequest } from './request.ts'

/** The certificates a kind of request is trusted by. */
export interface Trust {
  readonly anchors: readonly Certificate[]
  /** Sub-CAs that requests do not carry: -2 installations bring the leaf only. */
  readonly intermediates: readonly Certificate[]
}

/**
 * Says whether a certificate of a validated chain is revoked. `unknown` refuses the request: a policy that lets
 * certificates without any revocation information pass answers `good` for them.
 */
export type RevocationCheck = (
  certificate: Certificate,
  issuer: Certificate,
) => RevocationVerdict | Promise<RevocationVerdict>

/** A request whose sender is established. */
export type VerifiedRequest = ProvisioningRequest & {
  /** Leaf first, anchor last. */
  readonly chain: readonly Certificate[]
} & (
    | { readonly kind: 'install'; readonly pcid: Pcid; readonly account: undefined }
    | { readonly kind: 'update'; readonly pcid: undefined; readonly account: Emaid }
  )

export type VerifyResult =
  | { readonly ok: true; readonly request: VerifiedRequest }
  | { readonly ok: false; readonly refusal: Refusal }

/**
 * Establishes who sent the request: key type, key usage, signature over the body, chain to a configured root at
 * the given time, revocation, and the identity in the certificate. Stops at the first thing that is wrong.
 * @param trust OEM trust for installations, MO trust for updates
 */
export async function verifyRequest(
  request: ProvisioningRequest,
  trust: Trust,
  atMs: number,
  revocation: RevocationCheck,
): Promise<VerifyResult> {
  let path: PathResult
  try {
    const fault = findLeafFault(request)
    if (fault !== undefined) return { ok: false, refusal: fault }
    path = validatePath({
      leaf: request.leaf,
      intermediates: [...request.presented, ...trust.intermediates],
      anchors: trust.anchors,
      atMs,
      iso15118: {
        variant: VARIANT_OF[request.protocol],
        leafDomainComponent: request.kind === 'install' ? 'OEM' : 'MO',
      },
    })
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return refuse('chain-invalid', error.message)
  }
  if (!path.ok) {
    const subject = path.certificate === undefined ? '' : ` (${path.certificate.subjectText})`
    return refuse(refusalOfPath(path.reason), `${path.message}${subject}`)
  }
  const stranger = findStranger(path.chain, request.kind === 'install' ? 'OEM' : 'MO')
  if (stranger !== undefined)
    return refuse('chain-invalid', `${stranger.subjectText} is a CA for another role`)
  const revoked = await findRevoked(path.chain, revocation)
  return revoked === undefined ? identify(request, path.chain) : { ok: false, refusal: revoked }
}

/**
 * Below a V2G root every role has sub-CAs of its own, told apart by their domain components: one for stations or for
 * provisioning services does not vouch for contracts, whatever the leaf says of itself.
 * @param chain leaf first, anchor last
 * @returns the CA of another role, or undefined
 */
export function findStranger(chain: readonly Certificate[], role: 'OEM' | 'MO'): Certificate | undefined {
  if (chain.at(-1)?.domainComponents.includes('V2G') !== true) return undefined
  return chain
    .slice(1, -1)
    .find(
      ({ domainComponents }) =>
        domainComponents.some((one) => ROLES.includes(one)) && !domainComponents.includes(role),
    )
}

const ROLES: readonly string[] = ['V2G', 'CPO', 'CPS', 'OEM', 'MO']

/** The name a certificate is for; of several nobody knows which one others go by, so there is none. */
export function soleCommonName({ subject }: Certificate): string | undefined {
  const [only, ...others] = nameValues(subject, OID.commonName)
  return others.length === 0 ? only : undefined
}

function refuse(code: RefusalCode, reason: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { code, reason } }
}

function findLeafFault({ protocol, leaf, signature, signedPart }: ProvisioningRequest): Refusal | undefined {
  const { publicKey } = leaf
  if (transportCurveOf(publicKey.curve, protocol) === undefined) {
    const has = publicKey.curve ?? publicKey.kind
    const reason = `the car's key is ${has}; ISO ${protocol} is served on ${CURVE_OF[protocol]}`
    return { code: 'key-unsupported', reason }
  }
  const fault = findSignatureFault(protocol, signature, signedPart, publicKey)
  if (fault !== undefined) return { code: 'signature-invalid', reason: fault }
  if (leaf.isCa) return { code: 'chain-invalid', reason: 'the certificate of the car is a CA certificate' }
  const missing = (['digitalSignature', 'keyAgreement'] as const).filter(
    (usage) => leaf.keyUsage?.has(usage) !== true,
  )
  // [V2G2-822]: without keyAgreement the key must not be used to transport a contract key.
  if (missing.length > 0)
    return { code: 'key-usage', reason: `the certificate of the car lacks ${missing.join(' and ')}` }
  return undefined
}

function refusalOfPath(reason: PathReason): RefusalCode {
  switch (reason) {
    case 'expired':
      return 'certificate-expired'
    case 'notYetValid':
      return 'certificate-not-yet-valid'
    case 'revoked':
      return 'certificate-revoked'
    case 'revocationUnknown':
      return 'revocation-unknown'
    default:
      return 'chain-invalid'
  }
}

async function findRevoked(
  chain: readonly Certificate[],
  revocation: RevocationCheck,
): Promise<Refusal | undefined> {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer === undefined) break
    const { kind } = await revocation(certificate, issuer)
    if (kind === 'revoked')
      return { code: 'certificate-revoked', reason: `revoked: ${certificate.subjectText}` }
    if (kind !== 'good') {
      return { code: 'revocation-unknown', reason: `no revocation status for ${certificate.subjectText}` }
    }
  }
  return undefined
}

function identify(request: ProvisioningRequest, chain: readonly Certificate[]): VerifyResult {
  const commonName = soleCommonName(request.leaf) ?? ''
  if (request.kind === 'install') {
    const pcid = parsePcid(commonName)
    if (pcid === undefined) return refuse('identity-invalid', `the common name '${commonName}' is not a PCID`)
    return { ok: true, request: { ...request, kind: 'install', chain, pcid, account: undefined } }
  }
  const account = parseEmaid(commonName)
  if (account === undefined)
    return refuse('identity-invalid', `the common name '${commonName}' is not an eMAID`)
  if (!hasValidCheckDigit(account)) {
    return refuse('identity-invalid', `the check digit of eMAID '${account.text}' is wrong`)
  }
  if (!isSameEmaid(request.emaid ?? '', account.text)) {
    return refuse(
      'identity-mismatch',
      `eMAID '${request.emaid ?? ''}' is not that of the certificate, ${account.text}`,
    )
  }
  return { ok: true, request: { ...request, kind: 'update', chain, pcid: undefined, account } }
}
