/** The contract at run time: who may call an operation, and whether a request keeps to it. */

import { readFileSync } from 'node:fs'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import type { Role } from '../store/access.ts'
import { isRole } from './roles.ts'
import type { Issue } from './services.ts'

const SCHEMAS_ID = 'components'
const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const
const MAX_ISSUES = 20

type Method = (typeof METHODS)[number]
type Content = Readonly<Record<string, { readonly schema: object }>>

interface ResponseObject {
  readonly $ref?: string
  readonly content?: Content
}

interface OperationObject {
  readonly operationId: string
  readonly 'x-role'?: string | readonly string[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, ResponseObject>>
}

export interface ContractDocument {
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Method, OperationObject>>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly responses: Readonly<Record<string, ResponseObject>>
  }
}

export interface ContractOperation {
  readonly operationId: string
  readonly method: string
  /** As in the document, with `{parameters}`. */
  readonly path: string
  readonly roles: readonly Role[]
  readonly object: OperationObject
}

export interface Contract {
  readonly document: ContractDocument
  readonly operations: ReadonlyMap<string, ContractOperation>
  /** Checks a JSON request body as it came: nothing is converted, nothing is dropped, defaults are filled in. */
  bodyValidator(operationId: string): ValidateFunction
  /** Checks parts of the URL and headers, where everything arrives as text. */
  textValidator(schema: object): ValidateFunction
  /** Checks what we answer; used by tests. */
  responseValidator(operationId: string, status: string, mediaType: string): ValidateFunction
}

/** Beside the sources, and beside the compiled files. */
export function readContractText(): string {
  return readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')
}

export function loadContract(source: string = readContractText()): Contract {
  // Ajv chooses by the constants themselves and knows no `mapping`, which the type generator needs.
  const document: ContractDocument = parse(source, (key, value: unknown) =>
    key === 'mapping' ? undefined : value,
  )
  const operations = new Map(operationsOf(document).map((operation) => [operation.operationId, operation]))
  const json = createAjv(document, { coerceTypes: false })
  const text = createAjv(document, { coerceTypes: true })
  const known = (operationId: string) => {
    const operation = operations.get(operationId)
    if (!operation) throw new Error(`${operationId} is not in openapi.yaml`)
    return operation
  }
  const bodyValidator = memoize((operationId) => {
    const schema = known(operationId).object.requestBody?.content['application/json']?.schema
    if (!schema) throw new Error(`${operationId} has no JSON body in openapi.yaml`)
    return json.compile(withAbsoluteRefs(schema))
  })
  const textValidator = memoize((schema) => text.compile(withAbsoluteRefs(JSON.parse(schema))))
  return {
    document,
    operations,
    bodyValidator,
    textValidator: (schema) => textValidator(JSON.stringify(schema)),
    responseValidator: (operationId, status, mediaType) => {
      const schema = responseOf(document, known(operationId), status)?.content?.[mediaType]?.schema
      if (!schema) throw new Error(`${operationId} has no answer ${status} ${mediaType} in openapi.yaml`)
      return json.compile(withAbsoluteRefs(schema))
    },
  }
}

/** Compiling is slow, and many operations share the same parameters. */
function memoize(compile: (key: string) => ValidateFunction): (key: string) => ValidateFunction {
  const compiled = new Map<string, ValidateFunction>()
  return (key) => {
    const validate = compiled.get(key) ?? compile(key)
    compiled.set(key, validate)
    return validate
  }
}

function operationsOf(document: ContractDocument): ContractOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const object = item[method]
      if (!object) return []
      const { operationId } = object
      const roles = [object['x-role']].flat().filter(isRole)
      if (roles.length === 0) throw new Error(`${operationId} in openapi.yaml has no x-role`)
      return { operationId, method: method.toUpperCase(), path, roles, object }
    }),
  )
}

function responseOf(
  document: ContractDocument,
  operation: ContractOperation,
  status: string,
): ResponseObject | undefined {
  const response = operation.object.responses[status]
  if (response?.$ref === undefined) return response
  return document.components.responses[response.$ref.replace('#/components/responses/', '')]
}

function createAjv(document: ContractDocument, options: { coerceTypes: boolean }): Ajv2020 {
  const ajv = new Ajv2020({
    coerceTypes: options.coerceTypes,
    removeAdditional: false,
    useDefaults: true,
    allErrors: true,
    discriminator: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
  })
  addFormats.default(ajv)
  // Annotations of OpenAPI that no value can break.
  ajv.addVocabulary(['example'])
  ajv.addSchema({ $id: SCHEMAS_ID, $defs: withAbsoluteRefs(document.components.schemas) })
  return ajv
}

/** Makes references of the document point into the schemas that Ajv holds, from wherever they stand. */
function withAbsoluteRefs(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', `"${SCHEMAS_ID}#/$defs/`))
}

/** Ajv's errors in words that name the place and the way out; `part` is `body`, `querystring`, `params` or `headers`. */
export function issuesOf(errors: readonly Partial<ErrorObject>[], part: string): Issue[] {
  const root = part === 'querystring' ? 'query' : part === 'params' ? 'path' : part
  return errors
    .filter(({ keyword = '' }) => !['oneOf', 'if'].includes(keyword) || errors.length === 1)
    .slice(0, MAX_ISSUES)
    .map((error) => toIssue(error, root))
}

function toIssue(error: Partial<ErrorObject>, root: string): Issue {
  const path = root + (error.instancePath ?? '')
  const params: Readonly<Record<string, unknown>> = error.params ?? {}
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        path: `${path}/${String(params.additionalProperty)}`,
        message: 'unknown property; remove it or correct its name',
      }
    case 'required':
      return { path: `${path}/${String(params.missingProperty)}`, message: 'is required' }
    case 'enum':
      return { path, message: `must be one of ${[params.allowedValues].flat().map(String).join(', ')}` }
    case 'const':
      return { path, message: `must be ${String(params.allowedValue)}` }
    case 'format':
      if (params.format !== 'date-time') return { path, message: error.message ?? 'is not valid' }
      return { path, message: 'must be a time with its zone, e.g. 2026-12-31T20:00:00Z' }
    case 'discriminator':
      return {
        path: `${path}/${String(params.tag)}`,
        message: 'is missing or names nothing that can stand here',
      }
    default:
      return { path, message: error.message ?? 'is not valid' }
  }
}
