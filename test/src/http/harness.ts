import type { FastifyInstance, InjectOptions } from 'fastify'
import pino from 'pino'
import { expect } from 'vitest'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { CallOutcome, EventHub, StationBus } from '../../../src/bus/ports.ts'
import { EnergyService } from '../../../src/energy/service.ts'
import { BASE_PATH } from '../../../src/http/base-path.ts'
import { loadContract } from '../../../src/http/contract.ts'
import { createKey } from '../../../src/http/keys.ts'
import type { HttpServerOptions } from '../../../src/http/server.ts'
import { createHttpServer } from '../../../src/http/server.ts'
import type { ApiServices, Refusable } from '../../../src/http/services.ts'
import { createHealth } from '../../../src/observe/health.ts'
import { createOrders } from '../../../src/stations/orders.ts'
import type { Role } from '../../../src/store/access.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

export const START = Date.parse('2026-03-01T08:00:00.000Z')
/** One for the whole test process: compiling it is the slow part. */
export const contract = loadContract()

export interface BusCall {
  readonly stationId: string
  readonly action: string
  readonly payload: unknown
  readonly deadlineMs: number | undefined
}

export interface TestBus extends StationBus {
  readonly online: Set<string>
  readonly calls: BusCall[]
  readonly disconnected: { stationId: string; reason: string }[]
  outcome: CallOutcome
  /** A call is answered when this resolves. */
  answering: Promise<void>
}

export interface TestApi {
  readonly app: FastifyInstance
  readonly store: Store
  readonly bus: TestBus
  readonly hub: EventHub
  readonly clock: { now(): number; advance(ms: number): void }
  readonly keys: Readonly<Record<Role, string>>
  readonly listen: () => Promise<string>
  readonly sites: { refusal: Refusable<never> | undefined }
  request(
    method: NonNullable<InjectOptions['method']>,
    url: string,
    options?: { body?: unknown; role?: Role; headers?: Record<string, string> },
  ): Promise<TestResponse>
  close(): Promise<void>
}

export interface TestResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The parsed JSON body; an empty object where there is none. */
  readonly json: Readonly<Record<string, unknown>>
}

/** Operations and statuses that some test of this file has seen, e.g. `putStation 201`. */
export const seen = new Set<string>()

/** Of the operations whose path matches: those that no test of this file has seen to succeed. */
export function unseen(path: RegExp): string[] {
  return [...contract.operations.values()]
    .filter((operation) => path.test(operation.path))
    .map(({ operationId }) => operationId)
    .filter((operationId) => ![...seen].some((one) => one.startsWith(`${operationId} 20`)))
}

/** Every answer in every test is held against openapi.yaml. */
function expectContract(method: string, url: string, answer: TestResponse): void {
  const path = url.split('?')[0] ?? url
  if (!path.startsWith(BASE_PATH)) return
  const operation = [...contract.operations.values()].find(
    (one) =>
      one.method === method &&
      new RegExp(`^${BASE_PATH}${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  )
  if (!operation) {
    expect(answer.status, `${method} ${path} is not in the contract`).toBe(404)
    return
  }
  const { operationId } = operation
  const status = String(answer.status) in operation.object.responses ? String(answer.status) : 'default'
  seen.add(`${operationId} ${answer.status}`)
  if (answer.status === 204) {
    expect(answer.text).toBe('')
    return
  }
  const mediaType = String(answer.headers['content-type']).split(';')[0] ?? ''
  const validate = contract.responseValidator(operationId, status, mediaType)
  const body = /\bjson$/.test(mediaType) ? structuredClone(answer.json) : answer.text
  expect(validate(body) ? [] : validate.errors, `${operationId} ${answer.status}: ${answer.text}`).toEqual([])
  if (status === 'default') expect(answer.json.status).toBe(answer.status)
}

function createBus(): TestBus {
  const online = new Set<string>()
  const calls: BusCall[] = []
  const disconnected: { stationId: string; reason: string }[] = []
  const bus = {
    online,
    calls,
    disconnected,
    outcome: { kind: 'offline' } as CallOutcome,
    answering: Promise.resolve(),
    async call(stationId: string, action: string, payload: unknown, options?: { deadlineMs?: number }) {
      calls.push({ stationId, action, payload, deadlineMs: options?.deadlineMs })
      await bus.answering
      return bus.outcome
    },
    isOnline: (stationId: string) => online.has(stationId),
    onlineStations: () => [...online],
    disconnect(stationId: string, reason: string) {
      online.delete(stationId)
      disconnected.push({ stationId, reason })
    },
  }
  return bus as TestBus
}

function createServices(
  store: Store,
  bus: TestBus,
  hub: EventHub,
  clock: ApiServices['clock'],
  sites: TestApi['sites'],
): ApiServices {
  const at = () => new Date(clock.now()).toISOString()
  return {
    store,
    bus,
    hub,
    clock,
    orders: createOrders({ store: store.orders, bus, hub, clock, log: pino({ level: 'silent' }) }),
    localLists: {
      sync: async (stationId) => {
        await store.localLists.put({ stationId, version: 4, entries: [], updatedAt: at() })
        return { status: 'Accepted', version: 4, messages: 1 }
      },
    },
    hashPassword: async (password) => `hashed:${password.length}`,
    sites: {
      put: async (id, config) => {
        if (sites.refusal) return sites.refusal
        const created = (await store.sites.getSite(id)) === undefined
        const site = { id, config, updatedAt: at() }
        await store.sites.putSite(site)
        return { ok: true, value: { site, created } }
      },
      warnings: () => [],
      remove: (id) => store.sites.removeSite(id),
      status: async (siteId) =>
        (await store.sites.getSite(siteId)) && { siteId, at: at(), nodes: [], evses: [], alarms: [] },
    },
    limits: {
      put: async (limit) => {
        if (limit.nodeId !== 'grid')
          return { ok: false, issues: [{ path: 'body/nodeId', message: 'the site has no such node' }] }
        await store.sites.putLimit(limit)
        return { ok: true, value: limit }
      },
      remove: (siteId, id) => store.sites.removeLimit(siteId, id),
    },
    energy: Object.assign(createEnergy({ store, bus, hub, clock }), {
      // Sites are the test's here, so the real service knows none of their meters.
      readMeter: (_siteId: string, nodeId: string) => nodeId === 'grid',
    }),
    certificates: {
      revoke: async (fingerprint, reason) => {
        const found = await store.certificates.byFingerprint(fingerprint)
        if (!found) return 'unknown'
        return (await store.certificates.revoke(fingerprint, reason, at())) ? 'revoked' : 'already-revoked'
      },
    },
  }
}

function createEnergy(parts: Pick<ApiServices, 'store' | 'bus' | 'hub' | 'clock'>): EnergyService {
  const log = pino({ level: 'silent' })
  return new EnergyService({ ...parts, log, intervalMs: 1_000_000, pushDeadlineMs: 1000, turnGapMs: 0 })
}

/** Sites with their loops, as app.ts wires them. */
function steered(energy: EnergyService): Pick<ApiServices, 'sites' | 'limits' | 'energy'> {
  return {
    sites: energy,
    energy,
    limits: energy.limits,
  }
}

/** The whole API over an in-memory database and a bus that answers what the test wants. */
export async function createTestApi({
  store = createSqliteStore(':memory:'),
  contracts,
  authorities,
  fleet,
  withSiteLoops = false,
  ...options
}: Partial<HttpServerOptions> & {
  readonly store?: Store
  readonly contracts?: NonNullable<ApiServices['contracts']>
  readonly authorities?: NonNullable<ApiServices['authorities']>
  readonly fleet?: NonNullable<ApiServices['fleet']>
  /** Sites are decided on by the real service; otherwise they are only kept. */
  readonly withSiteLoops?: boolean
} = {}): Promise<TestApi> {
  let nowMs = START
  const clock = {
    now: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms
    },
  }
  const bus = createBus()
  const hub = createEventHub((error) => {
    throw error
  })
  const sites: TestApi['sites'] = { refusal: undefined }
  const energy = withSiteLoops ? createEnergy({ store, bus, hub, clock }) : undefined
  await energy?.start()
  const server = await createHttpServer({
    services: {
      ...createServices(store, bus, hub, clock, sites),
      ...(energy === undefined ? {} : steered(energy)),
      ...(contracts === undefined ? {} : { contracts }),
      ...(authorities === undefined ? {} : { authorities }),
      ...(fleet === undefined ? {} : { fleet }),
    },
    log: pino({ level: 'silent' }),
    health: createHealth([{ name: 'store', check: () => store.check() }]),
    metrics: { contentType: 'text/plain', text: async () => '# none\n' },
    contract,
    ...options,
  })
  const key = async (role: Role) => (await createKey(store, clock, { name: `the-${role}`, role })).secret
  const keys = {
    viewer: await key('viewer'),
    operator: await key('operator'),
    security: await key('security'),
    admin: await key('admin'),
  }
  return {
    app: server.app,
    store,
    bus,
    hub,
    clock,
    keys,
    sites,
    listen: () => server.listen({ host: '127.0.0.1', port: 0 }),
    async request(method, url, { body, role = 'admin', headers = {} } = {}) {
      const response = await server.app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${keys[role]}`, ...headers },
        ...(body !== undefined && { payload: body as object }),
      })
      const isJson = /\bjson\b/.test(String(response.headers['content-type']))
      const answer = {
        status: response.statusCode,
        headers: response.headers,
        text: response.body,
        json: isJson ? response.json() : {},
      }
      expectContract(method, url, answer)
      return answer
    },
    async close() {
      await server.close()
      await energy?.stop()
      await store.close()
    },
  }
}
