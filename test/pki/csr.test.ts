import { describe, expect, it } from 'vitest'
import { type CsrPolicy, certificateProfile, inspectCsr, isAddressShaped, parseCsr } from '../../pki/index.ts'
import { opensslCsr, runTool } from './support.ts'

const policy = { organization: 'Test', commonName: 'SN-1' }
const reason = (csr: string | Uint8Array, rules: CsrPolicy = policy): string => {
  const verdict = inspectCsr(csr, rules)
  return verdict.ok ? 'ok' : verdict.reason
}

describe('csr', () => {
  const pem = opensslCsr({ subject: '/O=Test/CN=SN-1' })

  it('accepts the requests OpenSSL makes, whatever extensions they wish for', () => {
    expect(reason(pem)).toBe('ok')
    expect(
      reason(
        opensslCsr({ subject: '/O=Test/CN=SN-1', extra: ['-addext', 'basicConstraints=critical,CA:TRUE'] }),
      ),
    ).toBe('ok')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1', key: ['-newkey', 'rsa:2048'] }))).toBe('ok')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1', key: ['-newkey', 'ed25519'] }))).toBe('ok')
    expect(parseCsr(pem).publicKey.curve).toBe('P-256')
  })

  it('says why it refuses a request', () => {
    expect(reason(opensslCsr({ subject: '/O=Other/CN=SN-1' }))).toBe('organization-mismatch')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-2' }))).toBe('common-name-mismatch')
    expect(reason(opensslCsr({ subject: '/O=Test' }))).toBe('common-name-missing')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1/CN=SN-2' }))).toBe('common-name-missing')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=10.0.0.1' }))).toBe('common-name-is-address')
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1', key: ['-newkey', 'rsa:1024'] }))).toBe('key-weak')
    expect(
      reason(
        opensslCsr({
          subject: '/O=Test/CN=SN-1',
          key: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime192v1'],
        }),
      ),
    ).toBe('key-unsupported')
    const explicit = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-pkeyopt',
      'ec_param_enc:explicit',
    ]
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1', key: explicit }))).toBe('key-unsupported')
    expect(reason('x'.repeat(5501))).toBe('csr-too-large')
    expect(reason('hello')).toBe('csr-malformed')
    expect(reason(`${pem}${pem}`)).toBe('csr-malformed')
  })

  it('refuses keys that the profile will not take, and compressed points', () => {
    const profile = certificateProfile('secc-leaf')
    expect(reason(pem, { ...policy, profile })).toBe('ok')
    const p384 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1']
    expect(reason(opensslCsr({ subject: '/O=Test/CN=SN-1', key: p384 }), { ...policy, profile })).toBe(
      'key-unsupported',
    )
    const compressed = runTool([
      'bash',
      '-c',
      'openssl ecparam -name prime256v1 -genkey -noout | openssl ec -conv_form compressed -out k.pem && openssl req -new -key k.pem -subj /O=Test/CN=SN-1',
    ])
    expect(reason(compressed)).toBe('key-unsupported')
  })

  it('needs proof of possession', () => {
    const der = Buffer.from(
      runTool(['openssl', 'req', '-in', 'csr.pem', '-outform', 'DER'], { 'csr.pem': pem }),
      'latin1',
    )
    expect(reason(der)).toBe('ok')
    const at = der.indexOf('SN-1')
    der[at + 3] = 0x32
    expect(reason(der, { organization: 'Test', commonName: 'SN-2' })).toBe('signature-invalid')
  })

  it.each([
    ['https://x', true],
    ['www.example.com', true],
    ['station.example.com', true],
    ['example.com/path', true],
    ['example.com:443', true],
    ['192.168.1.20', true],
    ['fe80::1', true],
    ['[2001:db8::1]:443', true],
    ['DE*ABC*E12345', false],
    ['CS.0042', false],
    ['SN-1', false],
    ['00:11', false],
  ])('takes %s for an address: %s', (name, expected) => {
    expect(isAddressShaped(name)).toBe(expected)
  })
})
