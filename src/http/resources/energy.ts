import type { ComplianceMinute, SessionCost } from '../../store/energy.ts'
import type { components } from '../api.generated.ts'
import type { Operations } from '../operation.ts'
import { ApiProblem, invalid } from '../problems.ts'
import type { ApiServices } from '../services.ts'
import { present } from './present.ts'
import { requireNode, requireSite } from './sites.ts'

type EnergyOperations = Pick<
  Operations,
  | 'reportMeter'
  | 'getSteering'
  | 'putSteering'
  | 'getSessionDemand'
  | 'putSessionDemand'
  | 'getCompliance'
  | 'getComplianceCsv'
  | 'getHeldProfiles'
  | 'askHeldProfiles'
  | 'listSessionCosts'
  | 'getSessionCostsCsv'
  | 'replaySite'
  | 'explainEvse'
  | 'getSiteOutlook'
>
const DEFAULT_ROWS = 1000
/** A file is wanted whole. */
const DEFAULT_CSV_ROWS = 100_000
type CostBody = components['schemas']['SessionCost']
type MinuteBody = components['schemas']['ComplianceMinute']

export function energyOperations(services: ApiServices): EnergyOperations {
  const energy = () => present(services.energy)
  /** Clocks differ a little; what is further ahead is a slip of the pen. */
  const pastMs = (at: string): number => {
    const atMs = Date.parse(at)
    if (atMs <= services.clock.now() + 60_000) return atMs
    throw invalid('request.invalid', [
      { path: 'query/at', message: `${at} is yet to come; name a time of the past` },
    ])
  }
  const minutes = async (
    siteId: string,
    query: { from: string; to: string; nodeId?: string; limit?: number },
  ): Promise<{ items: MinuteBody[]; next: string | null }> => {
    const site = await requireSite(services, siteId)
    const { nodeId, limit = DEFAULT_ROWS } = query
    if (nodeId !== undefined) requireNode(site, nodeId, 'query/nodeId')
    const found = await energy().records.compliance(siteId, {
      ...spanOf(query),
      limit: limit + 1,
      ...(nodeId === undefined ? {} : { nodeId }),
    })
    const items = (found ?? []).map(toBody)
    const next = items[limit]?.at
    if (next === undefined) return { items, next: null }
    // The next page begins with a whole minute; one that does not fit on a page is cut.
    const whole = items.filter((item) => item.at !== next)
    return { items: whole.length > 0 ? whole : items.slice(0, limit), next }
  }
  const costs = async (
    siteId: string,
    query: { from: string; to: string; limit?: number },
  ): Promise<CostBody[]> => {
    await requireSite(services, siteId)
    const found = await energy().records.costs(siteId, {
      ...spanOf(query),
      limit: query.limit ?? DEFAULT_ROWS,
    })
    return (found ?? []).map(toCostBody)
  }

  return {
    reportMeter: async ({ path, body }) => {
      if (energy().readMeter(path.siteId, path.nodeId, body)) return { status: 204 }
      await requireSite(services, path.siteId)
      throw new ApiProblem(
        'meter.unknown',
        `The site has no meter on "${path.nodeId}"; add it to "meters" with PUT /api/v1/sites/${path.siteId}.`,
      )
    },

    getSteering: async ({ path }) => {
      await requireSite(services, path.siteId)
      return { status: 200, body: energy().steering(path.siteId) ?? { policy: 'fair', prices: [] } }
    },

    putSteering: async ({ path, body }) => {
      await requireSite(services, path.siteId)
      refuseOddPrices(body.prices ?? [])
      const steering = await energy().steer(path.siteId, body)
      return {
        status: 200,
        body: steering ?? { policy: 'fair', prices: [] },
        audit: { action: 'steering.put', subject: path.siteId, detail: body },
      }
    },

    getSessionDemand: async ({ path }) => ({
      status: 200,
      body: energy().demand(path.stationId, path.transactionId) ?? { told: null, needs: null },
    }),

    putSessionDemand: async ({ path, body, principal }) => {
      const { departure = null, energyWh = null, priorityClass = null } = body
      const { guaranteeA = null, maxPricePerKwh = null } = body
      if (departure !== null && Date.parse(departure) <= services.clock.now())
        throw invalid('request.invalid', [
          { path: 'body/departure', message: `${departure} is over; name a later time, or null for unknown` },
        ])
      const { stationId, transactionId } = path
      const wish = { departure, energyWh, priorityClass, guaranteeA, maxPricePerKwh }
      if (!(await energy().wish(stationId, transactionId, wish, principal.name)))
        throw new ApiProblem('session.unknown', `${stationId} has no running transaction "${transactionId}".`)
      const subject = `${stationId}/${transactionId}`
      return { status: 204, audit: { action: 'demand.put', subject, detail: body } }
    },

    getSiteOutlook: async ({ path }) => {
      await requireSite(services, path.siteId)
      const outlook = await energy().records.outlook(path.siteId)
      if (!outlook)
        throw new ApiProblem('outlook.unknown', 'The site has decided nothing yet; try again in a second.')
      return { status: 200, body: outlook }
    },

    getCompliance: async ({ path, query }) => ({
      status: 200,
      body: await minutes(path.siteId, query),
    }),

    getComplianceCsv: async ({ path, query }) => ({
      status: 200,
      body: csv((await minutes(path.siteId, { limit: DEFAULT_CSV_ROWS, ...query })).items),
    }),

    getHeldProfiles: async ({ path }) => {
      await requireSite(services, path.siteId)
      const held = energy().records.heldProfiles(path.siteId, path.stationId)
      if (!held) throw noStation(path)
      return { status: 200, body: held }
    },

    askHeldProfiles: async ({ path }) => {
      await requireSite(services, path.siteId)
      const answer = energy().records.askProfiles(path.siteId, path.stationId)
      if (answer === undefined) throw noStation(path)
      if (answer === 'offline')
        throw new ApiProblem('station.offline', `${path.stationId} is offline; it is asked when it is back.`)
      return { status: 204 }
    },

    listSessionCosts: async ({ path, query }) => ({
      status: 200,
      body: { items: await costs(path.siteId, query) },
    }),

    getSessionCostsCsv: async ({ path, query }) => ({
      status: 200,
      body: costsCsv(await costs(path.siteId, query)),
    }),

    explainEvse: async ({ path, query }) => {
      const { siteId, stationId, evseId } = path
      await requireSite(services, siteId)
      const atMs = query.at === undefined ? undefined : pastMs(query.at)
      const explanation = await energy().records.explain(siteId, `${stationId}#${evseId}`, atMs)
      if (explanation) return { status: 200, body: explanation }
      const then = query.at === undefined ? '' : ` at ${query.at}, or nothing is recorded of that time`
      throw new ApiProblem('evse.unknown', `The site has no EVSE ${stationId}#${evseId}${then}.`)
    },

    replaySite: async ({ path, query }) => {
      await requireSite(services, path.siteId)
      const played = await energy().records.replay(path.siteId, pastMs(query.at))
      if (!played)
        throw new ApiProblem(
          'replay.unknown',
          `Nothing is recorded at or before ${query.at}: decisions are kept for six hours, from the first one of the site on. Try a later time.`,
        )
      return { status: 200, body: played }
    },
  }
}

function noStation({ siteId, stationId }: { siteId: string; stationId: string }): ApiProblem {
  return new ApiProblem(
    'station.unknown',
    `The site has no station "${stationId}"; see GET /api/v1/sites/${siteId}.`,
  )
}

/** Two prices at one time would leave it to chance which one counts. */
function refuseOddPrices(slots: readonly components['schemas']['PriceSlot'][]): void {
  const inOrder = slots
    .map(({ from, to }, index) => ({ index, fromMs: Date.parse(from), toMs: Date.parse(to) }))
    .sort((a, b) => a.fromMs - b.fromMs)
  const issues = inOrder.flatMap(({ index, fromMs, toMs }, place) => {
    const path = `body/prices/${index}`
    if (toMs <= fromMs) return [{ path: `${path}/to`, message: 'must be later than from' }]
    const before = inOrder[place - 1]
    return before && fromMs < before.toMs
      ? [
          {
            path: `${path}/from`,
            message: `begins before body/prices/${before.index} ends; slots may not overlap`,
          },
        ]
      : []
  })
  if (issues.length > 0) throw invalid('request.invalid', issues)
}

function spanOf({ from, to }: { readonly from: string; readonly to: string }) {
  const span = { fromMs: Date.parse(from), toMs: Date.parse(to) }
  if (span.fromMs < span.toMs) return span
  throw invalid('request.invalid', [{ path: 'query/to', message: 'must be later than from' }])
}

function toBody(minute: ComplianceMinute): MinuteBody {
  return {
    nodeId: minute.nodeId,
    at: new Date(minute.minuteMs).toISOString(),
    limitA: [...minute.limitA],
    highestA: [...minute.highestA],
    meanA: [...minute.meanA],
    limitW: minute.limitW,
    highestW: minute.highestW,
    observedS: minute.observedMs / 1000,
    secondsAbove: minute.msAbove / 1000,
    longestExcursionS: minute.longestExcursionMs / 1000,
    ampereSecondsAbove: minute.ampereSecondsAbove,
    wattSecondsAbove: minute.wattSecondsAbove,
    deliveredKwh: minute.deliveredWh / 1000,
    unmetKwh: minute.unmetWh / 1000,
    cost: minute.cost,
  }
}

function toCostBody(cost: SessionCost): CostBody {
  const { stationId, evseId, transactionId, startedMs, endedMs, unknown } = cost
  const kilo = (value: number | null) => (value === null ? null : Math.round(value) / 1000)
  const money = (value: number | null) => (value === null ? null : Math.round(value * 10_000) / 10_000)
  return {
    stationId,
    evseId,
    transactionId,
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
    energyKwh: kilo(cost.energyWh),
    maxKw: kilo(cost.maxW),
    cost: money(cost.cost),
    uncontrolledCost: money(cost.uncontrolledCost),
    unknown,
  }
}

const COST_COLUMNS = [
  'endedAt',
  'startedAt',
  'stationId',
  'evseId',
  'transactionId',
  'energyKwh',
  'maxKw',
  'cost',
  'uncontrolledCost',
  'unknown',
] as const

/** Stations choose the names of their transactions: whatever they hold stays one field, and no formula. */
function costsCsv(items: readonly CostBody[]): string {
  const field = (value: string | number | null): string => {
    const plain = `${value ?? ''}`
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  const lines = items.map((item) => COST_COLUMNS.map((name) => field(item[name])).join(','))
  return `${[COST_COLUMNS.join(','), ...lines].join('\r\n')}\r\n`
}

const PER_PHASE = ['limitA', 'highestA', 'meanA'] as const
const SINGLE = [
  'secondsAbove',
  'longestExcursionS',
  'ampereSecondsAbove',
  'deliveredKwh',
  'unmetKwh',
  'cost',
  'limitW',
  'highestW',
  'wattSecondsAbove',
  'observedS',
] as const

/** Node ids hold no comma, quote or line break, and neither do numbers and times. */
function csv(items: readonly MinuteBody[]): string {
  const names = [
    'at',
    'nodeId',
    ...PER_PHASE.flatMap((name) => [1, 2, 3].map((phase) => `${name}_L${phase}`)),
  ]
  const lines = items.map((item) =>
    [
      item.at,
      item.nodeId,
      ...PER_PHASE.flatMap((name) => [0, 1, 2].map((index) => item[name][index] ?? '')),
      ...SINGLE.map((name) => item[name] ?? ''),
    ].join(','),
  )
  return `${[[...names, ...SINGLE].join(','), ...lines].join('\r\n')}\r\n`
}
