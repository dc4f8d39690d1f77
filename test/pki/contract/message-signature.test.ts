import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findSignatureFault, rawSignature, signParts } from '../../../pki/contract/message-signature.ts'
import {
  Certificate,
  createSoftwareSigner,
  decodeCommonMessage,
  decodeV2gMessage,
  encodeFragment,
  PublicKey,
  type Signature,
} from '../../../pki/index.ts'

interface Vector {
  readonly name: string
  readonly schema: string
  readonly root: string
  readonly exi_hex: string
  readonly signer_cert_der_b64?: string
  readonly signature_valid?: boolean
}

const { vectors }: { vectors: Vector[] } = JSON.parse(
  readFileSync(new URL('../../fixtures/exi-pnc.json', import.meta.url), 'utf8'),
)
const signed = (prefix: string) =>
  vectors.filter(({ name, signature_valid }) => name.startsWith(prefix) && signature_valid === true)

describe('signatures that other stacks made', () => {
  it.each(signed('iso2-instreq').map((vector) => [vector.name, vector] as const))(
    'verify: %s',
    (_, vector) => {
      const { Header, Body } = decodeV2gMessage(Buffer.from(vector.exi_hex, 'hex'))
      if (!('CertificateInstallationReq' in Body)) throw new Error('not an installation request')
      const body = Body.CertificateInstallationReq
      const { publicKey } = Certificate.parse(body.OEMProvisioningCert)
      const part = { id: body.Id, readings: [() => encodeFragment('CertificateInstallationReq', body)] }
      expect(findSignatureFault('15118-2', Header.Signature, part, publicKey)).toBeUndefined()
    },
  )

  it('verify in -20', () => {
    const requests = vectors.filter(({ name }) => name.startsWith('iso20-instreq'))
    for (const vector of requests) {
      const message = decodeCommonMessage(Buffer.from(vector.exi_hex, 'hex'))
      if (!('CertificateInstallationReq' in message)) throw new Error('not an installation request')
      const { Header, OEMProvisioningCertificateChain: chain } = message.CertificateInstallationReq
      const { publicKey } = Certificate.parse(Buffer.from(vector.signer_cert_der_b64 ?? '', 'base64'))
      const part = {
        id: chain.Id,
        readings: [() => encodeFragment('OEMProvisioningCertificateChain', chain)],
      }
      expect(findSignatureFault('15118-20', Header.Signature, part, publicKey)).toBeUndefined()
    }
    expect(requests.length).toBeGreaterThan(1)
  })
})

describe('the four references of answers that other stacks made', () => {
  const answers = [...signed('iso2-instres'), ...signed('iso2-updres')]

  it.each(answers.map((vector) => [vector.name, vector] as const))('have our digests: %s', (_, vector) => {
    const { Header, Body } = decodeV2gMessage(Buffer.from(vector.exi_hex, 'hex'))
    const response = 'CertificateInstallationRes' in Body ? Body.CertificateInstallationRes : undefined
    const answer = response ?? ('CertificateUpdateRes' in Body ? Body.CertificateUpdateRes : undefined)
    if (answer === undefined || Header.Signature === undefined) throw new Error('not a signed answer')
    const fragments = [
      encodeFragment('ContractSignatureCertChain', answer.ContractSignatureCertChain),
      encodeFragment('ContractSignatureEncryptedPrivateKey', answer.ContractSignatureEncryptedPrivateKey),
      encodeFragment('DHpublickey', answer.DHpublickey),
      encodeFragment('eMAID', answer.eMAID),
    ]
    const { SignedInfo, SignatureValue } = Header.Signature
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const received = SignedInfo.Reference.map(({ DigestValue }) => Buffer.from(DigestValue).toString('hex'))
    expect(received.sort()).toEqual(fragments.map(digest).sort())
    const { publicKey } = Certificate.parse(Buffer.from(vector.signer_cert_der_b64 ?? '', 'base64'))
    const key = { key: publicKey.import(), dsaEncoding: 'ieee-p1363' } as const
    expect(verify('sha256', encodeFragment('SignedInfo', SignedInfo), key, SignatureValue.value)).toBe(true)
  })
})

describe('what is wrong with a signature', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = createSoftwareSigner(privateKey)
  const key = PublicKey.fromKeyObject(privateKey)
  const fragment = encodeFragment('eMAID', { Id: 'id4', value: 'DEGKP123456789' })
  const part = { id: 'id4', readings: [() => fragment] }
  const good = signParts('15118-2', [{ id: 'id4', fragment }], signer)

  /** Signs whatever SignedInfo is given: the attacker knows a key, but not the rules. */
  async function resigned(
    change: (info: Signature['SignedInfo']) => Signature['SignedInfo'],
  ): Promise<Signature> {
    const SignedInfo = change((await good).SignedInfo)
    const value = sign('sha256', encodeFragment('SignedInfo', SignedInfo), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return { SignedInfo, SignatureValue: { value } }
  }
  const withReference = (changes: object) =>
    resigned((info) => ({
      ...info,
      Reference: info.Reference.map((reference) => ({ ...reference, ...changes })),
    }))

  it('nothing, when it is right; also when the fragment is one of several readings', async () => {
    expect(findSignatureFault('15118-2', await good, part, key)).toBeUndefined()
    const readings = { id: 'id4', readings: [() => Uint8Array.of(1), () => fragment] }
    expect(findSignatureFault('15118-2', await good, readings, key)).toBeUndefined()
  })

  it.each<[string, () => Promise<Signature | undefined>, RegExp]>([
    ['there is none', async () => undefined, /no signature/],
    ['it covers something else', () => withReference({ URI: '#id5' }), /does not point to '#id4'/],
    [
      'it covers nothing by name',
      () => resigned((info) => ({ ...info, Reference: info.Reference.map(({ URI: _, ...rest }) => rest) })),
      /does not point/,
    ],
    [
      'it covers something more',
      () => resigned((info) => ({ ...info, Reference: [...info.Reference, ...info.Reference] })),
      /exactly one/,
    ],
    [
      'the digest is another',
      () => withReference({ DigestValue: new Uint8Array(32) }),
      /digest does not match/,
    ],
    [
      'the digest is of another kind',
      () => withReference({ DigestMethod: { Algorithm: 'http://www.w3.org/2000/09/xmldsig#sha1' } }),
      /digest is not sha256/,
    ],
    [
      'it has another transform',
      () =>
        withReference({
          Transforms: { Transform: [{ Algorithm: 'http://www.w3.org/TR/1999/REC-xslt-19991116' }] },
        }),
      /transform/,
    ],
    [
      'its transform has a parameter',
      () =>
        withReference({
          Transforms: {
            Transform: [{ Algorithm: 'http://www.w3.org/TR/canonical-exi/', XPath: ['/none'] }],
          },
        }),
      /without parameters/,
    ],
    [
      'its method has a length',
      () =>
        resigned((info) => ({
          ...info,
          SignatureMethod: { ...info.SignatureMethod, HMACOutputLength: 8n },
        })),
      /ECDSA does not know/,
    ],
    [
      'it names another algorithm',
      () =>
        resigned((info) => ({
          ...info,
          SignatureMethod: { Algorithm: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1' },
        })),
      /signature method/,
    ],
    [
      'it is canonicalized in another way',
      () =>
        resigned((info) => ({
          ...info,
          CanonicalizationMethod: { Algorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#' },
        })),
      /canonical/,
    ],
    [
      'its value is in DER',
      async () => ({ ...(await good), SignatureValue: { value: signer.sign(fragment) } }),
      /octets instead of 64/,
    ],
    [
      'its value was changed',
      async () => ({ ...(await good), SignatureValue: { value: new Uint8Array(64).fill(1) } }),
      /does not match the key/,
    ],
  ])('%s', async (_, make, fault) => {
    expect(findSignatureFault('15118-2', await make(), part, key)).toMatch(fault)
  })

  it('the key is of another protocol', async () => {
    const other = PublicKey.fromKeyObject(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey)
    expect(findSignatureFault('15118-2', await good, part, other)).toMatch(/not on P-256/)
  })
})

describe('raw signatures', () => {
  it.each([
    ['P-256', 32, 'sha256'],
    ['P-521', 66, 'sha512'],
  ] as const)('of %s always have the same length and verify', (namedCurve, fieldBytes, hash) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    for (let i = 0; i < 200; i++) {
      const data = Uint8Array.of(i)
      const raw = rawSignature(sign(hash, data, privateKey), fieldBytes)
      expect(raw).toHaveLength(2 * fieldBytes)
      expect(verify(hash, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
    }
  })

  it('are not made from something else', () => {
    expect(() => rawSignature(new Uint8Array(64), 32)).toThrow(/did not return an ECDSA signature/)
    expect(() => rawSignature(Uint8Array.of(0x30, 0x02, 0x02, 0x40), 32)).toThrow(/ECDSA/)
  })
})
