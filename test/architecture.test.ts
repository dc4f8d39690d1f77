import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What everyone in src/ may build on: ports and wire types, no adapter. */
const kernel = [
  /^src\/store\/[\w-]+\.ts$/,
  /^src\/bus\/(ports|hub)\.ts$/,
  /^src\/[\w-]+\/(fleet\/)?ports\.ts$/,
  /^src\/ocpp\/v201\/messages\.generated\.ts$/,
  /^src\/observe\/clock\.ts$/,
  /^src\/config\.ts$/,
  /^src\/private-address\.ts$/,
]

/** Folder -> what its files may import besides the kernel and themselves. The composition roots are not listed: they may name anything. */
const rules: Record<string, { files: readonly RegExp[]; packages: readonly (string | RegExp)[] }> = {
  'pki/': { files: [], packages: ['node:crypto', '@peculiar/x509', 'pkijs', 'asn1js', 'reflect-metadata'] },
  'profiles/': { files: [], packages: [] },
  'src/store/sqlite/': { files: [/^src\/store\//], packages: ['better-sqlite3', 'node:crypto', 'node:fs'] },
  'src/store/': { files: [], packages: [] },
  'src/bus/': { files: [/^src\/(ocpp|stations)\//], packages: [/^node:/] },
  'src/stations/': { files: [/^src\/ocpp\/schemas\.ts$/], packages: [/^node:/, 'pino'] },
  'src/ocpp/': {
    files: [/^src\/(stations|bus)\//, /^pki\/index\.ts$/],
    packages: [/^node:/, 'ws', 'ajv', 'ajv-formats', 'pino', 'ocpp-rpc'],
  },
  'src/certificates/': { files: [/^pki\/index\.ts$/], packages: [/^node:/, 'pino'] },
  'src/export/': { files: [], packages: [/^node:/, 'pino'] },
  'src/energy/': { files: [/^profiles\/index\.ts$/], packages: [/^node:/, 'pino', 'highs'] },
  'src/keys/': { files: [/^pki\/index\.ts$/], packages: [/^node:/, 'pkcs11js'] },
  'src/http/': {
    files: [/^src\/(observe|stations)\//, /^src\/ocpp\/(schemas|actions|errors)\.ts$/],
    packages: [
      /^node:/,
      'fastify',
      /^@fastify\//,
      'fastify-openapi-glue',
      'ajv',
      'ajv-formats',
      'yaml',
      'pino',
    ],
  },
  'src/observe/': { files: [], packages: [/^node:/, 'pino', 'prom-client'] },
  // In the browser: nothing of the service but the types of its API.
  'src/web/': { files: [/^src\/http\/api\.generated\.ts$/], packages: ['preact', 'uplot'] },
  'src/simulator/': {
    files: [/^src\/ocpp\/(frame|errors|schemas|actions)\.ts$/, /^(pki|profiles)\/index\.ts$/],
    packages: [/^node:/, 'ws', 'ajv', 'ajv-formats', 'ocpp-rpc'],
  },
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8')
  const specifiers = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n]*?)?from\s*['"]([^'"]+)['"]|(?:(?:^|\n)\s*import\s*|\bimport\(\s*)['"]([^'"]+)['"]/g,
  )
  return [...specifiers].map((match) => match[1] ?? match[2] ?? '')
}

/** The rule of the innermost folder; files right under src/ are composition roots and commands. */
function ruleOf(file: string): [string, (typeof rules)[string]] | undefined {
  return Object.entries(rules)
    .filter(([folder]) => file.startsWith(folder))
    .sort(([a], [b]) => b.length - a.length)[0]
}

function breaches(file: string): string[] {
  const found = ruleOf(file)
  if (!found) return []
  const [folder, rule] = found
  return importsOf(file).filter((specifier) => {
    if (!specifier.startsWith('.')) {
      const name = builtinModules.includes(specifier) ? `node:${specifier}` : specifier
      const bare = name.startsWith('@')
        ? name.split('/').slice(0, 2).join('/')
        : name.startsWith('node:')
          ? name
          : (name.split('/')[0] ?? name)
      return !rule.packages.some((allowed) =>
        typeof allowed === 'string' ? allowed === bare : allowed.test(bare),
      )
    }
    const target = relative(root, join(root, dirname(file), specifier))
    if (target.startsWith(folder)) return false
    const isApart = folder === 'pki/' || folder === 'profiles/' || folder === 'src/web/'
    return ![...rule.files, ...(isApart ? [] : kernel)].some((allowed) => allowed.test(target))
  })
}

describe('imports keep to the architecture', () => {
  const files = ['pki', 'profiles', 'src'].flatMap(sources)

  test('every file imports only what its folder may', () => {
    const found = files.flatMap((file) => breaches(file).map((specifier) => `${file} imports ${specifier}`))
    expect(found).toEqual([])
  })

  test('the cores call no clock, no randomness and no environment', () => {
    const impure =
      /\b(Date\.now\(|new Date\(\)|Math\.random\(|process\.|setTimeout\(|setInterval\(|console\.)/
    const found = sources('pki')
      .concat(sources('profiles'))
      .filter((file) => impure.test(readFileSync(join(root, file), 'utf8').replace(/^\s*(\*|\/\/).*$/gm, '')))
    expect(found).toEqual([])
  })

  test('the scan sees what it is there for', () => {
    expect(importsOf('src/store/sqlite/database.ts')).toContain('better-sqlite3')
    expect(files.length).toBeGreaterThan(15)
    expect(ruleOf('src/store/sqlite/database.ts')?.[0]).toBe('src/store/sqlite/')
  })
})
