/** One security event as others read it. Pure. */

import type { StationEvent } from '../store/events.ts'

export const SECURITY_KINDS: ReadonlySet<string> = new Set(['security', 'csms-security'])

export interface SecurityMessage {
  readonly id: number
  readonly source: 'station' | 'csms'
  readonly stationId: string
  readonly type: string
  readonly severity: 'alarm' | 'notice'
  readonly at: string
  readonly receivedAt: string
  readonly detail: object
}

export function toMessage(event: StationEvent): SecurityMessage {
  return {
    id: event.id,
    source: event.kind === 'security' ? 'station' : 'csms',
    stationId: event.stationId,
    type: event.type,
    severity: event.critical ? 'alarm' : 'notice',
    at: event.at,
    receivedAt: event.receivedAt,
    detail: event.detail,
  }
}

/** RFC 5424 facility 13 (log audit). */
const FACILITY = 13
const ALERT = 1
const NOTICE = 5
/** Receivers must take 2048 octets (RFC 5424 6.1), more is not sure. */
const MAX_OCTETS = 8192
/** Private enterprise number of documentation (RFC 5612): structured data needs one. */
const ENTERPRISE = 32473

export function toSyslog(message: SecurityMessage, host: string): string {
  const priority = FACILITY * 8 + (message.severity === 'alarm' ? ALERT : NOTICE)
  const parameters = [
    ['id', String(message.id)],
    ['source', message.source],
    ['station', message.stationId],
    ['type', message.type],
  ]
    .map(([name, value]) => `${name}="${escaped(value ?? '')}"`)
    .join(' ')
  const head = `<${priority}>1 ${message.receivedAt} ${field(host, 255)} gridkeep - ${field(message.type, 32)} [gridkeep@${ENTERPRISE} ${parameters}] `
  // RFC 5424 6.4: a byte order mark says that the text is UTF-8. Line breaks of stations must not look like new messages.
  const text = `${head}\uFEFF${JSON.stringify(message.detail)}`
  const octets = Buffer.from(text, 'utf8')
  return octets.length <= MAX_OCTETS ? text : cut(octets)
}

/** Printable ASCII without spaces, or the nil value. */
function field(value: string, length: number): string {
  const clean = value.replace(/[^\x21-\x7e]/g, '').slice(0, length)
  return clean === '' ? '-' : clean
}

const CONTROL = /[\p{Cc}]/gu
function escaped(value: string): string {
  return value.replace(CONTROL, ' ').replace(/["\\\]]/g, (character) => `\\${character}`)
}

/** Never within a character. */
function cut(octets: Buffer): string {
  return octets
    .subarray(0, MAX_OCTETS)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
}
