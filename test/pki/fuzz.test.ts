import { expect, it } from 'vitest'
import { fuzz } from '../bench/fuzz-pki.ts'

const INPUTS = Number(process.env.FUZZ_COUNT ?? 100_000)
const MAX_HEAP_GROWTH_BYTES = 256 * 1024 * 1024

it(`survives ${INPUTS} mutated certificates, requests, answers, lists and messages`, {
  timeout: 300_000,
}, () => {
  const report = fuzz(INPUTS)
  expect(report.failures).toEqual([])
  expect(report.inputs).toBe(INPUTS)
  expect(report.heapGrowthBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES)
  // The mutations reach deeper than the reader: refusals for reasons of meaning must be among them.
  expect(Object.keys(report.refused)).toEqual(
    expect.arrayContaining([
      'certificate: signature',
      'csr: signature-invalid',
      'crl: unknown',
      'ocsp-response: signature-invalid',
    ]),
  )
})
