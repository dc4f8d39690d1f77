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

export interface AuditStore {
  append(entry: Omit<AuditEntry, 'id'>): Promise<void>
  list(filter?: {
    action?: string
    subject?: string
    actor?: string
    after?: number
    limit?: number
  }): Promise<readonly AuditEntry[]>
}
