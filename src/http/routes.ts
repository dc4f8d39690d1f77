/** Turns one operation of the contract and its handler into a Fastify route. */

import type {
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  FastifySchemaCompiler,
  RouteOptions,
} from 'fastify'
import type { RecordAudit } from '../observe/audit.ts'
import type { Authenticator } from './auth.ts'
import { requireRole } from './auth.ts'
import type { Contract, ContractOperation } from './contract.ts'
import { issuesOf } from './contract.ts'
import type { AuditNote, OperationId, Operations, Principal } from './operation.ts'
import { type ApiProblem, invalid } from './problems.ts'

export interface RouteContext {
  readonly contract: Contract
  readonly operations: Operations
  readonly authenticator: Authenticator
  readonly audit: RecordAudit
}

/** What any handler may answer, seen from here; operation.ts knows it exactly per operation. */
type Outcome = ({ readonly status: number; readonly body?: unknown } | { readonly problem: ApiProblem }) & {
  readonly audit?: AuditNote
  readonly headers?: Readonly<Record<string, string>>
}

export function operationRoute(context: RouteContext, operationId: string): RouteOptions {
  const { contract, operations, authenticator } = context
  const operation = contract.operations.get(operationId)
  if (!operation || !isOperationId(operations, operationId)) throw new Error(`${operationId} has no handler`)
  const principals = new WeakMap<FastifyRequest, Principal>()
  return {
    method: operation.method,
    url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    // Before the body is read: a stranger costs nothing but a look at one header.
    onRequest: async (request) => {
      const principal = await authenticator.authenticate(request)
      requireRole(principal, operation.roles)
      principals.set(request, principal)
    },
    preValidation: async (request) => requireBody(operation, request),
    validatorCompiler: createValidatorCompiler(contract, operation),
    serializerCompiler: () => (data) => JSON.stringify(data),
    schemaErrorFormatter: (errors, part) => invalid('request.invalid', issuesOf(errors, part)),
    handler: async (request, reply) => {
      const principal = principals.get(request)
      if (!principal) throw new Error('a request reached its handler without an API key')
      const handler = operations[operationId]
      if ('stream' in handler) {
        handler.stream(request, reply)
        return reply
      }
      const outcome: Outcome = await handler(toCall(request, principal))
      if (outcome.audit) await context.audit({ actor: principal.name, ...outcome.audit })
      return send(reply, outcome, (status) => textType(contract, operation, status))
    },
  }
}

function isOperationId(operations: Operations, id: string): id is OperationId {
  return Object.hasOwn(operations, id)
}

/** Fastify skips the validation of a body that is not there or has another content type than the contract names. */
function requireBody(operation: ContractOperation, request: FastifyRequest): void {
  if (!operation.object.requestBody) return
  if (request.body === undefined)
    throw invalid('request.invalid', [
      { path: 'body', message: 'is required; send JSON with content-type application/json' },
    ])
}

function createValidatorCompiler(
  contract: Contract,
  operation: ContractOperation,
): FastifySchemaCompiler<FastifySchema> {
  return ({ httpPart, schema }) => {
    if (httpPart === 'body') return contract.bodyValidator(operation.operationId)
    return contract.textValidator(
      httpPart === 'headers' ? schema : { ...schema, additionalProperties: false },
    )
  }
}

/**
 * The one place where what was checked against the contract gets the contract's type: Fastify has run the
 * validators of this very operation before it calls the handler.
 */
function toCall(request: FastifyRequest, principal: Principal): never {
  const call = { path: request.params, query: request.query, body: request.body, principal, log: request.log }
  return call as never
}

function send(reply: FastifyReply, outcome: Outcome, typeOf: (status: number) => string): FastifyReply {
  if ('problem' in outcome) throw outcome.problem
  reply.code(outcome.status).headers(outcome.headers ?? {})
  if (typeof outcome.body === 'string') return reply.type(typeOf(outcome.status)).send(outcome.body)
  return outcome.body === undefined ? reply.send() : reply.send(outcome.body)
}

/** What is not JSON has the one media type that the contract names for it. */
function textType(contract: Contract, { object }: ContractOperation, status: number): string {
  const response = object.responses[String(status)]
  const shared = response?.$ref === undefined ? undefined : response.$ref.split('/').at(-1)
  const named = shared === undefined ? response : contract.document.components.responses[shared]
  const [mediaType] = Object.keys(named?.content ?? {})
  return mediaType ?? 'text/plain'
}
