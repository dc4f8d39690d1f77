/** Checks of payloads against the OCPP 2.0.1 schemas, compiled when an action is first seen. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv'
import { isDateTime } from './date-time.ts'
import { type SchemaViolation, schemaViolation } from './errors.ts'
import type { Action } from './v201/messages.generated.ts'

export type Direction = 'req' | 'conf'

export interface Schemas {
  /** Undefined where the payload conforms. `action` must be one of the 2.0.1 actions. */
  check(action: Action, direction: Direction, payload: unknown): SchemaViolation | undefined
}

export function createSchemas(): Schemas {
  const sources = readSources()
  const ajv = new Ajv({
    allErrors: false,
    strict: false,
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: false,
    validateSchema: false,
    formats: { 'date-time': isDateTime },
  })
  const validators = { req: new Map<Action, ValidateFunction>(), conf: new Map<Action, ValidateFunction>() }

  function compiled(action: Action, direction: Direction): ValidateFunction {
    const source = sources.get(`${action}.${direction}`)
    if (source === undefined) throw new Error(`The OCPP 2.0.1 schema of ${action}.${direction} is missing.`)
    const validator = ajv.compile(source)
    validators[direction].set(action, validator)
    return validator
  }

  return {
    check(action, direction, payload) {
      const validate = validators[direction].get(action) ?? compiled(action, direction)
      return validate(payload) === true ? undefined : schemaViolation(validate.errors ?? [])
    },
  }
}

/** The schemas by `action.direction`. Their `$id`s are urns that a strict parser of identifiers refuses. */
function readSources(): ReadonlyMap<string, AnySchemaObject> {
  const path = createRequire(import.meta.url).resolve('ocpp-rpc/lib/schemas/ocpp2_0_1.json')
  const schemas: readonly AnySchemaObject[] = JSON.parse(readFileSync(path, 'utf8'))
  const sources = new Map(schemas.map(({ $id, ...schema }) => [String($id).replace(/^urn:/, ''), schema]))
  const answer = sources.get('Get15118EVCertificate.conf')?.properties?.exiResponse
  // A station may take longer answers than the schema says (OCPPCommCtrlr.FieldLength); who answers keeps to that.
  if (answer !== undefined) answer.maxLength = LARGEST_EXI_RESPONSE
  return sources
}

const LARGEST_EXI_RESPONSE = 100_000
