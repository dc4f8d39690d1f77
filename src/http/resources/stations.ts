import { isoNow } from '../../observe/clock.ts'
import type { Station, StationFilter, StationRegistration } from '../../store/stations.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { defined, pageOf, pick } from '../pages.ts'
import { ApiProblem } from '../problems.ts'
import type { ApiServices } from '../services.ts'

type StationBody = components['schemas']['Station']
type Decision = components['schemas']['StationRegistration']

/** Stations read per request at most when a filter has to look at each of them. */
const MAX_SCANNED = 100_000
const SCAN_PAGE = 500

export type StationOperations = Pick<
  Operations,
  'listStations' | 'getStation' | 'putStation' | 'deleteStation' | 'disconnectStation'
>

export function stationOperations(services: ApiServices): StationOperations {
  const { store, bus, clock } = services
  const known = (id: string) => requireStation(services, id)

  return {
    listStations: async ({ query }) => {
      const { online, securityProfile, after, limit, ...filter } = query
      const isWanted = (station: Station) =>
        (online === undefined || bus.isOnline(station.id) === online) &&
        (securityProfile === undefined || station.securityProfile === securityProfile)
      const wants = online === undefined && securityProfile === undefined ? undefined : isWanted
      const { items, next } = await pageOf(
        limit,
        (size) => scan(services, defined({ ...filter, after }), wants, size),
        (last) => last.id,
      )
      return {
        status: 200,
        body: { items: items.map((station) => toBody(station, bus.isOnline(station.id))), next },
      }
    },

    getStation: async ({ path }) => {
      const station = await known(path.stationId)
      return { status: 200, body: toBody(station, bus.isOnline(station.id)) }
    },

    putStation: async ({ path, body, log }) => {
      const before = await store.stations.get(path.stationId)
      const registration = await toRegistration(services, path.stationId, body, before)
      const station = await store.stations.put(registration, isoNow(clock))
      if (before && mustProveAnew(before, station)) bus.disconnect(station.id, 'registration changed')
      else if (before?.registration === 'Pending' && station.registration === 'Accepted') {
        // It may boot at once instead of when its retry interval is over. It does so anyway: no need to wait.
        void bus
          .call(station.id, 'TriggerMessage', { requestedMessage: 'BootNotification' }, { urgent: true })
          .catch((error: unknown) => {
            log.warn(
              { err: error, stationId: station.id },
              'a station that was accepted could not be asked to boot',
            )
          })
      }
      return {
        status: before ? 200 : 201,
        body: toBody(station, bus.isOnline(station.id)),
        audit: { action: 'station.put', subject: station.id, detail: toAuditDetail(body) },
      }
    },

    deleteStation: async ({ path }) => {
      if (!(await store.stations.remove(path.stationId))) throw unknownStation(path.stationId)
      bus.disconnect(path.stationId, 'station deleted')
      return { status: 204, audit: { action: 'station.delete', subject: path.stationId, detail: {} } }
    },

    disconnectStation: async ({ path, principal }) => {
      await known(path.stationId)
      bus.disconnect(path.stationId, `asked for by ${principal.name}`)
      return { status: 204, audit: { action: 'station.disconnect', subject: path.stationId, detail: {} } }
    },
  }
}

export async function requireStation({ store }: ApiServices, id: string): Promise<Station> {
  const station = await store.stations.get(id)
  if (!station) throw unknownStation(id)
  return station
}

function unknownStation(id: string): ApiProblem {
  return new ApiProblem(
    'station.unknown',
    `There is no station "${id}"; register it with PUT /api/v1/stations/${id}.`,
  )
}

/** Filters that the store does not know, such as being online, are applied here: page by page, up to a bound. */
async function scan(
  { store }: ApiServices,
  filter: StationFilter,
  wants: ((station: Station) => boolean) | undefined,
  size: number,
): Promise<Station[]> {
  const found: Station[] = []
  let after = filter.after
  for (let scanned = 0; scanned < MAX_SCANNED && found.length < size; ) {
    const limit = wants === undefined ? size : SCAN_PAGE
    const page = await store.stations.list({ ...filter, ...defined({ after }), limit })
    found.push(...(wants === undefined ? page : page.filter(wants)))
    scanned += page.length
    after = page.at(-1)?.id
    if (page.length < limit) break
  }
  return found.slice(0, size)
}

async function toRegistration(
  services: ApiServices,
  id: string,
  body: Decision,
  before: Station | undefined,
): Promise<StationRegistration> {
  const { password, ...rest } = body
  const passwordHash = await passwordHashAfter(services, password, before)
  if (passwordHash === null && rest.securityProfile !== 3)
    throw new ApiProblem(
      'station.password-required',
      `Security profile ${rest.securityProfile} authenticates by password: send "password" (16 to 40 random characters).`,
    )
  return { id, ...rest, passwordHash }
}

async function passwordHashAfter(
  services: ApiServices,
  password: string | null | undefined,
  before: Station | undefined,
): Promise<string | null> {
  if (password === undefined) return before?.passwordHash ?? null
  return password === null ? null : await services.hashPassword(password)
}

function mustProveAnew(before: Station, after: Station): boolean {
  return (
    before.securityProfile !== after.securityProfile ||
    before.passwordHash !== after.passwordHash ||
    before.enrolment !== after.enrolment
  )
}

/** The audit trail says whether a password was set, never which. */
function toAuditDetail({ password, ...rest }: Decision): object {
  const change = password === undefined ? 'kept' : password === null ? 'removed' : 'set'
  return { ...rest, passwordChange: change }
}

function toBody(station: Station, online: boolean): StationBody {
  const { passwordHash, boot } = station
  const plain = pick(station, [
    'id',
    'enrolment',
    'registration',
    'securityProfile',
    'serialNumber',
    'organisation',
    'group',
    'lastSeenAt',
    'createdAt',
    'updatedAt',
  ])
  return { ...plain, online, hasPassword: passwordHash !== null, boot: boot && { ...boot } }
}
