import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { constructed } from '../../../pki/der.ts'
import { sequence, tlv } from '../../../pki/der-write.ts'
import { extension } from '../../../pki/extension-write.ts'
import { OID } from '../../../pki/index.ts'
import { type PathOutcome, runPaths } from '../../../src/conformance/paths.ts'
import { CA, dnsName, MINT_AT_MS, mint } from '../../pki/mint.ts'

const root = mint({ name: 'Root', extensions: CA })
const leaf = mint({ name: 'Leaf', issuer: root })
const valid = {
  id: 'good',
  trusted_certs: [root.certificate.toPem()],
  untrusted_intermediates: [],
  peer_certificate: leaf.certificate.toPem(),
  validation_time: new Date(MINT_AT_MS).toISOString(),
  expected_result: 'SUCCESS',
}

async function run(testcases: readonly unknown[]): Promise<{ passed: boolean; lines: PathOutcome[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-paths-'))
  const lines: PathOutcome[] = []
  try {
    const file = join(folder, 'cases.json')
    writeFileSync(file, JSON.stringify({ version: 1, testcases }))
    const passed = await runPaths(file, (line) => lines.push(JSON.parse(line)))
    return { passed, lines }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('conformance of paths', () => {
  it('passes over fields and features that it does not know', async () => {
    const odd = { ...valid, features: ['from-the-future'], signature_algorithms: ['X'], extra: { a: [1] } }
    expect(await run([valid, odd])).toMatchObject({
      passed: true,
      lines: [{ pass: true }, { pass: true }, { passed: 2 }],
    })
  })

  it('counts a case that cannot be asked as failed, and goes on', async () => {
    const broken = [
      null,
      'text',
      {},
      { ...valid, trusted_certs: undefined },
      { ...valid, peer_certificate: 5 },
      { ...valid, validation_time: 'yesterday' },
      { ...valid, expected_peer_name: { kind: 'SMOKE', value: 'x' } },
      { ...valid, key_usage: ['levitate'] },
      { ...valid, crls: [7] },
    ]
    const { passed, lines } = await run([...broken, valid])
    expect(passed).toBe(false)
    expect(lines.slice(0, broken.length).map(({ pass }) => pass)).toEqual(broken.map(() => false))
    expect(lines.at(-1)).toMatchObject({ total: broken.length + 1, passed: 1 })
  })

  it('holds the cases of x509-limbo to the rules for issuers, those of others to path validation', async () => {
    const quiet = extension(OID.nameConstraints, false, sequence(tlv(constructed(0), sequence(dnsName('')))))
    const ca = mint({ name: 'Not critical', issuer: root, extensions: [...CA, quiet] })
    const below = {
      ...valid,
      untrusted_intermediates: [ca.certificate.toPem()],
      peer_certificate: mint({ name: 'Below', issuer: ca }).certificate.toPem(),
    }
    const { lines } = await run([
      { ...below, id: 'suite::4.13.1' },
      { ...below, id: 'rfc5280::nc::not-critical', expected_result: 'FAILURE' },
    ])
    expect(lines.slice(0, 2)).toMatchObject([{ pass: true }, { pass: true }])
  })

  it('takes what cannot be read for absent, which is a refusal where it was needed', async () => {
    const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    const { lines } = await run([
      { ...valid, untrusted_intermediates: [garbage] },
      { ...valid, trusted_certs: [garbage], expected_result: 'FAILURE' },
      { ...valid, peer_certificate: garbage, expected_result: 'FAILURE' },
      { ...valid, crls: [garbage], expected_result: 'FAILURE' },
    ])
    expect(lines.slice(0, 4).map(({ pass }) => pass)).toEqual([true, true, true, true])
  })
})
