import {
  Certificate,
  createIssuer,
  type Issuer,
  type IssuerAddresses,
  type Signer,
  sameBytes,
} from '../../pki/index.ts'
import { type KeyStore, KeyUnavailable } from '../keys/ports.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import type { Store } from '../store/ports.ts'

/** An authority of ours: its record, its parsed certificate and, where its key is here, what signs with it. */
export interface Authority {
  readonly record: AuthorityRecord
  readonly certificate: Certificate
  /** Writes every configured address into what it issues; undefined where the key is elsewhere (an offline root). */
  readonly issuer: Issuer | undefined
  /** The same with fewer and fewer addresses, for profiles with a size limit (ISO 15118-2: 800 octets). */
  readonly leanIssuers: readonly Issuer[]
}

/** An authority whose key is here. */
export type SigningAuthority = Authority & { readonly issuer: Issuer }

/** Longer chains do not exist in V2G (root and two sub-CAs); the bound is for a database that is not a tree. */
const MAX_CHAIN = 10
const KEY_RETRY_MS = 10_000

/**
 * All authorities by id. Generations of one line stand side by side: all of them answer for what they issued, the
 * newest active one issues. Grows while the service runs.
 */
export class Authorities {
  readonly #byId = new Map<string, Authority>()
  readonly #listeners: ((authority: Authority) => void)[] = []

  get(id: string): Authority | undefined {
    return this.#byId.get(id)
  }
  has(id: string): boolean {
    return this.#byId.has(id)
  }
  keys(): IterableIterator<string> {
    return this.#byId.keys()
  }
  values(): IterableIterator<Authority> {
    return this.#byId.values()
  }
  get size(): number {
    return this.#byId.size
  }

  /** Adds or replaces; listeners hear of both. */
  put(authority: Authority): void {
    this.#byId.set(authority.record.id, authority)
    for (const listener of this.#listeners) listener(authority)
  }

  onPut(listener: (authority: Authority) => void): void {
    this.#listeners.push(listener)
  }

  /** Newest first. */
  generations(line: string): readonly Authority[] {
    return [...this.#byId.values()]
      .filter(({ record }) => record.line === line)
      .sort((a, b) => b.record.generation - a.record.generation)
  }

  /** The generation that issues now: the newest active one. */
  current(line: string): Authority | undefined {
    return this.generations(line).find(({ record }) => record.state === 'active')
  }

  /** Like `current`, for callers that need its key. Throws where there is none, in words for the operator. */
  signing(line: string): SigningAuthority {
    const authority = this.current(line)
    if (!authority)
      throw new Error(`There is no authority ${line}: create it, import it or hold its ceremony`)
    return withKey(authority)
  }

  /** Certificates of all generations of these lines that are valid at a time: what paths may end in. */
  anchors(lines: readonly string[], atMs: number): readonly Certificate[] {
    return lines
      .flatMap((line) => this.generations(line))
      .map(({ certificate }) => certificate)
      .filter(({ notBeforeMs, notAfterMs }) => notBeforeMs <= atMs && atMs <= notAfterMs)
  }

  /** The authority and those above it, nearest first, root last. */
  chain(id: string): readonly Authority[] {
    const chain: Authority[] = []
    let next: string | null = id
    while (next !== null && chain.length < MAX_CHAIN) {
      const authority = this.#byId.get(next)
      if (!authority)
        throw new Error(`The authority ${next} is missing from the database: restore it from the backup`)
      chain.push(authority)
      next = authority.record.issuerId
    }
    return chain
  }

  /** Leaf first, then the authorities above, without the root, which everyone has as an anchor. */
  chainPem(leaf: Certificate, authorityId: string): string {
    return [leaf, ...this.chain(authorityId).map(({ certificate }) => certificate)]
      .filter((one) => !one.isSelfSigned)
      .map((one) => one.toPem())
      .join('')
  }
}

export function withKey(authority: Authority): SigningAuthority {
  const { issuer } = authority
  if (issuer === undefined && authority.record.keyName !== null)
    throw new KeyUnavailable(`The key store of ${authority.record.id} does not answer`, KEY_RETRY_MS)
  if (issuer === undefined)
    throw new Error(`The key of ${authority.record.id} is not here: sign by ceremony (gridkeep ca ceremony)`)
  return { ...authority, issuer }
}

/** Where relying parties find what they need about certificates of one authority, below the PKI listener's address. */
export function addressesOf(publicUrl: string | undefined, id: string): IssuerAddresses {
  if (publicUrl === undefined) return {}
  const base = publicUrl.replace(/\/$/, '')
  return {
    ocspUrl: `${base}/ocsp`,
    crlUrl: `${base}/crl/${encodeURIComponent(id)}.crl`,
    caIssuersUrl: `${base}/ca/${encodeURIComponent(id)}.cer`,
  }
}

/** Opens the key of a record and joins the two. A key that should be here and is not stops the start. */
export async function openAuthority(
  options: { readonly keys: KeyStore; readonly publicUrl?: string | undefined },
  record: AuthorityRecord,
): Promise<Authority> {
  const certificate = Certificate.parse(record.certificateDer)
  if (record.keyName === null) return { record, certificate, issuer: undefined, leanIssuers: [] }
  const signer = await openKey(options.keys, record.keyName)
  // A token that does not answer now: everything but issuing goes on, and upkeep tries again.
  if (signer === 'unavailable') return { record, certificate, issuer: undefined, leanIssuers: [] }
  if (!signer) {
    throw new Error(
      `The key ${record.keyName} of the authority ${record.id} is missing from the key store: restore it from the backup`,
    )
  }
  return { record, certificate, ...issuersOf(certificate, signer, addressesOf(options.publicUrl, record.id)) }
}

async function openKey(keys: KeyStore, name: string): Promise<Signer | 'unavailable' | undefined> {
  try {
    return await keys.open(name)
  } catch (error) {
    if (error instanceof KeyUnavailable) return 'unavailable'
    throw error
  }
}

function issuersOf(
  certificate: Certificate,
  signer: Signer,
  addresses: IssuerAddresses,
): Pick<SigningAuthority, 'issuer' | 'leanIssuers'> {
  const { ocspUrl, crlUrl } = addresses
  const issuer = createIssuer({ certificate, signer, addresses })
  if (ocspUrl === undefined || crlUrl === undefined) return { issuer, leanIssuers: [] }
  const leanIssuers = [{ ocspUrl, crlUrl }, { ocspUrl }, {}].map((fewer) =>
    createIssuer({ certificate, signer, addresses: fewer }),
  )
  return { issuer, leanIssuers }
}

/** Authorities that another process (the command line) added or changed since the last look. */
export async function refreshAuthorities(
  options: { readonly store: Store; readonly keys: KeyStore; readonly publicUrl?: string | undefined },
  authorities: Authorities,
): Promise<void> {
  for (const record of await options.store.certificates.authorities()) {
    const authority = authorities.get(record.id)
    const known = authority?.record
    const isKeyMissing = record.keyName !== null && authority?.issuer === undefined
    const same =
      known !== undefined &&
      !isKeyMissing &&
      known.state === record.state &&
      known.keyName === record.keyName &&
      sameBytes(known.certificateDer, record.certificateDer)
    if (same) continue
    const opened = await openAuthority(options, record)
    if (!isKeyMissing || opened.issuer !== undefined || known === undefined) authorities.put(opened)
  }
}
