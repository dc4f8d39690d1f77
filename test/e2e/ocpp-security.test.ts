import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestAuthority, judge, type TestAuthority } from './support/certificates.ts'
import { type ConnectOptions, connect, type TestClient } from './support/ocpp-client.ts'
import { BOOT, PASSWORD, startService, type TestService } from './support/ocpp-service.ts'

const SERVER = 'csms.example.com'
let authority: TestAuthority
let other: TestAuthority
let certificates: ReturnType<typeof judge>
let service: TestService

beforeAll(async () => {
  authority = await createTestAuthority('Test CPO Sub-CA')
  other = await createTestAuthority('Somebody Else')
  certificates = judge(authority)
  const identities = [
    await authority.issue({ commonName: SERVER }),
    await authority.issue({ commonName: SERVER, rsa: true }),
  ]
  service = await startService({
    listeners: {
      ws: { host: '127.0.0.1', port: 0 },
      wss: { host: '127.0.0.1', port: 0, tls: { identities, clientAuthoritiesPem: [authority.pem] } },
    },
    certificates,
  })
})
afterAll(() => service.stop())

const trust = () => ({ ca: authority.pem, servername: SERVER })

function secure(id: string, options: ConnectOptions = {}): Promise<TestClient> {
  return connect(`${service.wssUrl}/ocpp/${encodeURIComponent(id)}`, { ...trust(), ...options })
}

async function boots(client: TestClient): Promise<void> {
  expect(await client.call('BootNotification', BOOT)).toMatchObject({
    type: 3,
    payload: { status: 'Accepted' },
  })
  await client.close()
}

async function securityEvents(id: string): Promise<string[]> {
  await service.store.events.record({
    stationId: 'flush',
    kind: 'x',
    type: 'x',
    at: '2026-01-01T00:00:00Z',
    receivedAt: '2026-01-01T00:00:00Z',
    critical: false,
    detail: {},
  })
  const events = await service.store.events.list({ stationId: id, kind: 'csms-security' })
  return events.map((event) => event.type)
}

describe('security profile 1: Basic authentication without TLS', () => {
  it('TC_A_01_CSMS: lets a station in with its password', async () => {
    await boots(await service.station('P1-GOOD'))
  })

  it('TC_A_03_CSMS: refuses a wrong password with 401, and says so in the security log without the password', async () => {
    await expect(service.station('P1-WRONG', { password: 'not-the-password' })).rejects.toThrow('HTTP 401')
    expect(await securityEvents('P1-WRONG')).toContain('WrongPassword')
    const events = await service.store.events.list({ stationId: 'P1-WRONG' })
    expect(JSON.stringify(events)).not.toContain('not-the-password')
  })

  it('TC_A_02_CSMS: refuses a user name that is not the station with 401', async () => {
    await service.register('P1-OTHER')
    await expect(service.station('P1-NAME', { username: 'P1-OTHER' })).rejects.toThrow('HTTP 401')
    expect(await securityEvents('P1-NAME')).toContain('UsernameMismatch')
  })

  it('refuses a station without credentials', async () => {
    await service.register('P1-NONE')
    await expect(connect(`${service.url}/P1-NONE`)).rejects.toThrow('HTTP 401')
  })

  it('refuses a station that has no password yet', async () => {
    await service.register('P1-UNSET', { passwordHash: null })
    await expect(service.station('P1-UNSET')).rejects.toThrow('HTTP 401')
  })

  it('refuses an unknown station with 404 and a path that names none with 400', async () => {
    await expect(connect(`${service.url}/ocpp/NOBODY`, { password: PASSWORD })).rejects.toThrow('HTTP 404')
    await expect(connect(`${service.url}/ocpp/`, { password: PASSWORD })).rejects.toThrow('HTTP 400')
  })

  it('refuses a blocked station with 403', async () => {
    await service.register('P1-BLOCKED', { enrolment: 'blocked' })
    await expect(service.station('P1-BLOCKED')).rejects.toThrow('HTTP 403')
  })

  it('is not offered over TLS: the profile of a station is one', async () => {
    await service.register('P1-TLS')
    await expect(secure('P1-TLS', { password: PASSWORD })).rejects.toThrow('HTTP 403')
  })
})

describe('security profile 2: Basic authentication with TLS', () => {
  it('TC_A_04_CSMS: lets a station in with its password, over TLS 1.2 and 1.3', async () => {
    await service.register('P2-GOOD', { securityProfile: 2 })
    await boots(await secure('P2-GOOD', { password: PASSWORD, maxVersion: 'TLSv1.2' }))
    await boots(await secure('P2-GOOD', { password: PASSWORD, minVersion: 'TLSv1.3' }))
  })

  it('refuses a wrong password', async () => {
    await service.register('P2-WRONG', { securityProfile: 2 })
    await expect(secure('P2-WRONG', { password: 'wrong-wrong-wrong' })).rejects.toThrow('HTTP 401')
  })

  it('refuses the downgrade to ws, and says so in the security log', async () => {
    await service.register('P2-DOWN', { securityProfile: 2 })
    await expect(service.station('P2-DOWN')).rejects.toThrow('HTTP 403')
    expect(await securityEvents('P2-DOWN')).toContain('SecurityProfileDowngrade')
  })
})

describe('TLS of the wss listener', () => {
  const { port } = { port: () => Number(new URL(service.wssUrl.replace('wss:', 'https:')).port) }

  function handshake(options: ConnectionOptions): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = tlsConnect({ host: '127.0.0.1', port: port(), ...trust(), ...options }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name}`)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  }

  it.each([
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-GCM-SHA384',
  ])('A00.FR.318: speaks %s', async (ciphers) => {
    expect(await handshake({ ciphers, maxVersion: 'TLSv1.2' })).toBe(`TLSv1.2 ${ciphers}`)
  })

  it('TC_A_06_CSMS: refuses TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(handshake(old)).rejects.toThrow(/protocol version|alert/i)
    expect(service.server.stats().refusedConnections.get('TlsHandshake')).toBeGreaterThan(0)
  })

  it('refuses suites that are not on the list', async () => {
    const weak = { ciphers: 'ECDHE-ECDSA-AES128-SHA256:AES128-SHA', maxVersion: 'TLSv1.2' } as const
    await expect(handshake(weak)).rejects.toThrow(/handshake failure|alert/i)
  })
})

describe('security profile 3: TLS with client certificates', () => {
  const profile3 = {
    securityProfile: 3,
    passwordHash: null,
    serialNumber: 'SN-3',
    organisation: 'Test CPO',
  } as const

  async function presented(options: {
    commonName?: string
    organisation?: string
    by?: TestAuthority
    notAfter?: Date
  }) {
    const { by = authority, commonName = 'SN-3', ...rest } = options
    const identity = await by.issue({ commonName, ...rest })
    return {
      cert: identity.certificateChainPem,
      key: identity.privateKeyPem,
      fingerprint: identity.fingerprint,
    }
  }

  it('TC_A_07_CSMS: lets a station in with its certificate', async () => {
    await service.register('P3-GOOD', profile3)
    const client = await secure('P3-GOOD', await presented({}))
    const answer = await client.call('BootNotification', {
      reason: 'PowerUp',
      chargingStation: { model: 'M', vendorName: 'V', serialNumber: 'SN-3' },
    })
    expect(answer).toMatchObject({ type: 3, payload: { status: 'Accepted' } })
    await client.close()
  })

  it.each([
    ['the CN of another station', () => presented({ commonName: 'SN-4' })],
    ['the O of another operator', () => presented({ organisation: 'Other CPO' })],
    ['a certificate of another authority', () => presented({ by: other })],
    ['an expired certificate', () => presented({ notAfter: new Date(Date.now() - 1000) })],
    ['no certificate', async () => ({})],
  ])('TC_A_08_CSMS: refuses %s, and says so in the security log', async (_what, certificate) => {
    await service.register('P3-BAD', profile3)
    await expect(secure('P3-BAD', await certificate())).rejects.toThrow('HTTP 401')
    expect(await securityEvents('P3-BAD')).toContain('InvalidChargingStationCertificate')
  })

  it('refuses a password instead of a certificate, and the downgrade to ws', async () => {
    await service.register('P3-DOWN', profile3)
    await expect(secure('P3-DOWN', { password: PASSWORD })).rejects.toThrow('HTTP 401')
    await expect(service.station('P3-DOWN')).rejects.toThrow('HTTP 403')
    expect(await securityEvents('P3-DOWN')).toContain('SecurityProfileDowngrade')
  })

  it('checks a resumed session like a new one', async () => {
    await service.register('P3-RESUME', profile3)
    const certificate = await presented({})
    const first = await secure('P3-RESUME', { ...certificate, maxVersion: 'TLSv1.2' })
    const session = (Reflect.get(first.socket, '_socket') as { getSession(): Buffer }).getSession()
    await first.close()
    const verdicts = certificates.verdicts
    const again = await secure('P3-RESUME', {
      ...certificate,
      maxVersion: 'TLSv1.2',
      session,
    } as ConnectOptions)
    expect((Reflect.get(again.socket, '_socket') as { isSessionReused(): boolean }).isSessionReused()).toBe(
      true,
    )
    expect(certificates.verdicts).toBe(verdicts + 1)
    await again.close()
    certificates.revoked.add(certificate.fingerprint)
    await expect(
      secure('P3-RESUME', { ...certificate, maxVersion: 'TLSv1.2', session } as ConnectOptions),
    ).rejects.toThrow('HTTP 401')
  })

  it('B01.FR.12: closes the connection where the serial number is not that of the certificate', async () => {
    await service.register('P3-SERIAL', profile3)
    const client = await secure('P3-SERIAL', await presented({}))
    const answer = await client.call('BootNotification', {
      reason: 'PowerUp',
      chargingStation: { model: 'M', vendorName: 'V', serialNumber: 'SN-99' },
    })
    expect(answer).toMatchObject({ type: 4, code: 'SecurityError' })
    expect((await client.closed()).code).toBe(1008)
  })

  it('reloads the certificates of the server without dropping connections', async () => {
    await service.register('P3-RELOAD', { securityProfile: 2 })
    const stays = await secure('P3-RELOAD', { password: PASSWORD })
    const renewed = await other.issue({ commonName: SERVER })
    service.server.reloadTls({ identities: [renewed] })
    expect(await stays.call('BootNotification', BOOT)).toMatchObject({ type: 3 })
    const fresh = await secure('P3-RELOAD', { password: PASSWORD, ca: other.pem })
    await boots(fresh)
    await expect(secure('P3-RELOAD', { password: PASSWORD })).rejects.toThrow(/certificate/)
  })
})

describe('unknown stations where the operator allows them to wait', () => {
  it('may connect and boot, and get nothing but Pending until they are registered', async () => {
    const waiting = await startService({ policy: { allowPendingEnrolment: true, maxPendingEnrolments: 2 } })
    const station = await connect(`${waiting.url}/NEW1`)
    expect(await station.call('Heartbeat', {})).toMatchObject({ type: 4, code: 'SecurityError' })
    expect(await station.call('BootNotification', BOOT)).toMatchObject({
      type: 3,
      payload: { status: 'Pending' },
    })
    expect((await waiting.store.stations.get('NEW1'))?.enrolment).toBe('pending')
    await connect(`${waiting.url}/NEW2`)
    await expect(connect(`${waiting.url}/NEW3`)).rejects.toThrow('HTTP 404')
    await waiting.stop()
  })
})

describe('a station that is told to move to a higher security profile', () => {
  it('TC_A_19_CSMS: may come with either until it has moved, and never with the lower one again', async () => {
    await service.register('A-19')
    // The certificate of the server was reloaded above: it is of the other authority by now.
    const before = await service.station('A-19')
    before.answer((action) =>
      action === 'SetVariables'
        ? {
            setVariableResult: [
              {
                attributeStatus: 'RebootRequired',
                component: { name: 'OCPPCommCtrlr' },
                variable: { name: 'NetworkConfigurationPriority' },
              },
            ],
          }
        : { status: 'Accepted' },
    )
    await expect(secure('A-19', { password: PASSWORD, ca: other.pem })).rejects.toThrow('HTTP 403')
    const { orders } = service.server
    await orders.place(
      'A-19',
      'SetNetworkProfile',
      {
        configurationSlot: 2,
        connectionData: {
          messageTimeout: 30,
          ocppCsmsUrl: 'wss://csms.example.com/ocpp',
          ocppInterface: 'Wired0',
          ocppTransport: 'JSON',
          ocppVersion: 'OCPP20',
          securityProfile: 2,
        },
      },
      { actor: 'test' },
    )
    await orders.place(
      'A-19',
      'SetVariables',
      {
        setVariableData: [
          {
            component: { name: 'OCPPCommCtrlr' },
            variable: { name: 'NetworkConfigurationPriority' },
            attributeValue: '2,1',
          },
        ],
      },
      { actor: 'test' },
    )
    const { order } = await orders.place('A-19', 'Reset', { type: 'OnIdle' }, { actor: 'test' })
    await before.close()
    // A station that cannot reach the new address comes back by the old one (A05, fallback).
    await boots(await service.station('A-19'))
    await expect(secure('A-19', { password: 'wrong-wrong-wrong', ca: other.pem })).rejects.toThrow('HTTP 401')
    await boots(await service.station('A-19'))
    await boots(await secure('A-19', { password: PASSWORD, ca: other.pem }))
    expect(await orders.get(order.id)).toMatchObject({ state: 'done', outcome: 'Rebooted' })
    expect((await service.store.stations.get('A-19'))?.securityProfile).toBe(2)
    await expect(service.station('A-19')).rejects.toThrow('HTTP 403')
    expect(await securityEvents('A-19')).toContain('SecurityProfileDowngrade')
  })
})
