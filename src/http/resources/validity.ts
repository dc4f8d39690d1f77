import { invalid } from '../problems.ts'

interface Validity {
  readonly validFrom: string | null
  readonly validTo: string | null
}

/** A limit that never holds would look like a promise. */
export function refuseEmptyValidity({ validFrom, validTo }: Validity, nowMs: number): void {
  if (validTo === null) return
  const refuse = (message: string) => invalid('limit.invalid', [{ path: 'body/validTo', message }])
  if (validFrom !== null && Date.parse(validFrom) >= Date.parse(validTo))
    throw refuse('must be later than validFrom')
  if (Date.parse(validTo) <= nowMs)
    throw refuse(`${validTo} is over; name a later time, or leave it out for a limit without an end`)
}
