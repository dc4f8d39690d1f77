import { createHash } from 'node:crypto'
import {
  Certificate,
  certIdFromHashData,
  certIdIssuerKey,
  findStranger,
  isSameEmaid,
  type PathReason,
  PkiError,
  type RevocationVerdict,
  soleCommonName,
  validatePath,
} from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { OCSPRequestDataType } from '../../ocpp/v201/messages.generated.ts'
import type { ContractCertificate } from '../../store/contracts.ts'
import type { Store } from '../../store/ports.ts'
import type { ContractJudgement, PresentedContract } from '../ports.ts'
import { contractStatus } from './account.ts'
import type { ContractPolicy } from './policy.ts'
import type { RevocationFinding, Revocations } from './revocation.ts'
import type { TrustPool } from './trust.ts'

export interface AuthorizationOptions {
  readonly store: Store
  readonly clock: Clock
  readonly trust: TrustPool
  readonly revocations: Revocations
  readonly policy: ContractPolicy
  /** A car charges with this certificate: those before it are superseded. */
  readonly used: (certificate: ContractCertificate) => void
}

/** Judges what a car presents to charge with its contract (C07.FR.13-17). Whatever is not known is a refusal. */
export async function judgeContract(
  options: AuthorizationOptions,
  presented: PresentedContract,
): Promise<ContractJudgement> {
  try {
    if (presented.certificatePem !== undefined)
      return await judgeChain(options, presented, presented.certificatePem)
    return await judgeHashes(options, presented, presented.hashData ?? [])
  } catch (error) {
    // Foreign bytes that cannot be read.
    if (error instanceof PkiError) return unverifiable(error.message)
    throw error
  }
}

async function judgeChain(
  options: AuthorizationOptions,
  presented: PresentedContract,
  pem: string,
): Promise<ContractJudgement> {
  const { trust, clock, store } = options
  const [leaf, ...others] = Certificate.parseChain(pem)
  if (!leaf) return unverifiable('There is no certificate')
  if (leaf.isCa) return unverifiable('The first certificate is a CA certificate')
  if (!isSameEmaid(soleCommonName(leaf) ?? '', presented.emaid))
    return unverifiable(`The certificate is for "${leaf.commonName}", not for ${presented.emaid}`)
  const { curve } = leaf.publicKey
  if (curve !== 'P-256' && curve !== 'P-521')
    return unverifiable(`Contract keys are not on ${curve ?? leaf.publicKey.kind}`)
  const path = validatePath({
    leaf,
    intermediates: [...others, ...trust.contracts.intermediates],
    anchors: trust.contracts.anchors,
    atMs: clock.now(),
    leafKeyUsage: ['digitalSignature'],
    iso15118: {
      variant: curve === 'P-256' ? 'iso15118-2' : 'iso15118-20',
      leafDomainComponent: 'MO',
    },
  })
  if (!path.ok) return ofPath(path.reason, path.message)
  const stranger = findStranger(path.chain, 'MO')
  if (stranger) return unverifiable(`${stranger.subjectText} is a CA for another role`)
  const refusal = await refusalOfChain(options, presented, path.chain)
  if (refusal) return refusal
  const known = await store.contracts.certificate(leaf.fingerprint)
  return known ? concluded(options, presented, known) : { kind: 'valid' }
}

function ofPath(reason: PathReason, message: string): ContractJudgement {
  if (reason === 'expired') return { kind: 'expired', detail: message }
  if (reason === 'revoked') return { kind: 'revoked', detail: message }
  return unverifiable(`${reason}: ${message}`)
}

async function refusalOfChain(
  options: AuthorizationOptions,
  presented: PresentedContract,
  chain: readonly Certificate[],
): Promise<ContractJudgement | undefined> {
  const { revocations, policy } = options
  const below = chain.slice(0, -1)
  const findings = await Promise.all(
    below.map((certificate, index) =>
      revocations.ofCertificate(
        certificate,
        chain[index + 1] ?? certificate,
        policy.contractWithoutResponder,
      ),
    ),
  )
  const refusal = refusalOf(findings, (index) => below[index]?.subjectText ?? '')
  if (refusal) return refusal
  const unchecked = below.filter((_, index) => findings[index]?.basis === 'policy')
  if (unchecked.length > 0)
    await audit(options, presented, {
      unchecked: unchecked.map((certificate) => certificate.subjectText),
      reason: 'no OCSP responder named; accepted by policy',
    })
  return undefined
}

/** Only revocation can be proved by hashes: so who issued must be known, and whose contract the certificate is. */
async function judgeHashes(
  options: AuthorizationOptions,
  presented: PresentedContract,
  hashData: readonly OCSPRequestDataType[],
): Promise<ContractJudgement> {
  const { trust, revocations } = options
  const entries: { data: OCSPRequestDataType; serialHex: string; issuer: Certificate }[] = []
  for (const data of hashData) {
    const certId = certIdFromHashData(data)
    const issuer = trust.issuer(certIdIssuerKey(certId))
    if (!issuer)
      return unverifiable(`The issuer of ${data.serialNumber} is no MO or V2G authority known here`)
    entries.push({ data, serialHex: certId.serialHex, issuer })
  }
  const leaves = entries.filter(({ serialHex, issuer }) => !isKnownCa(trust, serialHex, issuer))
  const [leaf] = leaves
  if (!leaf || leaves.length > 1)
    return unverifiable(`The hashes name ${leaves.length} contract certificates instead of one`)
  const findings = await Promise.all(entries.map(({ data, issuer }) => revocations.ofHashData(data, issuer)))
  const refusal = refusalOf(findings, (index) => `serial number ${entries[index]?.serialHex}`)
  if (refusal) return refusal
  return bind(options, presented, leaf)
}

function isKnownCa({ contracts }: TrustPool, serialHex: string, issuer: Certificate): boolean {
  return [...contracts.intermediates, ...contracts.anchors].some(
    (certificate) => certificate.serialHex === serialHex && certificate.issuerKey === issuer.subjectKey,
  )
}

async function bind(
  options: AuthorizationOptions,
  presented: PresentedContract,
  leaf: { readonly serialHex: string; readonly issuer: Certificate },
): Promise<ContractJudgement> {
  const { store, revocations, policy } = options
  const issuerKeyHash = createHash('sha256').update(leaf.issuer.publicKey.keyBits).digest('hex')
  const authorityId = revocations.ownAuthorityOf(leaf.issuer) ?? null
  const same = await store.contracts.certificatesBySerial(leaf.serialHex, authorityId)
  const known = same.find((certificate) => certificate.issuerKeyHash === issuerKeyHash)
  if (known) {
    const contract = await store.contracts.get(known.contractId)
    if (!contract || !isSameEmaid(contract.emaid, presented.emaid))
      return unverifiable(`The certificate is not of ${presented.emaid}`)
    return concluded(options, presented, known)
  }
  // Of our own authority every contract is known: this certificate is something else.
  if (authorityId !== null || policy.hashOfUnknownContract === 'reject')
    return unverifiable(`Nothing says that the certificate belongs to ${presented.emaid}`)
  await audit(options, presented, { reason: 'hash data of an unknown contract; accepted by policy' })
  return { kind: 'valid' }
}

async function concluded(
  options: AuthorizationOptions,
  { emaid }: PresentedContract,
  certificate: ContractCertificate,
): Promise<ContractJudgement> {
  const { store, clock } = options
  const nowMs = clock.now()
  if (Date.parse(certificate.notAfter) < nowMs)
    return { kind: 'expired', detail: `The certificate of ${emaid} ended at ${certificate.notAfter}` }
  const contract = await store.contracts.get(certificate.contractId)
  const status = contract && contractStatus(contract, nowMs)
  if (status !== undefined) return { kind: 'valid', contractStatus: status }
  if (certificate.usedAt === null) options.used(certificate)
  return { kind: 'valid' }
}

function refusalOf(
  findings: readonly RevocationFinding[],
  nameOf: (index: number) => string,
): ContractJudgement | undefined {
  const at = (kind: RevocationVerdict['kind']): number =>
    findings.findIndex(({ verdict }) => verdict.kind === kind)
  const revoked = at('revoked')
  if (revoked >= 0) return { kind: 'revoked', detail: `Revoked: ${nameOf(revoked)}` }
  const unknown = at('unknown')
  const verdict = findings[unknown]?.verdict
  if (verdict?.kind === 'unknown')
    return unverifiable(`No revocation status of ${nameOf(unknown)}${verdict.why ? `: ${verdict.why}` : ''}`)
  return undefined
}

function unverifiable(detail: string): ContractJudgement {
  return { kind: 'unverifiable', detail }
}

function audit(
  { store, clock }: AuthorizationOptions,
  { stationId, emaid }: PresentedContract,
  detail: object,
): Promise<void> {
  return store.audit.append({
    at: new Date(clock.now()).toISOString(),
    actor: `station:${stationId}`,
    action: 'contract.unchecked',
    subject: emaid,
    detail,
  })
}
