import { createRequire } from 'node:module'
import fc from 'fast-check'

type Schema = { readonly [key: string]: unknown }

const bundle: readonly Schema[] = createRequire(import.meta.url)('ocpp-rpc/lib/schemas/ocpp2_0_1.json')

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null

/** Payloads that the schema of a request allows: required fields, any of the optional ones, odd values. */
export function validRequest(action: string): fc.Arbitrary<object> {
  const schema = bundle.find((each) => each.$id === `urn:${action}.req`)
  if (schema === undefined) throw new RangeError(`No schema for ${action}.`)
  const { definitions } = schema
  return objectOf(schema, isSchema(definitions) ? definitions : {})
}

function objectOf(schema: Schema, definitions: Schema): fc.Arbitrary<object> {
  const { properties, required } = schema
  const fields = Object.entries(isSchema(properties) ? properties : {}).filter(
    ([name]) => name !== 'customData',
  )
  const model = Object.fromEntries(fields.map(([name, field]) => [name, fieldValue(field, definitions)]))
  const needed = Array.isArray(required) ? required.map(String) : []
  return fc.record(model, { requiredKeys: needed })
}

function fieldValue(field: unknown, definitions: Schema): fc.Arbitrary<unknown> {
  if (!isSchema(field)) return fc.jsonValue({ maxDepth: 1 })
  const { $ref, type, maxLength, minItems, maxItems, items, format, minimum, maximum } = field
  if (typeof $ref === 'string')
    return fieldValue(definitions[$ref.replace('#/definitions/', '')], definitions)
  if (Array.isArray(field.enum)) return fc.constantFrom(...field.enum)
  const bound = (limit: unknown, otherwise: number) =>
    Math.min(typeof limit === 'number' ? limit : otherwise, otherwise)
  const low = (otherwise: number) => (typeof minimum === 'number' ? minimum : otherwise)
  const high = bound(maximum, 100_000)
  switch (type) {
    case 'object':
      return objectOf(field, definitions)
    case 'array':
      return fc.array(fieldValue(items, definitions), {
        minLength: typeof minItems === 'number' ? minItems : 0,
        maxLength: bound(maxItems, 3),
      })
    case 'string':
      if (format === 'date-time')
        return fc.constantFrom('2026-01-01T00:00:00Z', '2099-12-31T23:59:59.999+14:00')
      return fc.string({ maxLength: bound(maxLength, 60) })
    case 'integer':
      return fc.oneof(fc.integer({ min: low(-2), max: low(-2) + 4 }), fc.integer({ min: low(-5), max: high }))
    case 'number':
      return fc.double({ min: low(-1000), max: high, noNaN: true })
    case 'boolean':
      return fc.boolean()
    default:
      return fc.jsonValue({ maxDepth: 1 })
  }
}
