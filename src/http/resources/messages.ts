/** The OCPP message log: what went over the wire, as far as the asking role may see it. */

import type { StationMessage } from '../../store/messages.ts'
import type { components } from '../api.generated.ts'
import type { Operations, Principal, QueryOf } from '../operation.ts'
import { DEFAULT_PAGE, defined } from '../pages.ts'
import type { ApiServices } from '../services.ts'
import { IMPERSONAL_ACTIONS, seesDrivers } from '../withheld.ts'
import { requireStation } from './stations.ts'

export type MessageOperations = Pick<Operations, 'listStationMessages' | 'listMessages' | 'exportMessages'>

const EXPORT_LINES = 10_000
/** Lines are read in pages of this size, so that other requests get their turn. */
const EXPORT_PAGE = 1_000

type MessageBody = components['schemas']['StationMessage']
type Filter = Omit<QueryOf<'listMessages'>, 'limit'>

export function messageOperations(services: ApiServices): MessageOperations {
  const { messages } = services.store

  async function page(principal: Principal, filter: Filter, limit: number) {
    const mayReadAll = seesDrivers(principal)
    const { items, next } = await messages.list({
      ...defined(filter),
      ...(mayReadAll ? {} : { textActions: IMPERSONAL_ACTIONS }),
      limit,
    })
    return { items: items.map((message) => toBody(message, mayReadAll)), next }
  }

  return {
    listStationMessages: async ({ path, query, principal }) => {
      await requireStation(services, path.stationId)
      const { limit = DEFAULT_PAGE, ...filter } = query
      return { status: 200, body: await page(principal, { ...filter, ...path }, limit) }
    },

    listMessages: async ({ query: { limit = DEFAULT_PAGE, ...filter }, principal }) => ({
      status: 200,
      body: await page(principal, filter, limit),
    }),

    exportMessages: async ({ query: { limit = EXPORT_LINES, before, ...filter }, principal }) => {
      const lines: string[] = []
      let cursor: number | null | undefined = before
      while (cursor !== null && lines.length < limit) {
        const size = Math.min(EXPORT_PAGE, limit - lines.length)
        const { items, next } = await page(
          principal,
          { ...filter, ...(cursor === undefined ? {} : { before: cursor }) },
          size,
        )
        for (const item of items) lines.push(`${JSON.stringify(item)}\n`)
        cursor = next
        await new Promise(setImmediate)
      }
      return { status: 200, body: lines.join('') }
    },
  }
}

function toBody(message: StationMessage, mayReadAll: boolean): MessageBody {
  const { payload, ...envelope } = message
  const isVisible = mayReadAll || (message.action !== null && IMPERSONAL_ACTIONS.includes(message.action))
  if (!isVisible) return { ...envelope, payload: null, omitted: 'role' }
  return { ...envelope, payload: payload && { ...payload }, omitted: payload === null ? 'size' : null }
}
