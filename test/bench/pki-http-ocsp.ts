import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  buildOcspRequest,
  type Certificate,
  certIdFor,
  certificateProfile,
  createSoftwareSigner,
} from '../../pki/index.ts'
import { opensslSpeed, type Print } from './measure.ts'
import { startOpensslOcsp } from './openssl-ocsp.ts'
import { load } from './pki-http-load.ts'
import { type BenchService, ORGANISATION, startBenchService } from './pki-http-service.ts'

const CERTIFICATES = 1000
const NONCED = 20_000
const DURATION_MS = 5000
const CONNECTIONS = 32

async function issue({ certificates }: BenchService): Promise<readonly Certificate[]> {
  const authority = certificates.authorities.signing('cpo-sub2')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = createSoftwareSigner(privateKey).publicKeySpki
  return Promise.all(
    Array.from({ length: CERTIFICATES }, (_, n) =>
      certificates.issuance.issue({
        authority,
        profile: certificateProfile('secc-leaf'),
        subject: { commonName: `SECC-${n}`, organization: ORGANISATION },
        publicKey,
      }),
    ),
  )
}

function post(body: Uint8Array): Buffer {
  const head = `POST /ocsp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/ocsp-request\r\ncontent-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

function get(body: Uint8Array): Buffer {
  const path = encodeURIComponent(Buffer.from(body).toString('base64'))
  return Buffer.from(`GET /ocsp/${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
}

/** The same questions to `openssl ocsp`, which signs every answer and closes every connection. */
async function openssl(
  { certificates }: BenchService,
  issued: readonly Certificate[],
  requests: readonly Buffer[],
): Promise<number> {
  const authority = certificates.authorities.signing('cpo-sub2')
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const responder = await certificates.issuance.issue({
    authority,
    profile: certificateProfile('ocsp-responder'),
    subject: { commonName: 'Peer', organization: ORGANISATION },
    publicKey: createSoftwareSigner(key).publicKeySpki,
  })
  const server = await startOpensslOcsp({ issuer: authority.certificate, responder, key, issued })
  try {
    const { port } = server
    const result = await load({
      ...{ port, tls: false, connections: 8, once: false, reconnect: true, requests },
      durationMs: DURATION_MS,
    })
    if (result.answers === 0) throw new Error('openssl ocsp answered nothing')
    return result.perSecond
  } finally {
    server.close()
  }
}

/** OCSP over HTTP beside the rate at which OpenSSL signs with P-256, and what its own responder answers, in the same run. */
export async function run(print: Print): Promise<void> {
  const service = await startBenchService()
  try {
    const issued = await issue(service)
    await service.certificates.ocsp.presign()
    const issuer = service.certificates.authorities.signing('cpo-sub2').certificate
    const asked = issued.map(({ serial }) => certIdFor({ issuer, serial }))
    const plain = asked.map((certId) => buildOcspRequest([certId]))
    const [first] = asked
    if (first === undefined) throw new Error('nothing was issued')
    const nonced = Array.from({ length: NONCED }, (_, n) =>
      post(buildOcspRequest([asked[n % asked.length] ?? first], randomBytes(32))),
    )
    const signRate = opensslSpeed('sign')
    print(`openssl speed ecdsap256: ${Math.round(signRate)} signatures per second of CPU time`)
    const peer = await openssl(service, issued, nonced)
    print(`openssl ocsp, nonce, a connection each: ${Math.round(peer)}/s on the clock`)
    for (const [name, requests, target] of [
      ['cached, POST', plain.map(post), 0.5],
      ['cached, GET', plain.map(get), 0.5],
      ['signed per request, nonce', nonced, 0.2],
    ] as const) {
      const common = { port: service.port, tls: false, connections: CONNECTIONS, once: false, requests }
      await load({ ...common, durationMs: 1000 })
      const result = await load({ ...common, durationMs: DURATION_MS })
      const ratio = result.perCpuSecond / signRate
      print(
        `${name}: ${Math.round(result.perSecond)}/s on the clock, ${Math.round(result.perCpuSecond)}/s of CPU time = ${ratio.toFixed(2)} of the sign rate (target ${target}), ${(result.perSecond / signRate).toFixed(2)} on the clock, ${(result.perSecond / peer).toFixed(1)} times openssl ocsp, ${result.failed} failed`,
      )
    }
  } finally {
    await service.close()
  }
}
