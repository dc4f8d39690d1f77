import type { Operations } from '../operation.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { present } from './present.ts'
import { requireSite } from './sites.ts'

export function energyOperations(services: ApiServices): Pick<Operations, 'reportMeter'> {
  const energy = () => present(services.energy)
  return {
    reportMeter: async ({ path, body }) => {
      if (energy().readMeter(path.siteId, path.nodeId, body)) return { status: 204 }
      await requireSite(services, path.siteId)
      throw new ApiProblem(
        'meter.unknown',
        `The site has no meter on "${path.nodeId}"; add it to "meters" with PUT /api/v1/sites/${path.siteId}.`,
      )
    },
  }
}
