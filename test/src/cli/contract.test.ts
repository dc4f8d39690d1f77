import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contractAdministration } from '../../../src/certificates/contracts/administration.ts'
import { createRoot, createSub, issue } from '../../pki/contract/hierarchy.ts'
import { createOem, createPool, type PncWorld, startPnc } from '../../support/pnc.ts'
import { createTestApi, type TestApi } from '../http/harness.ts'
import { run } from './harness.ts'

const PCID = 'WGKTESTCAR1234567X'
const folder = mkdtempSync(join(tmpdir(), 'gridkeep-cli-contract-'))

let world: PncWorld
let api: TestApi
let env: Record<string, string>
beforeAll(async () => {
  world = await startPnc({
    oemTrusted: false,
    pools: [{ name: 'hosted', pool: createPool(PCID), roots: 'propose' }],
  })
  api = await createTestApi({ store: world.store, contracts: contractAdministration(world.contracts) })
  env = { GRIDKEEP_URL: await api.listen(), GRIDKEEP_API_KEY: api.keys.security }
})
afterAll(async () => {
  await world.contracts.stop()
  await world.certificates.stop()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

describe('contract', () => {
  test('create, list, suspend, resume and terminate act on the running service', async () => {
    const created = await run(`contract create DE-GKP-123456789 ${PCID} --priority 7 --json`, { env })
    expect(created.code, created.err).toBe(0)
    const { id } = JSON.parse(created.out)
    expect((await run(`contract list --pcid ${PCID}`, { env })).out).toMatch(
      /DEGKP123456789 +WGKTEST\w+ +offered +7/,
    )
    for (const [command, state] of [
      ['suspend', 'suspended'],
      ['resume', 'offered'],
      ['terminate', 'terminated'],
    ])
      expect(JSON.parse((await run(`contract ${command} ${id} --json`, { env })).out).state).toBe(state)
    const again = await run(`contract terminate ${id} --json`, { env })
    expect(again.code).toBe(1)
    expect(JSON.parse(again.err).error.code).toBe('contract.wrong-state')
  })

  test('create says what is wrong with an eMAID', async () => {
    const { code, err } = await run(`contract create DE83DUIEN83QGZA ${PCID}`, { env })
    expect(code).toBe(1)
    expect(err).toContain('check digit')
  })

  test('import reads a chain and an encrypted key, and the passphrase from standard input', async () => {
    const root = createRoot('15118-2', 'mo-root', 'CLI MO Root')
    const sub = createSub(root, '15118-2', 'mo-sub2', 'CLI MO Sub')
    const { certificate, privateKey } = issue(sub, '15118-2', 'contract', 'NLCLI000000001')
    const chain = file('chain.pem', certificate.toPem() + sub.certificate.toPem())
    const passphrase = 'open sesame'
    const key = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    const command = `contract import ${PCID} --certificate ${chain} --key ${file('key.pem', key.toString())} --passphrase-stdin`
    expect((await run(command, { env, stdin: passphrase })).err).toContain('trust pool')
    expect((await run(`trust add mo ${file('root.pem', root.certificate.toPem())}`, { env })).code).toBe(0)
    const wrong = await run(command, { env, stdin: 'guess' })
    expect([wrong.code, wrong.err.includes('guess')]).toEqual([1, false])
    const right = await run(command, { env, stdin: `${passphrase}\n` })
    expect(right.out).toMatch(/NLCLI000000001 .* import/)
  })

  test('import wants one kind of file', async () => {
    expect((await run(`contract import ${PCID}`, { env })).code).toBe(2)
    expect((await run(`contract import ${PCID} --p12 ${folder}/none.p12`, { env })).code).toBe(2)
  })
})

test('vehicle and trust: put, block, add, list, remove', async () => {
  const pcid = 'WGKTESTCAR1234500A'
  await run(['vehicle', 'put', pcid, '--description', 'Van 7', '--blocked'], { env })
  expect((await run('vehicle list', { env })).out).toMatch(/WGKTESTCAR1234500A +blocked +Van 7/)
  const oem = createOem('15118-2', 'CLI')
  const added = await run(`trust add OEM ${file('oem.pem', oem.pem)} --json`, { env })
  const [first] = JSON.parse(added.out).items
  expect((await run('trust list', { env })).out).toContain('CLI Root')
  expect((await run(`trust remove OEM ${first.fingerprint}`, { env })).out).toContain('not trusted any more')
  expect((await run(`trust remove OEM ${first.fingerprint}`, { env })).code).toBe(1)
})

describe('what providers list', () => {
  test('is imported, shown and decided on; the sub-CAs of a car are looked up', async () => {
    expect((await run('trust import', { env })).out).toMatch(/hosted +OEM +2 +1 +0 +1/)
    const listed = await run('trust proposals --state open --json', { env })
    const [{ fingerprint }] = JSON.parse(listed.out).items
    expect((await run(`vehicle lookup ${PCID}`, { env })).err).toContain('first')
    expect((await run(`trust accept oem ${fingerprint}`, { env })).out).toMatch(/OEM +accepted +hosted/)
    expect((await run(`vehicle lookup ${PCID}`, { env })).out).toContain('Pooled Sub2')
    expect((await run(`vehicle lookup ${PCID}`, { env })).out).toContain('known here already')
    expect((await run(`trust reject oem ${fingerprint}`, { env })).out).toMatch(/OEM +rejected/)
    expect((await run('trust proposals --state open', { env })).out).toContain('No proposals')
  })
})
