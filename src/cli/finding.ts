/** What `gridkeep doctor` finds. */

export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do; null where there is nothing to do. */
  readonly advice: string | null
}

export function good(check: string, detail: string): Finding {
  return { check, state: 'ok', detail, advice: null }
}

export function note(check: string, detail: string, advice: string): Finding {
  return { check, state: 'warn', detail, advice }
}

export function failure(check: string, detail: string, advice: string): Finding {
  return { check, state: 'fail', detail, advice }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
