import type { TransactionEventRequest } from '../../ocpp/v201/messages.generated.ts'
import type { Session } from '../../store/sessions.ts'
import type { components } from '../api.generated.ts'
import type { Operations, Principal } from '../operation.ts'
import { DEFAULT_PAGE, defined, pageOf } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { seesDrivers, withheldToken } from '../withheld.ts'

export type SessionOperations = Pick<
  Operations,
  'listSessions' | 'getSession' | 'listSessionEvents' | 'listSessionMeterValues'
>

export function sessionOperations({ store }: ApiServices): SessionOperations {
  const known = async (stationId: string, transactionId: string) => {
    const session = await store.sessions.get(stationId, transactionId)
    if (session) return session
    throw new ApiProblem(
      'session.unknown',
      `${stationId} has no transaction "${transactionId}"; see GET /api/v1/sessions.`,
    )
  }

  return {
    listSessions: async ({ query, principal }) => {
      const { after, limit, ...filter } = query
      const cursor = after === undefined ? undefined : parseCursor(after)
      const page = await pageOf(
        limit,
        (size) => store.sessions.list({ ...defined({ ...filter, after: cursor }), limit: size }),
        (last) => `${last.stationId}/${last.transactionId}`,
      )
      return { status: 200, body: { ...page, items: page.items.map((item) => toBody(item, principal)) } }
    },

    getSession: async ({ path, principal }) => ({
      status: 200,
      body: toBody(await known(path.stationId, path.transactionId), principal),
    }),

    listSessionEvents: async ({ path, principal }) => {
      await known(path.stationId, path.transactionId)
      const items = await store.sessions.events(path.stationId, path.transactionId)
      return {
        status: 200,
        body: { items: items.map((item) => ({ ...item, event: eventFor(item.event, principal) })) },
      }
    },

    listSessionMeterValues: async ({ path, query }) => {
      await known(path.stationId, path.transactionId)
      const items = await store.sessions.meterValues({ ...path, limit: DEFAULT_PAGE, ...defined(query) })
      return { status: 200, body: { items: items.map((item) => ({ ...item, value: { ...item.value } })) } }
    },
  }
}

/** Station ids contain no slash, so that the first one separates. */
function parseCursor(after: string): { stationId: string; transactionId: string } {
  const slash = after.indexOf('/')
  if (slash < 1)
    throw new ApiProblem('request.invalid', 'query/after: use the value of "next" of the page before.', {
      issues: [{ path: 'query/after', message: 'use the value of "next" of the page before' }],
    })
  return { stationId: after.slice(0, slash), transactionId: after.slice(slash + 1) }
}

function toBody(session: Session, principal: Principal): components['schemas']['Session'] {
  const { idToken } = session
  return {
    ...session,
    idToken: idToken && (seesDrivers(principal) ? { ...idToken } : withheldToken(idToken)),
  }
}

function eventFor(event: TransactionEventRequest, principal: Principal): Record<string, unknown> {
  if (seesDrivers(principal) || !event.idToken) return { ...event }
  return { ...event, idToken: withheldToken(event.idToken) }
}
