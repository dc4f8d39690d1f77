/** The certificate service and its listeners over an in-memory store, for tests with openssl and curl. */

import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { certificateProfile, PublicKey } from '../../../pki/index.ts'
import { createEventHub } from '../../../src/bus/hub.ts'
import type { StationBus } from '../../../src/bus/ports.ts'
import {
  type CertificateService,
  type CertificateServiceOptions,
  createCertificateService,
} from '../../../src/certificates/service.ts'
import { loadConfig } from '../../../src/config.ts'
import type { KeyStore } from '../../../src/keys/ports.ts'
import { type PkiListeners, startPkiListeners } from '../../../src/pki-listeners.ts'
import { hashPassword } from '../../../src/stations/credentials.ts'
import type { IssuedCertificate } from '../../../src/store/certificates.ts'
import type { Store } from '../../../src/store/ports.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import type { Station } from '../../../src/store/stations.ts'
import { createTlsSource } from '../../../src/tls-source.ts'
import { openTestKeys } from '../../support/key-stores.ts'

export const PASSWORD = 'a-password-of-24-letters'
export const ORGANISATION = 'Example CPO'

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface PkiTestService {
  readonly store: Store
  readonly keys: KeyStore
  readonly certificates: CertificateService
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  readonly estUrl: string
  readonly folder: string
  /** Moves the clock of the service ahead of the real one. */
  advance(ms: number): void
  now(): number
  /** Runs a program in the folder; never rejects for its exit code. */
  run(program: string, ...args: string[]): Promise<CommandResult>
  file(name: string): string
  write(name: string, content: string | Uint8Array): Promise<string>
  read(name: string): Promise<Buffer>
  station(id: string, change?: Partial<Station>): Promise<Station>
  /** A leaf of a line under a key made by openssl as NAME.key; its certificate is NAME.pem. */
  leaf(name: string, line?: string, stationId?: string): Promise<IssuedCertificate>
  /** Writes LINE.pem and LINE-chain.pem (up to the root). */
  writeAuthority(line: string): Promise<void>
  close(): Promise<void>
}

const bus: StationBus = {
  call: async () => ({ kind: 'offline' }),
  isOnline: () => false,
  onlineStations: () => [],
  disconnect: () => undefined,
}

export async function startPkiService(
  change: Partial<CertificateServiceOptions> & {
    readonly withPublicUrl?: boolean
    readonly perStationPerHour?: number
  } = {},
): Promise<PkiTestService> {
  const folder = await mkdtemp(join(tmpdir(), 'gridkeep-pki-'))
  const store = change.store ?? createSqliteStore(':memory:')
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs }
  const log = pino({ level: 'silent' })
  const keys = change.keys ?? (await openTestKeys(store.keyBlobs))
  const { config } = loadConfig({
    flags: {
      'pki.organisation': ORGANISATION,
      'pkiHttp.port': '0',
      'pkiHttp.est.port': '0',
      'pkiHttp.est.enabled': 'true',
      'pkiHttp.est.perStationPerHour': String(change.perStationPerHour ?? 30),
    },
  })
  const certificates = await createCertificateService({
    hub: createEventHub((error) => {
      throw error
    }),
    clock,
    log,
    random: (bytes) => randomBytes(bytes),
    newId: randomUUID,
    organisation: ORGANISATION,
    sweepMs: 1_000_000,
    upkeepMs: 1_000_000,
    ...(change.withPublicUrl ? { publicUrl: 'http://pki.example.com' } : {}),
    ...change,
    store,
    keys,
  })
  certificates.start(bus)
  const tls = createTlsSource(config, certificates)
  const listeners: PkiListeners = await startPkiListeners({
    config,
    certificates,
    store,
    clock,
    log,
    readTls: () => tls.read(),
  })
  const file = (name: string): string => join(folder, name)

  const service: PkiTestService = {
    store,
    keys,
    certificates,
    url: listeners.urls.pki ?? '',
    estUrl: (listeners.urls.est ?? '').replace('127.0.0.1', 'localhost'),
    folder,
    advance: (ms) => {
      aheadMs += ms
    },
    now: clock.now,
    run: (program, ...args) => run(folder, program, args),
    file,
    write: async (name, content) => {
      await writeFile(file(name), content)
      return file(name)
    },
    read: (name) => readFile(file(name)),
    async station(id, registration = {}) {
      return store.stations.put(
        {
          id,
          enrolment: 'active',
          registration: 'Accepted',
          securityProfile: 2,
          passwordHash: await hashPassword(PASSWORD, { logN: 8, r: 8, p: 1 }),
          serialNumber: null,
          organisation: null,
          group: null,
          ...registration,
        },
        new Date(clock.now()).toISOString(),
      )
    },
    async leaf(name, line = 'cpo-sub2', stationId) {
      await run(folder, 'openssl', [
        'ecparam',
        '-name',
        'prime256v1',
        '-genkey',
        '-noout',
        '-out',
        `${name}.key`,
      ])
      await run(folder, 'openssl', [
        'ec',
        '-in',
        `${name}.key`,
        '-pubout',
        '-outform',
        'DER',
        '-out',
        `${name}.spki`,
      ])
      const certificate = await certificates.issuance.issue({
        authority: certificates.authorities.signing(line),
        profile: certificateProfile(line === 'station-ca' ? 'station-client' : 'secc-leaf'),
        subject: { commonName: name, organization: ORGANISATION },
        publicKey: PublicKey.parse(await readFile(file(`${name}.spki`))),
        stationId: stationId ?? null,
      })
      await writeFile(file(`${name}.pem`), certificate.toPem())
      const record = await store.certificates.byFingerprint(certificate.fingerprint)
      if (!record) throw new Error('The certificate was issued but not recorded')
      return record
    },
    async writeAuthority(line) {
      const authority = certificates.authorities.current(line)
      if (!authority) throw new Error(`There is no authority ${line}`)
      await writeFile(file(`${line}.pem`), authority.certificate.toPem())
      const chain = certificates.authorities.chain(authority.record.id)
      await writeFile(file(`${line}-chain.pem`), chain.map(({ certificate }) => certificate.toPem()).join(''))
    },
    async close() {
      await listeners.close()
      await certificates.stop()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return service
}

function run(folder: string, program: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      program,
      [...args],
      { cwd: folder, timeout: 20_000, maxBuffer: 10_000_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ code, stdout, stderr })
      },
    )
  })
}
