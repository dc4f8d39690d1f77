/** Entries of the audit trail: who, what, on what; never a secret. */

import type { AuditStore } from '../store/access.ts'
import type { Clock } from './clock.ts'
import { isoNow } from './clock.ts'
import { redact } from './redact.ts'

export interface AuditNote {
  /** An API key's name, `cli`, `system`, or `station:<id>`. */
  readonly actor: string
  /** Dotted verb, e.g. `station.put`. */
  readonly action: string
  readonly subject: string
  readonly detail: object
}

export type RecordAudit = (note: AuditNote) => Promise<void>

export function createAudit(store: { readonly audit: AuditStore }, clock: Clock): RecordAudit {
  return ({ detail, ...note }) => store.audit.append({ at: isoNow(clock), ...note, detail: redact(detail) })
}
