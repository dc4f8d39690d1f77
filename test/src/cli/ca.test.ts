import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Certificate } from '../../../pki/index.ts'
import { adoptAuthority } from '../../../src/certificates/adopting.ts'
import { runCli } from '../../../src/cli.ts'
import { createTestCertificates } from '../certificates/support.ts'

let folder: string
let output: string[]
let stdin = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gridkeep-cli-'))
  output = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string): string => join(folder, name)

async function gridkeep(...args: string[]): Promise<number> {
  const io = {
    out: (text: string) => output.push(text),
    err: (text: string) => output.push(text),
    env: { GRIDKEEP_PKI_PASSPHRASE: 'the offline passphrase' },
    interactive: false,
    signal: new AbortController().signal,
    readStdin: async () => stdin,
  }
  return runCli(args, io, {} as never)
}

test('a ceremony by files: init and sign on the offline machine, request and accept on the other', async () => {
  const offline = ['--data-dir', file('offline'), '--set', 'pki.organisation=Example CPO']
  expect(await gridkeep('ca', 'ceremony', 'init', 'v2g-root', ...offline), output.join('')).toBe(0)
  const root = Certificate.parse(output.join('').match(/-----BEGIN[\s\S]*END CERTIFICATE-----/)?.[0] ?? '')
  expect(root.subjectText).toContain('V2G Root CA')

  const online = await createTestCertificates({ offlineLines: ['v2g-root'], startMs: Date.now() + 60_000 })
  const options = { ...online.options, issuance: online.service.issuance }
  await adoptAuthority(options, online.service.authorities, {
    line: 'v2g-root',
    certificate: root,
    origin: 'imported',
    actor: 'cli',
  })
  const operation = await online.service.operations.submit(
    { kind: 'ceremony', what: 'authority', subject: 'cpo-sub1' },
    'alice',
  )
  writeFileSync(file('request.json'), JSON.stringify((operation.result as { request: object }).request))

  const sign = ['ca', 'ceremony', 'sign', file('request.json'), '--out', file('answer.json'), ...offline]
  stdin = 'no'
  expect(await gridkeep(...sign)).toBe(1)
  expect(output.join('')).toContain('sign the sub-CA "Example CPO CPO Sub-CA 1"')
  stdin = 'yes\n'
  expect(await gridkeep(...sign)).toBe(0)
  const done = await online.service.operations.answer(
    operation.id,
    readFileSync(file('answer.json'), 'utf8'),
    'alice',
  )
  expect(done.state).toBe('done')
  expect(online.service.authorities.signing('cpo-sub2').certificate.subjectText).toContain('CPO Sub-CA 2')
  writeFileSync(
    file('tampered.json'),
    readFileSync(file('request.json'), 'utf8').replace('cpo-sub1', 'cps-sub1'),
  )
  expect(
    await gridkeep('ca', 'ceremony', 'sign', file('tampered.json'), '--yes', '--out', file('x'), ...offline),
  ).toBe(1)
  expect(output.join('')).toContain('changed on the way')
  await online.close()
  expect(await gridkeep('ca', 'ceremony', 'init', 'cpo-sub1', ...offline)).toBe(2)
}, 60_000)

test('an existing root is imported from encrypted PKCS#8, and the passphrase of the folder is changed', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'root.key')
  openssl('pkcs8', '-topk8', '-in', 'root.key', '-out', 'root.p8', '-passout', 'pass:secret words')
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    'root.key',
    '-days',
    '3650',
    '-out',
    'root.pem',
    '-subj',
    '/O=Old/CN=Old Root',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  )
  writeFileSync(file('pw'), 'secret words\n')
  writeFileSync(file('new'), 'the new offline passphrase\n')
  const data = ['--data-dir', file('data')]
  const take = ['ca', 'import', 'station-root', '--cert', file('root.pem'), '--key', file('root.p8')]
  expect(await gridkeep(...take, ...data)).toBe(1)
  expect(await gridkeep(...take, '--password-file', file('pw'), '--json', ...data), output.join('')).toBe(0)
  expect(output.at(-1)).toContain('"hasKey":true')
  expect(output.join('')).not.toContain('PRIVATE KEY')
  expect(await gridkeep(...take, '--password-file', file('pw'), ...data)).toBe(1)
  expect(await gridkeep('ca', 'import', 'station-root', ...data)).toBe(2)
  expect(await gridkeep('ca', 'rotate-passphrase', '--new-passphrase-file', file('new'), ...data)).toBe(0)
  expect(await gridkeep('ca', 'ceremony', 'init', 'mo-root', ...data)).toBe(1)
}, 60_000)

test('a whole hierarchy is imported from a folder, issuers first, or nothing of it', async () => {
  const made = await createTestCertificates({ startMs: Date.now() + 60_000 })
  const from = file('their-pki')
  mkdirSync(from)
  for (const line of ['cpo-sub2', 'v2g-root', 'cpo-sub1'])
    writeFileSync(
      join(from, `${line}.pem`),
      made.service.authorities.current(line)?.certificate.toPem() ?? '',
    )
  const key = await made.keys.exportForTls('authority/cpo-sub2/1')
  writeFileSync(join(from, 'cpo-sub2.key'), key?.export({ type: 'pkcs8', format: 'pem' }) ?? '')
  await made.close()
  const data = ['--data-dir', file('data'), '--json']
  const take = ['ca', 'import-folder', from, ...data]

  writeFileSync(
    join(from, 'cpo-sub1.key'),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  )
  expect(await gridkeep(...take)).not.toBe(0)
  rmSync(join(from, 'cpo-sub1.key'))
  writeFileSync(join(from, 'cpo-sbu1.pem'), '')
  expect(await gridkeep(...take)).toBe(2)
  expect(output.at(-1)).toContain('cpo-sbu1.pem')
  rmSync(join(from, 'cpo-sbu1.pem'))

  output = []
  expect(await gridkeep(...take), output.join('')).toBe(0)
  expect(JSON.parse(output.join(''))).toMatchObject([
    { id: 'v2g-root', issuerId: null, hasKey: false },
    { id: 'cpo-sub1', issuerId: 'v2g-root', hasKey: false },
    { id: 'cpo-sub2', issuerId: 'cpo-sub1', hasKey: true },
  ])
})
