/** CRLs and CA certificates as files (RFC 5280 4.2.1.13, 4.2.2.1; media types of RFC 2585 and RFC 8551). */

import type { FastifyInstance, FastifyReply } from 'fastify'
import type { PkiServices } from './services.ts'

const UNKNOWN_AUTHORITY = 'There is no such authority\n'
const DELTA = '-delta'
/** CA certificates change with a new generation, which has a new name. */
const CA_MAX_AGE_S = 86_400

export function addDocuments(app: FastifyInstance, services: PkiServices): void {
  app.get<{ Params: { file: string } }>('/crl/:file', async (request, reply) => {
    const name = /^(.{1,160})\.crl$/.exec(request.params.file)?.[1]
    if (name === undefined) return missing(reply, 'CRLs are named ID.crl and ID-delta.crl\n')
    const isDelta = name.endsWith(DELTA)
    const id = isDelta ? name.slice(0, -DELTA.length) : name
    const crl = await services.crl(id, isDelta ? 'delta' : 'full')
    if (!crl) return missing(reply, 'There is no such CRL\n')
    const leftS = Math.max(0, Math.floor((crl.nextUpdateMs - services.now()) / 1000))
    return (
      reply
        .type('application/pkix-crl')
        .header('last-modified', new Date(crl.thisUpdateMs).toUTCString())
        .header('expires', new Date(crl.nextUpdateMs).toUTCString())
        // A revocation makes a new CRL before this one ends: caches look again sooner than they would have to.
        .header('cache-control', `public, max-age=${Math.min(leftS, 300)}, must-revalidate`)
        .send(Buffer.from(crl.der))
    )
  })

  app.get<{ Params: { file: string } }>('/ca/:file', async (request, reply) => {
    const [, id, extension] = /^(.{1,128})\.(pem|cer|p7c)$/.exec(request.params.file) ?? []
    const files = id === undefined ? undefined : services.authority(id)
    if (!files) return missing(reply, UNKNOWN_AUTHORITY)
    reply.header('cache-control', `public, max-age=${CA_MAX_AGE_S}`)
    if (extension === 'pem') return reply.type('application/x-pem-file').send(files.chainPem)
    if (extension === 'cer') return reply.type('application/pkix-cert').send(Buffer.from(files.der))
    return reply.type('application/pkcs7-mime; smime-type=certs-only').send(Buffer.from(files.pkcs7))
  })
}

function missing(reply: FastifyReply, text: string): FastifyReply {
  return reply.code(404).type('text/plain').send(text)
}
