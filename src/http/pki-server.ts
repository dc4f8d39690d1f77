/** The PKI listener: what anyone who checks a certificate needs, without an API key. Reads only. */

import type { FastifyBaseLogger } from 'fastify'
import Fastify, { LogController } from 'fastify'
import type { Logger } from 'pino'

const OCSP_REQUEST = 'application/ocsp-request'
const OCSP_RESPONSE = 'application/ocsp-response'
/** RFC 6960 requests for many certificates stay far below. */
const MAX_REQUEST_BYTES = 16 * 1024

export interface PkiServices {
  /** DER OCSPRequest in, DER OCSPResponse out. */
  ocsp(requestDer: Uint8Array): Promise<Uint8Array>
  /** PEM of an authority's certificate and those above it, nearest first; undefined where there is none of that id. */
  authorityChainPem(id: string): string | undefined
}

export interface PkiServer {
  listen(address: { readonly host: string; readonly port: number }): Promise<string>
  close(): Promise<void>
}

export function createPkiServer(options: {
  readonly services: PkiServices
  readonly log: Logger
}): PkiServer {
  const { services, log } = options
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_REQUEST_BYTES,
    requestTimeout: 10_000,
    forceCloseConnections: 'idle',
    // A GET carries the request in its path (RFC 6960 A.1), base64 and percent-encoded.
    routerOptions: { maxParamLength: 2 * MAX_REQUEST_BYTES },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(OCSP_REQUEST, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  app.post('/ocsp', async (request, reply) => {
    if (!Buffer.isBuffer(request.body))
      return reply.code(415).type('text/plain').send(`Send an OCSP request as ${OCSP_REQUEST}\n`)
    return reply.type(OCSP_RESPONSE).send(await answer(request.body))
  })
  app.get<{ Params: { '*': string } }>('/ocsp/*', async (request, reply) => {
    const der = Buffer.from(request.params['*'], 'base64')
    return reply.type(OCSP_RESPONSE).send(await answer(der))
  })
  app.get<{ Params: { id: string } }>('/ca/:id.pem', async (request, reply) => {
    const pem = services.authorityChainPem(request.params.id)
    if (pem === undefined) return reply.code(404).type('text/plain').send('There is no such authority\n')
    return reply.type('application/x-pem-file').send(pem)
  })

  async function answer(der: Uint8Array): Promise<Buffer> {
    return Buffer.from(await services.ocsp(der))
  }

  return { listen: (address) => app.listen(address), close: () => app.close() }
}
