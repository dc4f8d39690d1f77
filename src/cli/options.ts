/** Options that several commands share, and how their text is read. */

import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { LoadedConfig } from '../config.ts'
import { ConfigError, loadConfig } from '../config.ts'
import type { CliIo } from './io.ts'

const DEFAULT_FILE = 'gridkeep.yaml'

export interface ConfigFlags {
  readonly config?: string
  readonly dataDir?: string
  readonly httpPort?: string
  readonly logLevel?: string
  readonly set?: readonly string[]
}

export function addConfigOptions(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      `configuration file (or GRIDKEEP_CONFIG; default ./${DEFAULT_FILE} where it exists)`,
    )
    .option('--data-dir <folder>', 'setting dataDir')
    .option('--http-port <port>', 'setting http.port')
    .option('--log-level <level>', 'setting log.level')
    .option('--set <path=value...>', 'any other setting, e.g. --set ocpp.ws.enabled=true')
}

/** YAML < environment < flags. */
export function readConfig(flags: ConfigFlags, io: CliIo): LoadedConfig {
  const wanted = flags.config ?? io.env.GRIDKEEP_CONFIG
  const name = wanted ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  return loadConfig({
    env: io.env,
    flags: toSettings(flags),
    ...(name !== undefined && { file: { name, text: readText(name) } }),
  })
}

function readText(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : String(error)}`
    throw new ConfigError([{ path: '', message, origin: name }])
  }
}

function toSettings(flags: ConfigFlags): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const pair of flags.set ?? []) {
    const at = pair.indexOf('=')
    if (at < 1)
      throw new ConfigError([
        { path: pair, message: 'write --set path=value, e.g. --set http.port=8080', origin: 'flag' },
      ])
    settings[pair.slice(0, at)] = pair.slice(at + 1)
  }
  if (flags.dataDir !== undefined) settings.dataDir = flags.dataDir
  if (flags.httpPort !== undefined) settings['http.port'] = flags.httpPort
  if (flags.logLevel !== undefined) settings['log.level'] = flags.logLevel
  return settings
}

export function jsonOption(): Option {
  return new Option('--json', 'one JSON document on standard output').default(false)
}

export function wholeNumber(bounds: {
  readonly min: number
  readonly max: number
}): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < bounds.min || value > bounds.max)
      throw new InvalidArgumentError(`A whole number from ${bounds.min} to ${bounds.max} is needed.`)
    return value
  }
}

/** `90s`, `5m`, `2h`; a bare number is seconds. */
export function durationMs(text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,7})(ms|s|m|h)?$/.exec(text) ?? []
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const factor = factors[unit]
  if (digits === undefined || factor === undefined || Number(digits) === 0)
    throw new InvalidArgumentError('Write e.g. 60s, 5m or 2h.')
  return Number(digits) * factor
}

/** A moment in any form that says its zone or day, handed on in UTC. */
export function timeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    if (Number.isNaN(Date.parse(text)))
      throw new InvalidArgumentError(`${text} is no time; write it like 2026-12-31T20:00:00Z.`)
    return new Date(text).toISOString()
  })
}
