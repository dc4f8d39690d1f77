// Writes docs/api.md, the reference of the operator API, from openapi.yaml. `--check` only compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const contract = parse(readFileSync(at('openapi.yaml'), 'utf8'))
const METHODS = ['get', 'put', 'post', 'delete', 'patch']

function resolved(value) {
  if (value?.$ref === undefined) return value
  return value.$ref
    .slice(2)
    .split('/')
    .reduce((node, key) => node[key], contract)
}

const oneLine = (text = '') => String(text).trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')
const anchor = (name) => `#${name.toLowerCase()}`

/** A schema in one line: what a reader needs to know before trying. */
function typeOf(schema = {}) {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)
    return schema.$ref.startsWith('#/components/schemas/')
      ? `[${name}](${anchor(name)})`
      : typeOf(resolved(schema))
  }
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  for (const list of [schema.oneOf, schema.anyOf, schema.allOf])
    if (list)
      return list.map((one) => (one.const === undefined ? typeOf(one) : `\`${one.const}\``)).join(' or ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`
  const types = [schema.type ?? 'any'].flat().map((type) => (type === 'null' ? 'null' : type))
  const format = schema.format === undefined ? '' : ` (${schema.format})`
  return `${types.join(' or ')}${format}`
}

function limitsOf(schema = {}) {
  const words = [
    schema.default === undefined ? '' : `default \`${JSON.stringify(schema.default)}\``,
    schema.minimum === undefined ? '' : `at least ${schema.minimum}`,
    schema.maximum === undefined ? '' : `at most ${schema.maximum}`,
    schema.maxLength === undefined ? '' : `up to ${schema.maxLength} characters`,
    schema.maxItems === undefined ? '' : `up to ${schema.maxItems} entries`,
  ]
  return words.filter(Boolean).join(', ')
}

function fieldRows(schema) {
  const { properties = {}, required = [] } = schema
  return Object.entries(properties).map(([name, field]) => {
    const own = field.$ref === undefined ? field : { ...resolved(field), ...field }
    const words = [oneLine(own.description), limitsOf(own)].filter(Boolean).join('; ')
    return `| \`${name}\`${required.includes(name) ? '' : ' (optional)'} | ${typeOf(field)} | ${words} |`
  })
}

const fieldTable = (schema) => ['| field | type | |', '|---|---|---|', ...fieldRows(schema)]

/** Fields of an object that has no name of its own; otherwise where to read on. */
function bodyLines(title, schema) {
  if (schema === undefined) return []
  if (schema.$ref === undefined && schema.type === 'object' && schema.properties)
    return ['', `${title}:`, '', ...fieldTable(schema)]
  return ['', `${title}: ${typeOf(schema)}.`]
}

function operationLines(path, shared, method, operation) {
  const { operationId, summary, description, requestBody, responses } = operation
  const parameters = [...(shared ?? []), ...(operation.parameters ?? [])].map(resolved)
  const lines = ['', `### ${oneLine(summary)}`, '', `\`${method.toUpperCase()} /api/v1${path}\``, '']
  lines.push(`\`${operationId}\`, role ${[operation['x-role'] ?? 'none'].flat().join(' or ')}.`)
  if (description) lines.push('', oneLine(description).replaceAll('\\|', '|'))
  if (parameters.length > 0) {
    lines.push('', '| parameter | in | type | |', '|---|---|---|---|')
    for (const one of parameters)
      lines.push(
        `| \`${one.name}\`${one.required ? '' : ' (optional)'} | ${one.in} | ${typeOf(one.schema)} | ${[oneLine(one.description ?? resolved(one.schema)?.description), limitsOf(resolved(one.schema))].filter(Boolean).join('; ')} |`,
      )
  }
  lines.push(...bodyLines('Body', resolved(requestBody)?.content?.['application/json']?.schema))
  for (const [code, response] of Object.entries(responses)) {
    if (code === 'default') continue
    const { description: meaning, content = {} } = resolved(response)
    const [type, media] = Object.entries(content)[0] ?? []
    lines.push(
      '',
      `Answer ${code}: ${oneLine(meaning)}${type === undefined || type === 'application/json' ? '' : ` (\`${type}\`)`}`,
    )
    if (type === 'application/json') lines.push(...bodyLines('Its body', media.schema))
  }
  return lines
}

const tags = new Map(
  (contract.tags ?? []).map(({ name, description }) => [name, { description, lines: [], rows: [] }]),
)
for (const [path, { parameters: shared, ...methods }] of Object.entries(contract.paths))
  for (const [method, operation] of Object.entries(methods)) {
    if (!METHODS.includes(method)) continue
    const name = operation.tags?.[0] ?? 'other'
    const tag = tags.get(name) ?? { description: '', lines: [], rows: [] }
    tags.set(name, tag)
    tag.lines.push(...operationLines(path, shared, method, operation))
  }

const schemaLines = Object.entries(contract.components.schemas).flatMap(([name, schema]) => [
  '',
  `### ${name}`,
  ...(schema.description ? ['', oneLine(schema.description).replaceAll('\\|', '|')] : []),
  '',
  ...(schema.type === 'object' && schema.properties
    ? fieldTable(schema)
    : [`${typeOf(schema)}${limitsOf(schema) === '' ? '' : `, ${limitsOf(schema)}`}.`]),
])

const text = `${[
  '# Operator API',
  '',
  'Generated by `node tools/api-reference.mjs` from `openapi.yaml`: do not edit. The service checks every request against that',
  'file, and tools make clients from it.',
  '',
  'Requests carry a key: `Authorization: Bearer gk_...`. Errors are problem details (RFC 9457) with a stable `code`. Lists come in',
  'pages: ask again with `after` (or `before`) set to the `next` of the answer until it is null.',
  '',
  ...[...tags]
    .filter(([, { lines }]) => lines.length > 0)
    .map(
      ([name, { description }]) => `- [${name}](#${name})${description ? `: ${oneLine(description)}` : ''}`,
    ),
  '- [schemas](#schemas)',
  ...[...tags]
    .filter(([, { lines }]) => lines.length > 0)
    .flatMap(([name, { lines }]) => ['', `## ${name}`, ...lines]),
  '',
  '## schemas',
  ...schemaLines,
].join('\n')}\n`

const target = at('docs/api.md')
if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('docs/api.md is out of date: run node tools/api-reference.mjs')
  process.exit(1)
}
