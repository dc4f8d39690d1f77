/** docs/configuration.md, from the schema. */

import type { Setting } from '../config.ts'
import { describeConfig } from '../config.ts'

export function configReference(): string {
  const { settings, sections } = describeConfig()
  const sectionOf = (path: string) => path.split('.').slice(0, -1).join('.')
  const general = settings.filter((setting) => sectionOf(setting.path) === '')
  const parts = sections.map(({ path, description }) => {
    const own = settings.filter((setting) => sectionOf(setting.path) === path)
    return `## ${path}\n\n${description}\n${own.length > 0 ? `\n${rows(own)}\n` : ''}`
  })
  return `${INTRODUCTION}\n## General\n\n${rows(general)}\n\n${parts.join('\n')}`.trimEnd()
}

const INTRODUCTION = `# Configuration

<!-- Generated from src/config-schema.ts by tools/config-reference.mjs. Do not edit. -->

Settings come from a YAML file, from the environment and from flags, each overriding the one before. They are
checked once, at the start; \`gridkeep config check\` does the same without starting. A mistake is reported with the
path of the field, what to do, and where it was set.

- File: \`--config FILE\`, or \`GRIDKEEP_CONFIG\`, or \`gridkeep.yaml\` in the current folder.
- Environment: the variable beside each setting. Lists are separated by commas; an empty value means null.
- Flags: \`--data-dir\`, \`--http-port\`, \`--log-level\`, and \`--set path=value\` for everything.

Secrets never stand in the file. The passphrase of the key store comes from \`pki.passphraseFile\` or from
\`GRIDKEEP_PKI_PASSPHRASE\`.

\`\`\`yaml
dataDir: /var/lib/gridkeep
http:
  host: 0.0.0.0
  tlsCertFile: /etc/gridkeep/http.pem
  tlsKeyFile: /etc/gridkeep/http.key
pki:
  organisation: Example CPO
  serverNames: [csms.example.com]
  passphraseFile: /etc/gridkeep/passphrase
\`\`\`
`

/** Padded like a formatter would, so that the file in docs/ and this text stay the same. */
function rows(settings: readonly Setting[]): string {
  const table = [
    ['Setting', 'Type', 'Default', 'Meaning', 'Variable'],
    ...settings.map(({ path, env, schema }) => [
      `\`${path}\``,
      typeOf(schema),
      defaultOf(schema.default),
      schema.description,
      `\`${env}\``,
    ]),
  ]
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = table
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function typeOf(schema: Setting['schema']): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  const name = [schema.type].flat().join(' or ')
  const { minimum, maximum } = schema
  return minimum === undefined || maximum === undefined ? name : `${name}, ${minimum} to ${maximum}`
}

function defaultOf(value: unknown): string {
  if (Array.isArray(value) && value.length === 0) return 'none'
  return value === null ? 'null' : `\`${Array.isArray(value) ? value.join(',') : String(value)}\``
}
