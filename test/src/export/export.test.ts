import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { createServer as createTlsServer, type Server } from 'node:tls'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import {
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  issueCertificate,
  issueRoot,
  PublicKey,
} from '../../../pki/index.ts'
import { exchange } from '../../../src/certificates/outbound.ts'
import { Exporter, type Sink } from '../../../src/export/exporter.ts'
import { toSyslog } from '../../../src/export/message.ts'
import { createSyslog, createUdpSyslog } from '../../../src/export/syslog.ts'
import { createWebhook, sign } from '../../../src/export/webhook.ts'
import { refusePrivate } from '../../../src/private-address.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const clock = { now: () => Date.parse('2026-11-22T10:00:00Z') }
const at = '2026-11-22T10:00:00.000Z'
const event = {
  stationId: 'CS-1',
  kind: 'security',
  type: 'TamperDetectionActivated',
  at,
  receivedAt: at,
  critical: true,
  detail: { techInfo: 'lid' },
}
const message = {
  id: 7,
  source: 'station',
  stationId: 'CS-1',
  type: 'TamperDetectionActivated',
  severity: 'alarm',
  at,
  receivedAt: at,
  detail: {},
} as const
const close: (() => void)[] = []
afterEach(() => {
  for (const one of close.splice(0)) one()
})

describe('Security events', () => {
  it('A04.FR.02: reach every sink in order and at least once, also after failures and a restart', async () => {
    const store = createSqliteStore(':memory:')
    for (const type of ['A', 'B', 'C']) await store.events.record({ ...event, type })
    await store.events.record({ ...event, kind: 'monitoring', type: 'no security event' })
    const got: string[] = []
    let fails = 2
    const sink: Sink = {
      name: 'test',
      async send(messages) {
        if (fails-- > 0) throw new Error('not now')
        got.push(...messages.map(({ type }) => type))
      },
      async close() {},
    }
    const make = () =>
      new Exporter({
        events: store.events,
        fleet: store.fleet,
        sinks: [sink],
        log: pino({ level: 'silent' }),
        sweepMs: 1e6,
      })
    const first = make()
    await first.advance(0)
    await first.advance(500)
    expect(fails).toBe(1)
    await first.advance(1_000)
    await first.advance(10_000)
    expect(got).toEqual(['A', 'B', 'C'])
    await store.events.record({ ...event, type: 'D' })
    await make().advance(0)
    expect(got).toEqual(['A', 'B', 'C', 'D'])
    await store.close()
  })

  it('are posted with a signature that the receiver can check', async () => {
    const seen: { signature: string; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        seen.push({ signature: String(request.headers['x-gridkeep-signature']), body })
        response.writeHead(seen.length === 1 ? 204 : 302, { location: 'http://169.254.169.254/' })
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    close.push(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
    const secret = 'a secret of thirty-two characters'
    const sink = createWebhook({
      url,
      secret: async () => secret,
      allowPrivate: true,
      refuseAddress: refusePrivate,
      exchange,
      clock,
    })
    await sink.send([message])
    const seconds = clock.now() / 1000
    expect(seen[0]?.signature).toBe(`t=${seconds},v1=${sign(secret, seconds, seen[0]?.body ?? '')}`)
    await expect(sink.send([message])).rejects.toThrow('302')
  })

  it('are never posted in the clear, with credentials in the address, or to a private address', async () => {
    const base = {
      secret: async () => 'x',
      refuseAddress: refusePrivate,
      exchange,
      clock,
      allowPrivate: false,
    }
    expect(() => createWebhook({ ...base, url: 'http://example.com/' })).toThrow('https')
    expect(() => createWebhook({ ...base, url: 'https://a:b@example.com/' })).toThrow('credentials')
    for (const host of [
      '127.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '[::1]',
      '[fd00::1]',
      '[::ffff:10.0.0.1]',
      '0.0.0.0',
      'localhost',
    ])
      await expect(createWebhook({ ...base, url: `https://${host}/` }).send([message])).rejects.toThrow(
        /private address/,
      )
  })

  it('go to syslog as RFC 5424 with octet counting; nothing in them can look like another message', async () => {
    const received: Buffer[] = []
    const server = createTcpServer((socket) => socket.on('data', (chunk) => received.push(chunk)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    close.push(() => server.close())
    const sink = createSyslog({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      tls: undefined,
      ownName: 'csms 1',
    })
    const hostile = { ...message, stationId: 'x"]\n<1>1', detail: { techInfo: 'line\nbreak é' } }
    await sink.send([message, hostile])
    await expect.poll(() => Buffer.concat(received).toString('utf8')).toContain('break')
    let rest = Buffer.concat(received)
    const texts: string[] = []
    while (rest.length > 0) {
      const space = rest.indexOf(0x20)
      const length = Number(rest.subarray(0, space))
      texts.push(rest.subarray(space + 1, space + 1 + length).toString('utf8'))
      rest = rest.subarray(space + 1 + length)
    }
    await sink.close()
    expect(texts).toHaveLength(2)
    expect(texts[0]).toMatch(
      /^<105>1 2026-11-22T10:00:00\.000Z csms1 gridkeep - TamperDetectionActivated \[gridkeep@32473 id="7" source="station" station="CS-1" type="TamperDetectionActivated"\] \uFEFF\{\}$/,
    )
    expect(texts[1]).toContain('station="x\\"\\] <1>1"')
    expect(texts.join('')).not.toContain('\n')
  })

  it('go to syslog over TLS, only to a server that proves its name, and again after it was away', async () => {
    const { caPem, identity } = await serverWithName('localhost')
    const received: string[] = []
    const listen = (port: number) =>
      new Promise<Server>((resolve) => {
        const server = createTlsServer(identity, (socket) =>
          socket.on('data', (chunk) => received.push(chunk.toString('utf8'))),
        ).listen(port, '127.0.0.1', () => resolve(server))
        server.on('secureConnection', (socket) => close.push(() => socket.destroy()))
      })
    const server = await listen(0)
    const { port } = server.address() as AddressInfo
    const options = { host: 'localhost', port, ownName: 'csms' }
    const sink = createSyslog({ ...options, tls: { ca: caPem } })
    await sink.send([message])
    await expect.poll(() => received.join('')).toContain('id="7"')

    // Neither one that nobody vouches for, nor one with another name.
    await expect(createSyslog({ ...options, tls: {} }).send([message])).rejects.toThrow(/certificate/)
    await expect(
      createSyslog({ ...options, host: '127.0.0.1', tls: { ca: caPem } }).send([message]),
    ).rejects.toThrow(/does not match/)

    for (const one of close.splice(0)) one()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    await expect
      .poll(() =>
        sink.send([message]).then(
          () => 'sent',
          (error: Error) => error.message,
        ),
      )
      .toContain('ECONNREFUSED')
    const again = await listen(port)
    await sink.send([{ ...message, id: 8 }])
    await expect.poll(() => received.join('')).toContain('id="8"')
    await sink.close()
    again.close()
  })

  it('go to syslog over UDP, one message in each datagram', async () => {
    const socket = createSocket('udp4')
    const received: string[] = []
    socket.on('message', (datagram) => received.push(datagram.toString('utf8')))
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    close.push(() => socket.close())
    const sink = createUdpSyslog({ host: '127.0.0.1', port: socket.address().port, ownName: 'csms' })
    await sink.send([message, { ...message, id: 8 }])
    await expect.poll(() => received.length).toBe(2)
    expect(received.map((text) => /^<105>1 .* id="(\d)"/.exec(text)?.[1])).toEqual(['7', '8'])
    await sink.close()
  })

  it('are cut to a size that servers take, never within a character', () => {
    const text = toSyslog({ ...message, severity: 'notice', detail: { text: 'é'.repeat(9000) } }, '')
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192)
    expect(text).toMatch(/^<109>1 \S+ - gridkeep/)
    expect(text.endsWith('\uFFFD')).toBe(false)
  })
})

async function serverWithName(name: string) {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const atMs = Date.now() - 60_000
  const random = () => randomBytes(16)
  const ca = pair()
  const signer = createSoftwareSigner(ca.privateKey)
  const root = await issueRoot({
    profile: certificateProfile('cso-root'),
    subject: { commonName: 'Log Root', organization: 'Example' },
    signer,
    atMs,
    random: random(),
  })
  const server = pair()
  const leaf = await issueCertificate({
    issuer: createIssuer({ certificate: root, signer }),
    profile: certificateProfile('csms-server-ecdsa'),
    subject: { commonName: name, organization: 'Example' },
    altNames: { dns: [name] },
    publicKey: PublicKey.fromKeyObject(server.publicKey),
    atMs,
    random: random(),
  })
  const key = server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { caPem: root.toPem(), identity: { cert: leaf.toPem(), key } }
}
