import { isoNow } from '../../observe/clock.ts'
import type { IdToken } from '../../store/tokens.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { defined, pageOf } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'

export type TokenOperations = Pick<Operations, 'listIdTokens' | 'getIdToken' | 'putIdToken' | 'deleteIdToken'>

export function tokenOperations({ store, clock }: ApiServices): TokenOperations {
  return {
    listIdTokens: async ({ query }) => {
      const page = await pageOf(
        query.limit,
        (size) => store.tokens.list({ ...defined({ after: after(query.after) }), limit: size }),
        subjectOf,
      )
      return { status: 200, body: { ...page, items: page.items.map(toBody) } }
    },

    getIdToken: async ({ path }) => {
      const token = await store.tokens.get(path.type, path.idToken)
      if (!token) throw unknownToken(path)
      return { status: 200, body: toBody(token) }
    },

    putIdToken: async ({ path, body }) => {
      const before = await store.tokens.get(path.type, path.idToken)
      const token: IdToken = { ...path, ...body, updatedAt: isoNow(clock) }
      await store.tokens.put(token)
      return {
        status: before ? 200 : 201,
        body: toBody(token),
        audit: { action: 'id-token.put', subject: subjectOf(path), detail: body },
      }
    },

    deleteIdToken: async ({ path }) => {
      if (!(await store.tokens.remove(path.type, path.idToken))) throw unknownToken(path)
      return { status: 204, audit: { action: 'id-token.delete', subject: subjectOf(path), detail: {} } }
    },
  }
}

/** Types contain no slash, so that the first one separates. */
function after(cursor: string | undefined): { type: string; idToken: string } | undefined {
  if (cursor === undefined) return undefined
  const slash = cursor.indexOf('/')
  return { type: cursor.slice(0, slash), idToken: cursor.slice(slash + 1) }
}

function subjectOf(path: { type: string; idToken: string }): string {
  return `${path.type}/${path.idToken}`
}

function unknownToken(path: { type: string; idToken: string }): ApiProblem {
  return new ApiProblem(
    'id-token.unknown',
    `There is no ${path.type} token "${path.idToken}"; create it with PUT.`,
  )
}

function toBody(token: IdToken): components['schemas']['IdToken'] {
  return { ...token, group: token.group && { ...token.group } }
}
