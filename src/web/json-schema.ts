/** The part of JSON Schema that the OCPP messages use, and the first value of a form made from it. */

export interface JsonSchema {
  readonly $ref?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly format?: string
  readonly definitions?: Readonly<Record<string, JsonSchema>>
}

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

/** Follows a reference into the definitions; what stands beside the reference wins. */
export function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.$ref === undefined) return schema
  const target = root.definitions?.[schema.$ref.replace('#/definitions/', '')] ?? {}
  const { $ref: _, ...beside } = schema
  return { ...target, ...beside }
}

/** What must be there is there, as empty as it may be; what may be left out is left out. */
export function emptyValue(schema: JsonSchema, root: JsonSchema): Json {
  const { type, enum: values, properties = {}, required = [], items, minItems = 0 } = resolve(schema, root)
  if (values?.[0] !== undefined) return values[0]
  switch (type) {
    case 'object':
      return Object.fromEntries(
        required.flatMap((name) => (properties[name] ? [[name, emptyValue(properties[name], root)]] : [])),
      )
    case 'array':
      return items ? Array.from({ length: minItems }, () => emptyValue(items, root)) : []
    case 'boolean':
      return false
    case 'integer':
    case 'number':
      return 0
    default:
      return ''
  }
}

/** The sentences of a description, without the identifiers of the model that precede them. */
export function helpText(schema: JsonSchema): string {
  return (schema.description ?? '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('urn:') && !/^[\w ]+(\. [\w ]+)*_[\w .]*$/.test(line))
    .join(' ')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .slice(0, 240)
}
