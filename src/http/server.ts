/** The operator API's listener: routes from the contract, probes and metrics beside them. */

import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Fastify, { LogController } from 'fastify'
import { fastifyOpenapiGlue } from 'fastify-openapi-glue'
import type { Logger } from 'pino'
import { createAudit } from '../observe/audit.ts'
import type { Health } from '../observe/health.ts'
import { createAuthenticator } from './auth.ts'
import { BASE_PATH } from './base-path.ts'
import type { Contract, ContractDocument } from './contract.ts'
import { loadContract } from './contract.ts'
import { registerDashboard } from './dashboard.ts'
import { createEventFeed } from './event-feed.ts'
import type { EventStreams, StreamOptions } from './event-stream.ts'
import { createEventStreams, DEFAULT_STREAM_OPTIONS } from './event-stream.ts'
import { trackInFlight } from './in-flight.ts'
import { createOperations } from './operations.ts'
import { ApiProblem } from './problems.ts'
import { operationRoute } from './routes.ts'
import type { ApiServices } from './services.ts'
import { createSignIns } from './sign-ins.ts'

/** Requests being handled get this long to finish. */
const DEFAULT_CLOSE_MS = 5000
const MAX_BODY_BYTES = 2 * 1024 * 1024

export interface HttpServerOptions {
  readonly services: ApiServices
  readonly log: Logger
  readonly health: Health
  /** Prometheus text. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  /** PEM. Without it the listener speaks plain HTTP, for loopback or behind a proxy. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly streams?: Partial<StreamOptions>
  readonly contract?: Contract
}

export interface HttpServer {
  /** For tests (inject) and for further plugins such as the dashboard, registered before `listen`. */
  readonly app: FastifyInstance
  /** Resolves with the base URL, e.g. `http://127.0.0.1:8080`. */
  listen(address: { readonly host: string; readonly port: number }): Promise<string>
  /** Ends event streams, finishes what is running, closes the listener; what takes longer is cut off. */
  close(deadlineMs?: number): Promise<void>
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { services, log, health } = options
  const contract = options.contract ?? loadContract()
  const feed = createEventFeed(services.hub, { epoch: services.clock.now().toString(36) })
  const streams = createEventStreams(feed, { ...DEFAULT_STREAM_OPTIONS, ...options.streams })
  const app = createApp(log, options.tls)
  const inFlight = trackInFlight(app)

  // Bodies are JSON or nothing: whatever else Fastify would parse could pass by the contract's schemas.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler<FastifyError | ApiProblem>((error, request, reply) => {
    const problem = toProblem(error, request.log)
    if (problem.extras.retryAfterS !== undefined) reply.header('retry-after', problem.extras.retryAfterS)
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="gridkeep"')
    return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem.toBody()))
  })
  app.setNotFoundHandler((request) => {
    throw new ApiProblem(
      'route.unknown',
      `There is no ${request.method} ${request.url.split('?')[0]}; see openapi.yaml.`,
    )
  })
  addHeadersAndAccessLog(app)
  addProbes(app, health, options.metrics)
  await registerContract(app, { contract, options, streams })
  await registerDashboard(app)

  return {
    app,
    async listen({ host, port }) {
      return app.listen({ host, port })
    },
    async close(deadlineMs = DEFAULT_CLOSE_MS) {
      streams.close()
      feed.close()
      const closing = app.close()
      await inFlight.settled(deadlineMs)
      // What is left are connections without a request; waiting for their clients could take minutes.
      app.server.closeAllConnections()
      await closing
    },
  }
}

function createApp(log: Logger, tls: HttpServerOptions['tls']): FastifyInstance {
  const settings = {
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle' as const,
    // Errors before a route is known, such as a URL that cannot be decoded.
    frameworkErrors: sendProblem,
    routerOptions: { maxParamLength: 300 },
  }
  if (!tls) return Fastify(settings)
  // The rest of the service needs nothing of what differs between the two kinds of server.
  return Fastify({ ...settings, https: { key: tls.key, cert: tls.cert } }) as unknown as FastifyInstance
}

async function registerContract(
  app: FastifyInstance,
  { contract, options, streams }: { contract: Contract; options: HttpServerOptions; streams: EventStreams },
): Promise<void> {
  const { services } = options
  const signIns = createSignIns(services.clock)
  const context = {
    contract,
    operations: createOperations(services, { streams, signIns, secure: options.tls !== undefined }),
    authenticator: createAuthenticator({ keys: services.store.apiKeys, clock: services.clock, signIns }),
    audit: createAudit(services.store, services.clock),
  }
  await app.register(async (api) => {
    // An operation without query parameters gets an empty schema, so that it refuses any.
    api.addHook('onRoute', (route) => {
      if (route.schema && !route.schema.querystring)
        route.schema.querystring = { type: 'object', properties: {} }
    })
    await api.register(fastifyOpenapiGlue, {
      specification: requestsOnly(contract.document),
      prefix: BASE_PATH.slice(1),
      operationResolver: (operationId: string) => operationRoute(context, operationId),
    })
  })
}

/** The router needs to know what comes in; what goes out is written as it is, and tests hold it against the contract. */
function requestsOnly(document: ContractDocument): object {
  const copy = structuredClone(document)
  const responses = { default: { description: 'see openapi.yaml' } }
  for (const item of Object.values(copy.paths))
    for (const operation of Object.values(item))
      if ('responses' in operation) Object.assign(operation, { responses })
  return copy
}

function addHeadersAndAccessLog(app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  app.addHook('onResponse', async (request, reply) => {
    const changed = request.method !== 'GET'
    request.log[changed ? 'info' : 'debug'](
      {
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        elapsedMs: Math.round(reply.elapsedTime * 10) / 10,
        address: request.ip,
      },
      'request',
    )
  })
}

function addProbes(app: FastifyInstance, health: Health, metrics: HttpServerOptions['metrics']): void {
  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_request, reply) => {
    const readiness = await health.readiness()
    return reply.code(readiness.ready ? 200 : 503).send(readiness)
  })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
}

function sendProblem(error: FastifyError | ApiProblem, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error, request.log)
  // Guesses are logged one by one only until they are rate limited.
  if (problem.code === 'auth.invalid' || problem.code === 'auth.forbidden')
    request.log.warn(
      { code: problem.code, address: request.ip, method: request.method, url: request.url },
      'refused',
    )
  if (problem.extras.retryAfterS !== undefined) reply.header('retry-after', problem.extras.retryAfterS)
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="gridkeep"')
  reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem.toBody()))
}

/** The one mapping from errors to problem details. */
function toProblem(error: FastifyError | ApiProblem, log: FastifyBaseLogger): ApiProblem {
  if (error instanceof ApiProblem) return error
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiProblem('request.too-large', `The body may have ${MAX_BODY_BYTES} bytes.`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiProblem('request.media-type', 'Send JSON with content-type application/json.')
  }
  if (error.statusCode !== undefined && error.statusCode < 500)
    return new ApiProblem('request.invalid', error.message, {
      issues: [{ path: 'request', message: error.message }],
    })
  log.error({ err: error }, 'request failed')
  return new ApiProblem(
    'internal',
    'The service failed; its log says why. Nothing is known about what was changed.',
  )
}
