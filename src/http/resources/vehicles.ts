import { isoNow } from '../../observe/clock.ts'
import type { TrustedCertificate, VehicleRecord } from '../../store/contracts.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { defined, pageOf, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { present } from './present.ts'

export type VehicleOperations = Pick<
  Operations,
  | 'listVehicles'
  | 'getVehicle'
  | 'putVehicle'
  | 'deleteVehicle'
  | 'listTrustedCertificates'
  | 'createTrustedCertificates'
  | 'deleteTrustedCertificate'
>

export function vehicleOperations(services: ApiServices): VehicleOperations {
  const { store, clock } = services
  const known = async (pcid: string): Promise<VehicleRecord> => {
    const vehicle = await store.contracts.vehicle(pcid.toUpperCase())
    if (vehicle) return vehicle
    throw new ApiProblem('vehicle.unknown', `There is no vehicle "${pcid}"; see GET /api/v1/vehicles.`)
  }

  return {
    listVehicles: async ({ query }) => {
      const { limit, ...filter } = query
      const page = await pageOf(
        limit,
        (size) => store.contracts.vehicles({ ...defined(filter), limit: size }),
        (last) => last.pcid,
      )
      return { status: 200, body: { ...page, items: page.items.map(toBody) } }
    },

    getVehicle: async ({ path }) => ({ status: 200, body: toBody(await known(path.pcid)) }),

    putVehicle: async ({ path, body }) => {
      const pcid = path.pcid.toUpperCase()
      const at = isoNow(clock)
      const { state = 'active', description = null } = body
      const { created } = await store.contracts.putVehicle({
        pcid,
        state,
        description,
        createdAt: at,
        updatedAt: at,
      })
      return {
        status: created ? 201 : 200,
        body: toBody(await known(pcid)),
        audit: { action: 'vehicle.put', subject: pcid, detail: { state, description } },
      }
    },

    deleteVehicle: async ({ path }) => {
      const { pcid } = await known(path.pcid)
      if ((await store.contracts.forVehicle(pcid)).length > 0)
        throw new ApiProblem('vehicle.has-contracts', `Terminate the contracts of ${pcid} first.`)
      await store.contracts.removeVehicle(pcid)
      return { status: 204, audit: { action: 'vehicle.delete', subject: pcid, detail: {} } }
    },

    listTrustedCertificates: async () => ({
      status: 200,
      body: { items: (await store.contracts.trusted()).map(toTrustedBody) },
    }),

    createTrustedCertificates: async ({ body }) => {
      const { usage, pem } = body
      const result = await present(services.contracts).trust(usage, pem)
      if (!result.ok) throw new ApiProblem('trusted-certificate.invalid', result.message)
      const fingerprints = result.added.map(({ fingerprint }) => fingerprint)
      return {
        status: 201,
        body: { items: result.added.map(toTrustedBody) },
        audit: { action: 'trust.add', subject: usage, detail: { fingerprints } },
      }
    },

    deleteTrustedCertificate: async ({ path }) => {
      const { usage, fingerprint } = path
      if (!(await present(services.contracts).distrust(usage, fingerprint)))
        throw new ApiProblem(
          'trusted-certificate.unknown',
          `${fingerprint} is not trusted for ${usage}; see GET /api/v1/trusted-certificates.`,
        )
      return { status: 204, audit: { action: 'trust.remove', subject: usage, detail: { fingerprint } } }
    },
  }
}

function toBody(vehicle: VehicleRecord): components['schemas']['Vehicle'] {
  return pick(vehicle, ['pcid', 'state', 'description', 'createdAt', 'updatedAt'])
}

export function toTrustedBody(certificate: TrustedCertificate): components['schemas']['TrustedCertificate'] {
  return pick(certificate, ['fingerprint', 'usage', 'subject', 'isRoot', 'notAfter', 'createdAt'])
}
