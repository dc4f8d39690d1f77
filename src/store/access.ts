/** Port: API keys and the audit trail. */

export type Role = 'viewer' | 'operator' | 'security' | 'admin'

export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** SHA-256 of the key's random secret (256 bits of entropy, so no slow hash is needed), hex. */
  readonly secretHash: string
  readonly createdAt: string
  readonly revokedAt: string | null
}

export interface AuditEntry {
  readonly id: number
  readonly at: string
  /** An API key's name, `cli`, `system`, or `station:<id>`. */
  readonly actor: string
  /** Dotted verb, e.g. `station.put`, `certificate.issued`. */
  readonly action: string
  readonly subject: string
  readonly detail: object
}

export interface ApiKeyStore {
  put(key: ApiKey): Promise<void>
  bySecretHash(secretHash: string): Promise<ApiKey | undefined>
  list(): Promise<readonly ApiKey[]>
  revoke(id: string, at: string): Promise<boolean>
}

/** An entry as it was hashed: exactly the text that is stored. */
export interface AuditLink {
  readonly id: number
  /** What the hash covers, besides the hash before it. */
  readonly text: string
  /** SHA-256 in hex over the hash of the entry before, a line feed and `text`; the first follows 64 zeros. */
  readonly hash: string
}

/** A signature over everything up to an entry. */
export interface AuditCheckpoint {
  readonly lastId: number
  readonly hash: string
  readonly at: string
  /** SPKI of the key that signed, base64. */
  readonly key: string
  readonly signature: string
}

export interface AuditStore {
  /** Chains the entry to the one before it, in the transaction that writes it. */
  append(entry: Omit<AuditEntry, 'id'>): Promise<void>
  /** In order of their ids, which have no gaps in an untouched trail. */
  links(after: number, limit: number): Promise<readonly AuditLink[]>
  lastLink(): Promise<AuditLink | undefined>
  putCheckpoint(checkpoint: AuditCheckpoint): Promise<void>
  /** Oldest first. */
  checkpoints(after: number, limit: number): Promise<readonly AuditCheckpoint[]>
  list(filter?: {
    action?: string
    subject?: string
    actor?: string
    after?: number
    /** Only entries with a smaller id. */
    before?: number
    order?: 'oldest' | 'newest'
    limit?: number
  }): Promise<readonly AuditEntry[]>
}
