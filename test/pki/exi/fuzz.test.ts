import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeCommonMessage,
  decodeV2gMessage,
  ExiError,
  encodeV2gMessage,
  type V2gMessage,
} from '../../../pki/exi/index.ts'
import { run } from '../../bench/fuzz-exi.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const name = fc.string({ maxLength: 40, unit: 'binary' })

const chain = fc.record(
  {
    Id: name,
    Certificate: bytes(800),
    SubCertificates: fc.record({ Certificate: fc.array(bytes(800), { minLength: 1, maxLength: 4 }) }),
  },
  { requiredKeys: ['Certificate'] },
)

const roots = fc.record({
  RootCertificateID: fc.array(
    fc.record({ X509IssuerName: name, X509SerialNumber: fc.bigInt({ min: -(1n << 170n), max: 1n << 170n }) }),
    { minLength: 1, maxLength: 20 },
  ),
})

const header = fc.record(
  {
    SessionID: bytes(8),
    Notification: fc.record(
      { FaultCode: fc.constantFrom('ParsingError', 'UnknownError'), FaultMsg: name },
      { requiredKeys: ['FaultCode'] },
    ),
  },
  { requiredKeys: ['SessionID'] },
)

const secret = (length: number) => fc.record({ Id: name, value: bytes(length) })
const response = fc.record({
  ResponseCode: fc.constantFrom('OK', 'FAILED', 'FAILED_CertificateRevoked'),
  SAProvisioningCertificateChain: chain,
  ContractSignatureCertChain: chain,
  ContractSignatureEncryptedPrivateKey: secret(48),
  DHpublickey: secret(65),
  eMAID: fc.record({ Id: name, value: fc.string({ maxLength: 15, unit: 'binary' }) }),
})

const message = fc.record({
  Header: header,
  Body: fc.oneof(
    fc.record({
      CertificateInstallationReq: fc.record({
        Id: name,
        OEMProvisioningCert: bytes(800),
        ListOfRootCertificateIDs: roots,
      }),
    }),
    fc.record({
      CertificateUpdateReq: fc.record({
        Id: name,
        ContractSignatureCertChain: chain,
        eMAID: fc.string({ maxLength: 15 }),
        ListOfRootCertificateIDs: roots,
      }),
    }),
    fc.record({ CertificateInstallationRes: response }),
    fc.record({
      CertificateUpdateRes: fc
        .tuple(response, fc.integer({ min: -32768, max: 32767 }))
        .map(([fields, RetryCounter]) => ({ ...fields, RetryCounter })),
    }),
  ),
})

describe('any message of the tables', () => {
  it('comes back from its own encoding', () => {
    fc.assert(
      fc.property(message, (generated) => {
        // The generator picks from plain strings; the tables know the narrower enumerations.
        const typed = generated as V2gMessage
        expect(decodeV2gMessage(encodeV2gMessage(typed))).toEqual(generated)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the decoder under hostile input', () => {
  it('refuses arbitrary bytes with an ExiError or reads them', () => {
    fc.assert(
      fc.property(bytes(400), fc.boolean(), (input, withHeader) => {
        const stream = withHeader ? Uint8Array.of(0x80, ...input) : input
        for (const decode of [decodeV2gMessage, decodeCommonMessage]) {
          try {
            decode(stream)
          } catch (error) {
            expect(error).toBeInstanceOf(ExiError)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('survives 100,000 mutations of the reference streams', { timeout: 120_000 }, async () => {
    const lines: string[] = []
    const report = await run((line) => lines.push(line), 100_000)
    expect(report.failures).toEqual([])
    expect(report.accepted).toBeGreaterThan(1000)
    expect(Object.keys(report.refused).length).toBeGreaterThan(4)
    expect(lines).toHaveLength(1)
  })
})
