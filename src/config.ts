/** Configuration: YAML < environment < flags, checked once, every mistake named with its place. */

import { Ajv } from 'ajv'
import { parseDocument } from 'yaml'
import { configSchema } from './config-schema.ts'
import type { Config, Setting } from './config-settings.ts'
import { describeConfig } from './config-settings.ts'
import { isSecret } from './stations/device-model.ts'
import { parseWantedVariable } from './stations/wanted-variables.ts'

export { configSchema } from './config-schema.ts'
export type { Config, Setting } from './config-settings.ts'
export { describeConfig, envName } from './config-settings.ts'

export interface ConfigIssue {
  /** Dotted path of the field, e.g. `http.port`; empty where the whole file is meant. */
  readonly path: string
  readonly message: string
  /** `gridkeep.yaml`, `environment GRIDKEEP_HTTP_PORT`, `flag`, or `default`. */
  readonly origin: string
}

export class ConfigError extends Error {
  readonly code = 'config.invalid'
  readonly issues: readonly ConfigIssue[]

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(({ path, message, origin }) => `${path || origin}: ${message} (${origin})`).join('\n'))
    this.name = 'ConfigError'
    this.issues = issues
  }
}

export interface ConfigSources {
  /** Name (for messages) and text of the YAML file. */
  readonly file?: { readonly name: string; readonly text: string }
  readonly env?: Readonly<Record<string, string | undefined>>
  /** By dotted path; text as it was typed. */
  readonly flags?: Readonly<Record<string, string>>
}

export interface LoadedConfig {
  readonly config: Config
  /** Legal but worth a second look. */
  readonly warnings: readonly string[]
}

/** Variables of the environment that are ours but no settings. */
const OTHER_VARIABLES = new Set([
  'GRIDKEEP_CONFIG',
  'GRIDKEEP_URL',
  'GRIDKEEP_API_KEY',
  'GRIDKEEP_PKI_PASSPHRASE',
  'GRIDKEEP_REQUIRE_ALL',
])

interface Given {
  readonly value: unknown
  readonly origin: string
}

/** Throws ConfigError with all issues at once. */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const { settings, sections } = describeConfig()
  const byPath = new Map(settings.map((setting) => [setting.path, setting]))
  const sectionPaths = new Set(sections.map((section) => section.path))
  const issues: ConfigIssue[] = []
  const given = new Map<string, Given>()

  if (sources.file) readFile(sources.file, { byPath, sectionPaths, given, issues })
  const warnings = readEnvironment(sources.env ?? {}, settings, given, issues)
  readFlags(sources.flags ?? {}, byPath, given, issues)

  const config: unknown = assemble(settings, given)
  if (!isConfig(config)) {
    issues.push(...schemaIssues(given))
    throw new ConfigError(issues)
  }
  issues.push(...crossFieldIssues(config, given))
  if (issues.length > 0) throw new ConfigError(issues)
  return { config, warnings: [...warnings, ...cautions(config)] }
}

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
const isConfig = ajv.compile<Config>(configSchema)

interface FileContext {
  readonly byPath: ReadonlyMap<string, Setting>
  readonly sectionPaths: ReadonlySet<string>
  readonly given: Map<string, Given>
  readonly issues: ConfigIssue[]
}

function readFile(file: { name: string; text: string }, context: FileContext): void {
  const refuse = (message: string) => {
    context.issues.push({ path: '', message: `is not YAML: ${message}`, origin: file.name })
  }
  const document = parseDocument(file.text, { prettyErrors: true })
  for (const error of document.errors) refuse(error.message)
  if (document.errors.length > 0) return
  let root: unknown
  try {
    root = document.toJS()
  } catch (error) {
    // Aliases without an anchor, and aliases that multiply without end, are found only here.
    refuse(error instanceof Error ? error.message : String(error))
    return
  }
  if (root !== null && root !== undefined) readSection(root, '', file.name, context)
}

function readSection(value: unknown, path: string, origin: string, context: FileContext): void {
  const { byPath, sectionPaths, given, issues } = context
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push({ path, message: 'must be a section with settings below it', origin })
    return
  }
  for (const [name, child] of Object.entries(value)) {
    const childPath = path === '' ? name : `${path}.${name}`
    if (byPath.has(childPath)) given.set(childPath, { value: child, origin })
    else if (sectionPaths.has(childPath)) readSection(child, childPath, origin, context)
    else issues.push({ path: childPath, message: unknownMessage(childPath, context), origin })
  }
}

function unknownMessage(path: string, { byPath, sectionPaths }: FileContext): string {
  if (/passphrase$/i.test(path))
    return 'secrets do not belong here; use pki.passphraseFile or GRIDKEEP_PKI_PASSPHRASE'
  const guess = closest(path, [...byPath.keys(), ...sectionPaths])
  return guess === undefined
    ? 'there is no such setting; remove it'
    : `there is no such setting; did you mean ${guess}?`
}

function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly Setting[],
  given: Map<string, Given>,
  issues: ConfigIssue[],
): string[] {
  for (const setting of settings) {
    const text = env[setting.env]
    if (text !== undefined) giveText(setting, text, `environment ${setting.env}`, given, issues)
  }
  const known = new Set([...settings.map((setting) => setting.env), ...OTHER_VARIABLES])
  return Object.keys(env)
    .filter((name) => name.startsWith('GRIDKEEP_') && !known.has(name))
    .map((name) => {
      const guess = closest(name, [...known])
      return `environment ${name} is no setting and is ignored${guess === undefined ? '' : `; did you mean ${guess}?`}`
    })
}

function readFlags(
  flags: Readonly<Record<string, string>>,
  byPath: ReadonlyMap<string, Setting>,
  given: Map<string, Given>,
  issues: ConfigIssue[],
): void {
  for (const [path, text] of Object.entries(flags)) {
    const setting = byPath.get(path)
    if (setting) giveText(setting, text, 'flag', given, issues)
    else {
      const guess = closest(path, [...byPath.keys()])
      const hint = guess === undefined ? '' : `; did you mean ${guess}?`
      issues.push({ path, message: `there is no such setting${hint}`, origin: 'flag' })
    }
  }
}

/** Text becomes what the setting wants; what does not fit stays text, and the schema says what is wrong. */
function giveText(
  setting: Setting,
  text: string,
  origin: string,
  given: Map<string, Given>,
  issues: ConfigIssue[],
): void {
  const value = fromText([setting.schema.type].flat(), text)
  if (value === undefined)
    issues.push({ path: setting.path, message: `"${text}" is not ${expected(setting)}`, origin })
  else given.set(setting.path, { value, origin })
}

function fromText(types: readonly string[], text: string): unknown {
  if (types.includes('null') && text === '') return null
  if (types.includes('string')) return text
  if (types.includes('array'))
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  if (types.includes('boolean')) return text === 'true' ? true : text === 'false' ? false : undefined
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? number : undefined
}

function expected({ schema }: Setting): string {
  if (schema.enum) return `one of ${schema.enum.join(', ')}`
  if (schema.type === 'boolean') return 'true or false'
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`
  return schema.type === 'array' ? 'a list' : [schema.type].flat().join(' or ')
}

function assemble(settings: readonly Setting[], given: ReadonlyMap<string, Given>): object {
  const root: Record<string, unknown> = {}
  for (const { path, schema } of settings) {
    const value = given.has(path) ? given.get(path)?.value : structuredClone(schema.default)
    const names = path.split('.')
    let section = root
    for (const name of names.slice(0, -1)) {
      const below = section[name]
      const next: Record<string, unknown> = isRecord(below) ? below : {}
      section[name] = next
      section = next
    }
    section[names.at(-1) ?? path] = value
  }
  return root
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function schemaIssues(given: ReadonlyMap<string, Given>): ConfigIssue[] {
  return (isConfig.errors ?? []).map((error) => {
    const path = error.instancePath.slice(1).replaceAll('/', '.')
    const leaf = [...given.keys()].find((one) => path === one || path.startsWith(`${one}.`))
    const allowed = error.keyword === 'enum' ? `: ${[error.params.allowedValues].flat().join(', ')}` : ''
    return {
      path,
      message: `${error.message ?? 'is not valid'}${allowed}`,
      origin: given.get(leaf ?? path)?.origin ?? 'default',
    }
  })
}

/** What a schema cannot say. */
function crossFieldIssues(config: Config, given: ReadonlyMap<string, Given>): ConfigIssue[] {
  const issue = (path: string, message: string): ConfigIssue => ({
    path,
    message,
    origin: given.get(path)?.origin ?? 'default',
  })
  const { http, pkiHttp, ocpp, energy } = config
  const pairs = [
    ['http.tlsCertFile', http.tlsCertFile, 'http.tlsKeyFile', http.tlsKeyFile],
    ['ocpp.wss.certFile', ocpp.wss.certFile, 'ocpp.wss.keyFile', ocpp.wss.keyFile],
    ['ocpp.wss.rsaCertFile', ocpp.wss.rsaCertFile, 'ocpp.wss.rsaKeyFile', ocpp.wss.rsaKeyFile],
  ] as const
  const halves = pairs
    .filter(([, cert, , key]) => (cert === null) !== (key === null))
    .map(([certPath, cert, keyPath]) =>
      cert === null
        ? issue(certPath, `is missing; ${keyPath} is the key of no certificate`)
        : issue(keyPath, `is missing; ${certPath} needs its private key`),
    )
  const listeners = [
    { path: 'http', on: true, ...http },
    { path: 'pkiHttp', on: pkiHttp.enabled, ...pkiHttp },
    { path: 'pkiHttp.est', on: pkiHttp.est.enabled, ...pkiHttp.est },
    { path: 'ocpp.ws', on: ocpp.ws.enabled, ...ocpp.ws },
    { path: 'ocpp.wss', on: ocpp.wss.enabled, ...ocpp.wss },
    {
      path: 'ocpp.wss.former',
      on: ocpp.wss.enabled && ocpp.wss.formerPort !== null,
      port: ocpp.wss.formerPort ?? 0,
    },
  ].filter((listener) => listener.on && listener.port !== 0)
  const clashes = listeners.flatMap((one, index) =>
    listeners
      .slice(0, index)
      .filter((other) => other.port === one.port)
      .map((other) => issue(`${one.path}.port`, `${one.port} is the port of ${other.path} already`)),
  )
  const deaf =
    ocpp.ws.enabled || ocpp.wss.enabled
      ? []
      : [issue('ocpp.wss.enabled', 'must be true where ocpp.ws is off: no station could connect')]
  const lease =
    energy.leaseS * 1000 < energy.intervalMs * 4
      ? [issue('energy.leaseS', 'must be at least four times energy.intervalMs, to be refreshed in time')]
      : []
  const secrets = ocpp.provisioning.variables
    .map(parseWantedVariable)
    .filter(({ component, variable }) => isSecret(component, variable))
    .map(({ variable }) =>
      issue(
        'ocpp.provisioning.variables',
        `must not hold ${variable.name}: every station has its own, see PUT /api/v1/stations/{id}`,
      ),
    )
  return [...halves, ...clashes, ...deaf, ...lease, ...secrets]
}

const LOOPBACK = /^(127\.|::1$|localhost$)/

function cautions({ http, ocpp }: Config): string[] {
  const found: string[] = []
  if (ocpp.ws.enabled && !LOOPBACK.test(ocpp.ws.host))
    found.push(`ocpp.ws listens on ${ocpp.ws.host} without TLS: passwords of stations travel in the clear`)
  if (http.tlsCertFile === null && !LOOPBACK.test(http.host))
    found.push(
      `http listens on ${http.host} without TLS: API keys travel in the clear unless a proxy adds TLS`,
    )
  return found
}

/** The candidate with the smallest edit distance, where that is small enough to be a slip. */
function closest(wanted: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: distance(wanted.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best && best.distance <= Math.max(2, wanted.length / 5) ? best.candidate : undefined
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      )
    row = next
  }
  return row[b.length] ?? 0
}
