import { generateKeyPairSync } from 'node:crypto'
import {
  type AltNames,
  type Certificate,
  type CertificateDraft,
  type CertificateKind,
  type CertificateProfile,
  createSoftwareSigner,
  draftCertificate,
  draftRoot,
  type Issuer,
  PkiError,
  type PublicKey,
  type SignatureAlgorithmName,
  type Signer,
  type Subject,
  type SyncSigner,
  signLinted,
} from '../../pki/index.ts'
import { KeyUnavailable } from '../keys/ports.ts'
import type { Clock } from '../observe/clock.ts'
import type { Store } from '../store/ports.ts'
import type { SigningAuthority } from './authorities.ts'
import { toIssuedRecord } from './issued.ts'

export interface IssuanceOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

interface Wanted {
  readonly profile: CertificateProfile
  readonly subject: Subject
  readonly altNames?: AltNames
  readonly notAfterMs?: number
  readonly stationId?: string | null
  /** Name in the key store where the private key is ours. */
  readonly keyName?: string
}

export interface IssueRequest extends Wanted {
  readonly authority: SigningAuthority
  readonly publicKey: PublicKey | Uint8Array
  /** The signing order that this fulfils; moved on in the same transaction. */
  readonly orderId?: string
  /** Writes about the new certificate: begun with its record, they share its commit. */
  readonly alongside?: (certificate: Certificate) => readonly Promise<void>[]
}

/** After a token stalled, nothing is sent to it for this long. */
const PAUSE_MS = 10_000

/**
 * The only way to a certificate of ours: drafted from a profile, linted under a throw-away key, its serial number
 * on disk before the authority's key is used, recorded before anybody sees it. A key store that stalls pauses
 * issuance for a while, so that orders wait instead of piling up on it.
 */
export class Issuance {
  readonly #options: IssuanceOptions
  readonly #throwAways = new Map<SignatureAlgorithmName, SyncSigner>()
  #pausedUntilMs = 0

  constructor(options: IssuanceOptions) {
    this.#options = options
  }

  /** Zero where issuance is not paused. */
  pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#options.clock.now())
  }

  async issue(request: IssueRequest): Promise<Certificate> {
    const { authority, orderId, alongside } = request
    const draft = this.#draft(request)
    const certificate = await this.#sign(draft, authority.record.id, authority.certificate)
    const recorded = this.#record(certificate, authority.record.id, request, orderId)
    await Promise.all([recorded, ...(alongside?.(certificate) ?? [])])
    return certificate
  }

  /** A self-signed root, recorded under its own id. */
  async issueRoot(
    request: Wanted & { readonly signer: Signer; readonly authorityId: string },
  ): Promise<Certificate> {
    const draft = draftRoot({ ...this.#order(request), signer: request.signer })
    const certificate = await this.#sign(draft, request.authorityId, undefined)
    await this.#record(certificate, request.authorityId, request)
    return certificate
  }

  #order(wanted: Wanted) {
    const { profile, subject, altNames, notAfterMs } = wanted
    return {
      profile,
      subject,
      ...(altNames === undefined ? {} : { altNames }),
      ...(notAfterMs === undefined ? {} : { notAfterMs }),
      atMs: this.#options.clock.now(),
      random: this.#options.random(16),
    }
  }

  /** With as many addresses as the profile's size limit leaves room for. */
  #draft(request: IssueRequest): CertificateDraft {
    const { authority, publicKey } = request
    const order = { ...this.#order(request), publicKey }
    let tooLarge: unknown
    for (const issuer of issuersFor(authority, order.profile.kind)) {
      try {
        return draftCertificate({ ...order, issuer })
      } catch (error) {
        if (!(error instanceof PkiError) || error.code !== 'certificate-too-large') throw error
        tooLarge = error
      }
    }
    throw tooLarge
  }

  async #sign(
    draft: CertificateDraft,
    authorityId: string,
    issuer: Certificate | undefined,
  ): Promise<Certificate> {
    const waitMs = this.pausedForMs()
    if (waitMs > 0) throw new KeyUnavailable('Issuance is paused: the key store did not answer', waitMs)
    const { store, clock } = this.#options
    await store.certificates.reserveSerial({
      authorityId,
      serialNumber: withoutZeros(draft.serialHex),
      profile: draft.profile.id,
      at: new Date(clock.now()).toISOString(),
    })
    try {
      return await signLinted(draft, this.#throwAway(draft.signer.algorithm.name), issuer)
    } catch (error) {
      if (error instanceof KeyUnavailable) this.#pausedUntilMs = clock.now() + PAUSE_MS
      throw error
    }
  }

  async #record(
    certificate: Certificate,
    authorityId: string,
    wanted: Wanted,
    orderId?: string,
  ): Promise<void> {
    const { store, clock } = this.#options
    const record = toIssuedRecord(certificate, {
      authorityId,
      profile: wanted.profile,
      stationId: wanted.stationId ?? null,
      ...(wanted.keyName === undefined ? {} : { keyName: wanted.keyName }),
    })
    await store.certificates.recordIssued(
      record,
      orderId === undefined ? undefined : { id: orderId, at: new Date(clock.now()).toISOString() },
    )
  }

  #throwAway(algorithm: SignatureAlgorithmName): SyncSigner {
    const known = this.#throwAways.get(algorithm)
    if (known) return known
    const signer = createSoftwareSigner(generateThrowAway(algorithm), algorithm)
    this.#throwAways.set(algorithm, signer)
    return signer
  }
}

/**
 * What travels to a car beside its contract: the answer has to fit into one field of OCPP, and the car asks nobody
 * about these. They name no addresses, so that the contract itself can name its OCSP responder.
 */
const BESIDE_CONTRACTS: readonly CertificateKind[] = [
  'cps-sub1',
  'cps-sub2',
  'cps-leaf',
  'mo-sub1',
  'mo-sub2',
]

/** From most addresses to none. */
function issuersFor({ issuer, leanIssuers }: SigningAuthority, kind: CertificateKind): readonly Issuer[] {
  const all = [issuer, ...leanIssuers]
  if (BESIDE_CONTRACTS.includes(kind)) return all.slice(-1)
  return kind === 'contract' ? all.slice(-2) : all
}

const withoutZeros = (hex: string): string => hex.replace(/^0+(?=.)/, '')

function generateThrowAway(algorithm: SignatureAlgorithmName) {
  switch (algorithm) {
    case 'ecdsa-with-SHA256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 'ecdsa-with-SHA384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 'ecdsa-with-SHA512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
    case 'Ed25519':
      return generateKeyPairSync('ed25519').privateKey
    case 'Ed448':
      return generateKeyPairSync('ed448').privateKey
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  }
}
