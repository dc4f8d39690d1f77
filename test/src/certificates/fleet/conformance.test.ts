import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'

it('docs/conformance/certificates.md says what the tests say, and no requirement of the CSMS is without a test', () => {
  expect(() =>
    execFileSync(process.execPath, ['tools/certificate-conformance.mjs', '--check'], { stdio: 'pipe' }),
  ).not.toThrow()
})
