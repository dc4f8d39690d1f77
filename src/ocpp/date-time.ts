/**
 * The date-time format of OCPP payloads (RFC 3339), checked without a regular expression: it runs several times
 * per message.
 */

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const ZERO = 0x30

/** Two decimal digits at `at`, or -1. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

function isLetter(text: string, at: number, upper: number): boolean {
  const c = text.charCodeAt(at)
  return c === upper || c === upper + 0x20
}

function isDate(text: string): boolean {
  const century = twoDigits(text, 0)
  const yearOfCentury = twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (century < 0 || yearOfCentury < 0 || month < 1 || month > 12 || day < 1) return false
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return false
  if (day > (DAYS[month - 1] ?? 0)) return false
  if (month !== 2 || day !== 29) return true
  const year = century * 100 + yearOfCentury
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Where the time of day ends, or -1. */
function endOfTime(text: string): number {
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return -1
  let at = 19
  if (text.charCodeAt(at) !== 0x2e) return at
  at++
  const fraction = at
  while (text.charCodeAt(at) >= ZERO && text.charCodeAt(at) <= ZERO + 9) at++
  return at > fraction ? at : -1
}

/** `2026-01-31T23:59:59.123Z`, or with an offset such as `+01:00`. */
export function isDateTime(text: string): boolean {
  if (text.length < 20 || text.length > 40 || !isDate(text) || !isLetter(text, 10, 0x54)) return false
  const at = endOfTime(text)
  if (at < 0) return false
  if (isLetter(text, at, 0x5a)) return text.length === at + 1
  const sign = text.charCodeAt(at)
  if ((sign !== 0x2b && sign !== 0x2d) || text.length !== at + 6 || text.charCodeAt(at + 3) !== 0x3a)
    return false
  const hours = twoDigits(text, at + 1)
  const minutes = twoDigits(text, at + 4)
  return hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59
}
