import { describe, expect, it } from 'vitest'
import { Certificate, certificateHashData, normaliseSerial, sameHashData } from '../../pki/index.ts'
import { makeCpoHierarchy, runTool } from './support.ts'

describe('certificate hash data', () => {
  const { root, sub1, sub2 } = makeCpoHierarchy()

  it('agrees with what openssl ocsp computes', () => {
    const text = runTool(
      [
        'bash',
        '-c',
        'openssl ocsp -sha256 -issuer issuer.pem -cert cert.pem -no_nonce -reqout /dev/null -req_text',
      ],
      { 'issuer.pem': sub1.certificate.toPem(), 'cert.pem': sub2.certificate.toPem() },
    ).toLowerCase()
    const data = certificateHashData(sub2.certificate, sub1.certificate)
    expect(text).toContain(data.issuerNameHash)
    expect(text).toContain(data.issuerKeyHash)
    expect(text).toContain(data.serialNumber)
    expect(data.issuerKeyHash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('takes a root as its own issuer and refuses a stranger', () => {
    expect(certificateHashData(root.certificate, root.certificate, 'SHA512').issuerNameHash).toHaveLength(128)
    expect(() => certificateHashData(sub2.certificate, root.certificate)).toThrow(/not the issuer/)
  })

  it.each([
    ['0x00AB12', 'ab12'],
    ['000', '0'],
    ['00', '0'],
    ['F0', 'f0'],
  ])('writes serial %s as %s', (input, expected) => {
    expect(normaliseSerial(input)).toBe(expected)
  })

  it('drops the sign octet of a serial with the high bit set', () => {
    const pem = runTool([
      'bash',
      '-c',
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -subj /CN=x -set_serial 0xFF01 -days 10',
    ])
    const certificate = Certificate.parse(pem)
    expect(certificate.serialHex).toBe('ff01')
  })

  it('compares without regard to case, prefix and zeros', () => {
    const data = certificateHashData(sub2.certificate, sub1.certificate)
    const shouted = {
      ...data,
      issuerNameHash: data.issuerNameHash.toUpperCase(),
      serialNumber: `0x0${data.serialNumber.toUpperCase()}`,
    }
    expect(sameHashData(data, shouted)).toBe(true)
    expect(sameHashData(data, { ...data, serialNumber: 'ab' })).toBe(false)
  })
})
