/** EST over HTTPS (RFC 7030 as corrected by RFC 8951): bodies are base64 of DER, whatever transfer encoding is named. */

import { randomBytes } from 'node:crypto'
import { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createFailedAttempts, type FailedAttempts } from '../attempts.ts'
import type { EstAnswer, EstCaller, EstGeneratedKey, EstLabel, EstServices } from './services.ts'

const PKCS10 = 'application/pkcs10'
const CERTS_ONLY = 'application/pkcs7-mime; smime-type=certs-only'
const MAX_CSR_BYTES = 16 * 1024
const MAX_CHAIN = 8

/** RFC 7030 3.2.2: an optional label says which CA is meant. Without one it is the station's own certificate. */
const LABELS: ReadonlyMap<string, EstLabel> = new Map([
  ['cso', 'cso'],
  ['v2g', 'v2g'],
  ['cpo', 'v2g'],
])
const ROOT = '/.well-known/est'

const HOUR_MS = 3_600_000
const MAX_STATIONS = 100_000

export interface EstLimits {
  /** Requests for certificates that one station may make within an hour. */
  readonly perStationPerHour: number
}

export function addEst(
  app: FastifyInstance,
  services: EstServices,
  { now, perStationPerHour }: EstLimits & { readonly now: () => number },
): void {
  const failures = createFailedAttempts({ now })
  const enrolments = createFailedAttempts(
    { now },
    { maxFailures: perStationPerHour, windowMs: HOUR_MS, maxAddresses: MAX_STATIONS },
  )
  app.addContentTypeParser(PKCS10, { parseAs: 'string', bodyLimit: MAX_CSR_BYTES }, (_request, body, done) =>
    done(null, body),
  )
  for (const prefix of [ROOT, `${ROOT}/:label`]) addRoutes(app, prefix, services, { failures, enrolments })
}

function addRoutes(
  app: FastifyInstance,
  prefix: string,
  services: EstServices,
  { failures, enrolments }: { readonly failures: FailedAttempts; readonly enrolments: FailedAttempts },
): void {
  type Labelled = { Params: { label?: string } }

  app.get<Labelled>(`${prefix}/cacerts`, async (request, reply) => {
    const label = labelOf(request.params.label)
    return label ? sendBase64(reply, CERTS_ONLY, await services.caCertificates(label)) : noSuchLabel(reply)
  })
  app.get<Labelled>(`${prefix}/csrattrs`, async (request, reply) => {
    const label = labelOf(request.params.label)
    return label
      ? sendBase64(reply, 'application/csrattrs', services.csrAttributes(label))
      : noSuchLabel(reply)
  })

  const enrolling = (
    path: string,
    act: (caller: EstCaller, label: EstLabel, csr: Uint8Array) => Promise<EstAnswer | EstGeneratedKey>,
  ): void => {
    app.post<Labelled>(`${prefix}/${path}`, async (request, reply) => {
      const label = labelOf(request.params.label)
      if (!label) return noSuchLabel(reply)
      const caller = await authenticate(services, request, failures)
      if (caller === 'busy')
        return reply.code(503).header('retry-after', 1).type('text/plain').send('Busy; try again\n')
      if (caller === 'blocked')
        return wait(reply, failures.blockedForMs(request.ip), 'Too many wrong passwords')
      if (!caller) {
        return reply
          .code(401)
          .header('www-authenticate', 'Basic realm="gridkeep-est", charset="UTF-8"')
          .type('text/plain')
          .send('Present the certificate of a registered station, or its id and password\n')
      }
      const restMs = enrolments.blockedForMs(caller.stationId)
      if (restMs > 0) return wait(reply, restMs, 'Too many certificates for one station')
      const csr = decode(request.body)
      if (!csr)
        return reply.code(400).type('text/plain').send(`Send a PKCS#10 request in base64 as ${PKCS10}\n`)
      const answer = await act(caller, label, csr)
      // Whoever has to come back for an answer asks for nothing new by that.
      if (answer.kind !== 'pending') enrolments.record(caller.stationId)
      return send(reply, answer)
    })
  }
  enrolling('simpleenroll', (caller, label, csr) => services.enrol(caller, label, csr))
  enrolling('simplereenroll', (caller, label, csr) => services.reenrol(caller, label, csr))
  enrolling('serverkeygen', (caller, label, csr) => services.generateKey(caller, label, csr))
}

function wait(reply: FastifyReply, forMs: number, why: string): FastifyReply {
  reply.code(429).header('retry-after', Math.ceil(forMs / 1000))
  return reply.type('text/plain').send(`${why}; wait, then try again\n`)
}

function labelOf(text: string | undefined): EstLabel | undefined {
  return text === undefined ? 'cso' : LABELS.get(text.toLowerCase())
}

function noSuchLabel(reply: FastifyReply): FastifyReply {
  return reply.code(404).type('text/plain').send('The labels of this server are cso and v2g\n')
}

async function authenticate(
  services: EstServices,
  request: FastifyRequest,
  failures: FailedAttempts,
): Promise<EstCaller | 'blocked' | 'busy' | undefined> {
  const chain = presentedChain(request)
  const byCertificate = chain.length > 0 ? await services.authenticateCertificate(chain) : undefined
  if (byCertificate) return byCertificate
  const basic = basicCredentials(request.headers.authorization)
  if (!basic) return undefined
  if (failures.blockedForMs(request.ip) > 0) return 'blocked'
  const caller = await services.authenticatePassword(basic.user, basic.password)
  if (!caller) failures.record(request.ip)
  return caller
}

/** Leaf first, as the peer sent it; of a resumed session only the leaf is known. */
function presentedChain(request: FastifyRequest): readonly Uint8Array[] {
  const { socket } = request.raw
  if (!(socket instanceof TLSSocket)) return []
  const chain: Uint8Array[] = []
  const seen = new Set<string>()
  let certificate = socket.getPeerCertificate(true)
  // Node answers an empty object where the peer sent no certificate.
  while (
    certificate?.raw !== undefined &&
    !seen.has(certificate.fingerprint256) &&
    chain.length < MAX_CHAIN
  ) {
    seen.add(certificate.fingerprint256)
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

function basicCredentials(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,1000})$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  return at < 1 ? undefined : { user: text.slice(0, at), password: text.slice(at + 1) }
}

/** Base64 with or without line breaks; PEM armour, which some clients send, is taken off. */
function decode(body: unknown): Uint8Array | undefined {
  if (typeof body !== 'string') return undefined
  const text = body.replaceAll(/-----(BEGIN|END) [A-Z ]*CERTIFICATE REQUEST-----/g, '').replaceAll(/\s/g, '')
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

const base64 = (der: Uint8Array): string =>
  Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{76}(?=.)/g, '$&\r\n')

function sendBase64(reply: FastifyReply, type: string, der: Uint8Array): FastifyReply {
  return reply
    .header('content-transfer-encoding', 'base64')
    .type(type)
    .send(`${base64(der)}\r\n`)
}

function send(reply: FastifyReply, answer: EstAnswer | EstGeneratedKey): FastifyReply {
  if (answer.kind === 'pending')
    return reply
      .code(202)
      .header('retry-after', Math.ceil(answer.retryAfterMs / 1000))
      .send()
  if (answer.kind === 'refused') return reply.code(400).type('text/plain').send(`${answer.detail}\n`)
  if (!('pkcs8' in answer)) return sendBase64(reply, CERTS_ONLY, answer.pkcs7)
  const boundary = `gridkeep-${randomBytes(12).toString('hex')}`
  const part = (type: string, der: Uint8Array) =>
    `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(der)}\r\n`
  const body = `${part('application/pkcs8', answer.pkcs8)}${part(CERTS_ONLY, answer.pkcs7)}--${boundary}--\r\n`
  return reply.header('cache-control', 'no-store').type(`multipart/mixed; boundary=${boundary}`).send(body)
}
