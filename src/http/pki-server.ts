/**
 * The PKI listener: what anyone who checks a certificate needs, without an API key. Plain HTTP, as its documents are
 * signed; EST, which proves who is asking, has a second listener with TLS.
 */

import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import Fastify, { LogController } from 'fastify'
import type { Logger } from 'pino'
import { addDocuments } from './pki/documents.ts'
import { addEst, type EstLimits } from './pki/est.ts'
import { createOcspHandler, MAX_OCSP_BYTES } from './pki/ocsp.ts'
import type { EstServices, PkiServices } from './pki/services.ts'

export type { EstServices, PkiServices } from './pki/services.ts'

const REQUEST_TIMEOUT_MS = 10_000
/** A GET carries the OCSP request in its path, base64 and percent-encoded. */
const MAX_HEADER_BYTES = 4 * MAX_OCSP_BYTES

export interface PkiServer {
  listen(address: { readonly host: string; readonly port: number }): Promise<string>
  /** For the TLS listener: presents another certificate to new connections. */
  reloadTls(tls: SecureContextOptions): void
  close(): Promise<void>
}

export interface PkiServerOptions {
  readonly services: PkiServices
  readonly log: Logger
  /** With TLS the listener speaks EST, too; client certificates are asked for and judged by EST. */
  readonly est?: EstLimits & { readonly services: EstServices; readonly tls: SecureContextOptions }
}

export function createPkiServer({ services, log, est }: PkiServerOptions): PkiServer {
  const ocsp = createOcspHandler(services, (error) => log.error({ err: error }, 'An OCSP answer failed'))
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 30_000,
  }
  let reload: (tls: SecureContextOptions) => void = () => undefined
  const serverFactory = (handler: RequestListener) => {
    const listener: RequestListener = (request, response) => {
      if (!ocsp.handle(request, response)) handler(request, response)
    }
    if (!est) return createHttpServer(limits, listener)
    const server = createHttpsServer({ ...limits, ...tlsOptions(est.tls) }, listener)
    reload = (tls) => server.setSecureContext(tls)
    return server
  }
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_OCSP_BYTES,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    serverFactory,
    // The rest needs nothing of what differs between the two kinds of server.
  }) as unknown as FastifyInstance
  app.removeAllContentTypeParsers()
  addDocuments(app, services)
  if (est) addEst(app, est.services, { ...est, now: () => services.now() })
  return {
    listen: (address) => app.listen(address),
    reloadTls: (tls) => reload(tls),
    close: () => app.close(),
  }
}

function tlsOptions(tls: SecureContextOptions) {
  return {
    ...tls,
    minVersion: 'TLSv1.2' as const,
    requestCert: true,
    // Judged by our own validator, with reasons; a client without a certificate may have a password.
    rejectUnauthorized: false,
    handshakeTimeout: REQUEST_TIMEOUT_MS,
  }
}
