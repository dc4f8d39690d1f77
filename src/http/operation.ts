/** Types that tie each handler to its operation in openapi.yaml. */

import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { Role } from '../store/access.ts'
import type { operations } from './api.generated.ts'
import type { ApiProblem } from './problems.ts'

export type OperationId = keyof operations

/** Whose key a request carries. */
export interface Principal {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** Where a browser signed in: the value of its cookie. */
  readonly cookie: string | null
}

type Field<T, K extends string> = T extends { [Key in K]?: infer V }
  ? Exclude<V, undefined> extends never
    ? Record<never, never>
    : Exclude<V, undefined>
  : Record<never, never>

export type PathOf<Op extends OperationId> = Field<operations[Op]['parameters'], 'path'>
export type QueryOf<Op extends OperationId> = Field<operations[Op]['parameters'], 'query'>
export type BodyOf<Op extends OperationId> = operations[Op] extends {
  requestBody: { content: { 'application/json': infer Body } }
}
  ? Body
  : undefined

type Responses<Op extends OperationId> = operations[Op]['responses']
type ContentOf<R> = R extends { content: infer Content }
  ? Content extends Record<string, infer Body>
    ? Body
    : never
  : undefined

/** One of the successful answers that the contract names, and nothing else. */
export type SuccessOf<Op extends OperationId> = {
  [Status in keyof Responses<Op> & (200 | 201 | 202 | 204)]: ContentOf<
    Responses<Op>[Status]
  > extends undefined
    ? { readonly status: Status }
    : { readonly status: Status; readonly body: ContentOf<Responses<Op>[Status]> }
}[keyof Responses<Op> & (200 | 201 | 202 | 204)]

/** What the audit trail remembers of a request that changed something. */
export interface AuditNote {
  /** Dotted verb, e.g. `station.put`. */
  readonly action: string
  readonly subject: string
  readonly detail: object
}

export interface ApiCall<Op extends OperationId> {
  readonly path: PathOf<Op>
  readonly query: QueryOf<Op>
  readonly body: BodyOf<Op>
  readonly principal: Principal
  readonly log: FastifyBaseLogger
}

export type Reading<Op extends OperationId> = (call: ApiCall<Op>) => Promise<SuccessOf<Op>>

/** A handler that changes something says what, also where it ends in a problem after having acted. */
export type Changing<Op extends OperationId> = (call: ApiCall<Op>) => Promise<
  (SuccessOf<Op> | { readonly problem: ApiProblem }) & {
    readonly audit: AuditNote
    readonly headers?: Readonly<Record<string, string>>
  }
>

/** Takes the connection over: the answer never ends. */
export interface Streaming {
  stream(request: FastifyRequest, reply: FastifyReply): void
}

export type ChangingId = {
  [Op in OperationId]: Op extends `${'put' | 'delete' | 'create' | 'revoke' | 'call' | 'disconnect'}${string}`
    ? Op
    : never
}[OperationId]
export type StreamingId = 'streamEvents'
export type ReadingId = Exclude<OperationId, ChangingId | StreamingId>

/** Every operation of the contract; the compiler notices one that is missing. */
export type Operations = {
  readonly [Op in ReadingId]: Reading<Op>
} & { readonly [Op in ChangingId]: Changing<Op> } & { readonly [Op in StreamingId]: Streaming }
