import { isoNow } from '../../observe/clock.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices, GridSource, LimitSchedule } from '../services.ts'
import { present } from './present.ts'
import { requireSite } from './sites.ts'
import { refuseEmptyValidity } from './validity.ts'

type LimitSourceOperations = Pick<
  Operations,
  | 'listLimitsInForce'
  | 'listSchedules'
  | 'putSchedule'
  | 'deleteSchedule'
  | 'listSources'
  | 'putSource'
  | 'deleteSource'
  | 'reportSignal'
>

export function limitSourceOperations(services: ApiServices): LimitSourceOperations {
  const { clock } = services
  const limits = () => present(services.energy).limits
  return {
    listLimitsInForce: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: { items: [...(limits().inForce(path.siteId) ?? [])] } }
    },

    listSchedules: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: { items: [...(limits().schedules(path.siteId) ?? [])] } }
    },

    putSchedule: async ({ path, body, principal }) => {
      await requireSite(services, path.siteId)
      refuseEmptyValidity(body, clock.now())
      const schedule: LimitSchedule = {
        id: path.scheduleId,
        ...body,
        setBy: principal.name,
        updatedAt: isoNow(clock),
      }
      const result = await limits().putSchedule(path.siteId, schedule)
      if (!result.ok) throw invalid('limit.invalid', result.issues)
      const subject = `${path.siteId}/${path.scheduleId}`
      return { status: 200, body: result.value, audit: { action: 'schedule.put', subject, detail: body } }
    },

    deleteSchedule: async ({ path }) => {
      await requireSite(services, path.siteId)
      const subject = `${path.siteId}/${path.scheduleId}`
      if (!(await limits().removeSchedule(path.siteId, path.scheduleId)))
        throw new ApiProblem('schedule.unknown', `The site has no schedule "${path.scheduleId}".`)
      return { status: 204, audit: { action: 'schedule.delete', subject, detail: {} } }
    },

    listSources: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: { items: (limits().sources(path.siteId) ?? []).map(toBody) } }
    },

    putSource: async ({ path, body, principal }) => {
      await requireSite(services, path.siteId)
      const { nodeId, unit, failsafeValue } = body
      const source: GridSource = {
        id: path.sourceId,
        protocol: 'rest',
        nodeId,
        unit,
        failsafeValue,
        heartbeatTimeoutMs: body.heartbeatTimeoutS * 1000,
        failsafeDurationMs: body.failsafeDurationS * 1000,
        afterFailsafe: body.afterFailsafe,
        group: body.group,
        priority: body.priority,
        setBy: principal.name,
        updatedAt: isoNow(clock),
      }
      const result = await limits().putSource(path.siteId, source)
      if (!result.ok) throw invalid('limit.invalid', result.issues)
      const subject = `${path.siteId}/${path.sourceId}`
      const audit = { action: 'source.put', subject, detail: body }
      return { status: 200, body: toBody(result.value), audit }
    },

    deleteSource: async ({ path }) => {
      await requireSite(services, path.siteId)
      if (!(await limits().removeSource(path.siteId, path.sourceId))) throw unknownSource(path)
      const subject = `${path.siteId}/${path.sourceId}`
      return { status: 204, audit: { action: 'source.delete', subject, detail: {} } }
    },

    reportSignal: async ({ path, body }) => {
      const { active, value, durationS } = body
      const heard = await limits().signal(path.siteId, path.sourceId, {
        ...(active === undefined ? {} : { active }),
        ...(value === undefined ? {} : { value }),
        ...(durationS === undefined ? {} : { durationMs: durationS * 1000 }),
      })
      if (heard) return { status: 204 }
      await requireSite(services, path.siteId)
      throw unknownSource(path)
    },
  }
}

function toBody(source: GridSource): components['schemas']['GridSource'] {
  const { heartbeatTimeoutMs, failsafeDurationMs, ...rest } = source
  return {
    ...rest,
    heartbeatTimeoutS: heartbeatTimeoutMs / 1000,
    failsafeDurationS: failsafeDurationMs / 1000,
  }
}

function unknownSource({ siteId, sourceId }: { siteId: string; sourceId: string }): ApiProblem {
  return new ApiProblem(
    'source.unknown',
    `The site has no grid source "${sourceId}"; add it with PUT /api/v1/sites/${siteId}/sources/${sourceId}.`,
  )
}
