import { generateKeyPairSync } from 'node:crypto'
import { hashPassword } from '../../src/stations/credentials.ts'
import { encodeCsr } from './csr-maker.ts'
import type { Print } from './measure.ts'
import { load } from './pki-http-load.ts'
import { ORGANISATION, startBenchService } from './pki-http-service.ts'

const CSRS = 12_000
const CONNECTIONS = 64
const DURATION_MS = 6000
const PASSWORD = 'a-password-of-24-letters'
const TARGET_PER_SECOND = 1000

function enrol(csr: string): Buffer {
  const body = csr.replaceAll(/-----[A-Z ]+-----|\s/g, '')
  const authorization = Buffer.from(`BENCH:${PASSWORD}`).toString('base64')
  return Buffer.from(
    `POST /.well-known/est/simpleenroll HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic ${authorization}\r\ncontent-type: application/pkcs10\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
}

/** EST over TLS: CSR in, certificate out, everything on disk before the answer leaves. Every CSR has a new key. */
export async function run(print: Print): Promise<void> {
  const service = await startBenchService()
  try {
    await service.store.stations.put(
      {
        id: 'BENCH',
        enrolment: 'active',
        registration: 'Accepted',
        securityProfile: 2,
        passwordHash: await hashPassword(PASSWORD),
        serialNumber: null,
        organisation: null,
        group: null,
      },
      new Date().toISOString(),
    )
    const subject = { commonName: 'BENCH', organization: ORGANISATION }
    const requests = Array.from({ length: CSRS }, () =>
      enrol(encodeCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, subject)),
    )
    const common = { port: service.estPort, tls: true, connections: CONNECTIONS, once: true }
    // The password is checked once and then remembered; many first checks at once would be put off.
    await load({ ...common, connections: 1, requests: requests.slice(0, 10), durationMs: 2000 })
    await load({ ...common, requests: requests.slice(10, 1000), durationMs: 2000 })
    const result = await load({ ...common, requests: requests.slice(1000), durationMs: DURATION_MS })
    print(
      `durable issuance by EST over TLS: ${Math.round(result.perSecond)}/s on the clock (target ${TARGET_PER_SECOND}), ${Math.round(result.perCpuSecond)}/s of CPU time, ${result.answers} certificates, ${result.failed} failed`,
    )
  } finally {
    await service.close()
  }
}
