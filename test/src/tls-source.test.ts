import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Config, loadConfig } from '../../src/config.ts'
import { secureContextOptions, type TlsMaterial } from '../../src/ocpp/tls.ts'
import { createTlsSource } from '../../src/tls-source.ts'
import { createTestCertificates, type TestCertificates } from './certificates/support.ts'

let certificates: TestCertificates
let config: Config
let material: TlsMaterial
let server: Server

beforeAll(async () => {
  certificates = await createTestCertificates()
  const { pki, ...rest } = loadConfig({ env: {} }).config
  config = { ...rest, pki: { ...pki, serverNames: ['csms.example.com', '127.0.0.1'] } }
  material = await createTlsSource(config, certificates.service).read()
  server = createServer(secureContextOptions(material))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  server.close()
  await certificates.close()
})

function handshake(ciphers: string): Promise<string> {
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const root = certificates.service.authorities.current('csms-root')?.certificate.toPem() ?? ''
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: root, ciphers, maxVersion: 'TLSv1.2' }, () => {
      resolve(socket.getCipher().name)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe("the server's own certificates", () => {
  it.each([
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-GCM-SHA384',
  ])('A00.FR.318: serve %s with nothing configured, and verify under our root', async (ciphers) => {
    expect(await handshake(ciphers)).toBe(ciphers)
  })

  it('are the same after a restart', async () => {
    expect(await createTlsSource(config, certificates.service).read()).toEqual(material)
  })

  it("make way for the operator's own RSA chain", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gridkeep-tls-'))
    const given = await certificates.service.serverIdentity(['other.example.com'], [], undefined, 'rsa')
    const [rsaCertFile, rsaKeyFile] = [join(folder, 'chain.pem'), join(folder, 'key.pem')]
    await writeFile(rsaCertFile, given.chainPem)
    await writeFile(rsaKeyFile, given.keyPem)
    const { ocpp } = config
    const source = createTlsSource(
      { ...config, ocpp: { ...ocpp, wss: { ...ocpp.wss, rsaCertFile, rsaKeyFile } } },
      certificates.service,
    )
    expect((await source.read()).identities).toEqual([
      material.identities[0],
      { certificateChainPem: given.chainPem, privateKeyPem: given.keyPem },
    ])
    await rm(folder, { recursive: true })
  })
})
