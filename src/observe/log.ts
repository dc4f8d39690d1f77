/** Structured logs on standard error: standard output belongs to results. */

import type { DestinationStream, Logger } from 'pino'
import pino from 'pino'
import { REDACTED } from './redact.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Second line of defence: nobody should log these in the first place. */
const SECRET_PATHS = [
  'password',
  'passphrase',
  'secret',
  'apiKey',
  'authorization',
  'passwordHash',
  'secretHash',
  'privateKey',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export function createLog(options: {
  readonly level: LogLevel
  readonly destination?: DestinationStream
}): Logger {
  return pino(
    {
      level: options.level,
      base: { service: 'gridkeep' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [...SECRET_PATHS, 'req.headers.authorization', 'headers.authorization'],
        censor: REDACTED,
      },
      serializers: { err: pino.stdSerializers.err },
    },
    options.destination ?? pino.destination({ fd: 2, sync: false }),
  )
}
