import type { Operations } from '../operation.ts'
import type { ApiServices } from '../services.ts'
import { requireStation } from './stations.ts'

export function localListOperations(
  services: ApiServices,
): Pick<Operations, 'getLocalList' | 'putLocalList'> {
  const { store } = services
  return {
    getLocalList: async ({ path }) => {
      await requireStation(services, path.stationId)
      const list = await store.localLists.get(path.stationId)
      return {
        status: 200,
        body: {
          version: list?.version ?? 0,
          entries: (list?.entries ?? []).map((entry) => ({ ...entry })),
          updatedAt: list?.updatedAt ?? null,
        },
      }
    },

    putLocalList: async ({ path, body, principal }) => {
      await requireStation(services, path.stationId)
      const outcome = await services.localLists.sync(path.stationId, {
        actor: principal.name,
        full: body.full === true,
      })
      return {
        status: 200,
        body: {
          status: outcome.status,
          version: outcome.version,
          messages: outcome.messages,
          detail: outcome.detail ?? null,
        },
        audit: { action: 'local-list.put', subject: path.stationId, detail: { ...outcome } },
      }
    },
  }
}
