import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type CertificateInstallationReq2,
  decodeCommonMessage,
  decodeFragment,
  decodeToMirror,
  decodeV2gMessage,
  ExiError,
  encodeCommonMessage,
  encodeFragment,
  encodeFromMirror,
  encodeV2gMessage,
  ISO_2_SCHEMA,
  type Signature,
  type V2gMessage,
} from '../../../pki/exi/index.ts'
import { fromBits, installationReq, signedInfo, toBits } from './samples.ts'

function errorOf(action: () => unknown): ExiError {
  try {
    action()
  } catch (error) {
    if (error instanceof ExiError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

function withHeader(header: Partial<V2gMessage['Header']>): V2gMessage {
  return { ...installationReq, Header: { ...installationReq.Header, ...header } }
}

const stream = encodeV2gMessage(installationReq)

describe('whole messages', () => {
  it('have types that follow from the tables', () => {
    expectTypeOf<CertificateInstallationReq2['Id']>().toEqualTypeOf<string>()
    expectTypeOf<V2gMessage['Header']['Signature']>().toEqualTypeOf<Signature | undefined>()
    expectTypeOf<
      CertificateInstallationReq2['ListOfRootCertificateIDs']['RootCertificateID'][number]['X509SerialNumber']
    >().toEqualTypeOf<bigint>()
  })

  it('come back as they were, with and without every optional part of the header', () => {
    const signature: Signature = { SignedInfo: signedInfo, SignatureValue: { value: new Uint8Array(64) } }
    for (const message of [
      installationReq,
      withHeader({ Notification: { FaultCode: 'UnknownError' } }),
      withHeader({ Notification: { FaultCode: 'ParsingError', FaultMsg: 'Grüße 🚗' } }),
      withHeader({ Signature: signature }),
      withHeader({
        Notification: { FaultCode: 'NoTLSRootCertificatAvailable', FaultMsg: '' },
        Signature: signature,
      }),
      withHeader({ SessionID: new Uint8Array(0) }),
    ]) {
      expect(decodeV2gMessage(encodeV2gMessage(message))).toEqual(message)
    }
  })

  it('carry the rarely used parts of XML signatures as well', () => {
    const signature: Signature = {
      Id: 's1',
      SignedInfo: {
        ...signedInfo,
        Id: 'si',
        SignatureMethod: { ...signedInfo.SignatureMethod, HMACOutputLength: 128n },
        Reference: [
          { DigestMethod: { Algorithm: 'a' }, DigestValue: Uint8Array.of(1) },
          {
            Id: 'r',
            Type: 't',
            Transforms: { Transform: [{ Algorithm: 'b', XPath: ['//x', '//y'] }, { Algorithm: 'c' }] },
            DigestMethod: { Algorithm: 'd' },
            DigestValue: Uint8Array.of(2),
          },
        ],
      },
      SignatureValue: { Id: 'sv', value: Uint8Array.of(3) },
      KeyInfo: {
        Id: 'k',
        KeyName: ['name'],
        KeyValue: [{ RSAKeyValue: { Modulus: Uint8Array.of(4), Exponent: Uint8Array.of(5) } }],
        X509Data: [
          {
            X509IssuerSerial: [{ X509IssuerName: 'CN=x', X509SerialNumber: -1n }],
            X509Certificate: [Uint8Array.of(6), Uint8Array.of(7)],
          },
        ],
        PGPData: [{ PGPKeyPacket: Uint8Array.of(8) }],
      },
      Object: [{ Encoding: 'e', Id: 'o', MimeType: 'm' }, {}],
    }
    const message = withHeader({ Signature: signature })
    expect(decodeV2gMessage(encodeV2gMessage(message))).toEqual(message)
  })

  it('leave out optional lists that are empty', () => {
    const bare = { SignedInfo: signedInfo, SignatureValue: { value: Uint8Array.of(1) } }
    const encoded = encodeV2gMessage(withHeader({ Signature: { ...bare, Object: [] } }))
    expect(decodeV2gMessage(encoded)).toEqual(withHeader({ Signature: bare }))
  })

  it('keep serial numbers of any size and sign', () => {
    for (const serial of [0n, -1n, -129n, 2n ** 53n + 1n, 2n ** 159n - 1n, -(2n ** 300n)]) {
      const message: V2gMessage = {
        ...installationReq,
        Body: {
          CertificateInstallationReq: {
            Id: 'x',
            OEMProvisioningCert: Uint8Array.of(1),
            ListOfRootCertificateIDs: {
              RootCertificateID: [{ X509IssuerName: '', X509SerialNumber: serial }],
            },
          },
        },
      }
      expect(decodeV2gMessage(encodeV2gMessage(message))).toEqual(message)
    }
  })
})

describe('a list that holds its maximum', () => {
  const chain = {
    Id: 'c',
    Certificate: Uint8Array.of(1),
    SubCertificates: { Certificate: [1, 2, 3, 4].map((n) => Uint8Array.of(n)) },
  }
  const schemaForm = encodeFragment('ContractSignatureCertChain', chain)
  // The stream ends with EE of the list, EE of the chain (one bit each) and the end code 11110100.
  const bits = toBits(schemaForm)
  const listEnd = bits.lastIndexOf('1') + 3 - 8 - 2

  it('is read as the specification has it', () => {
    expect(decodeFragment('ContractSignatureCertChain', schemaForm)).toEqual(chain)
  })

  it('is read in the loop form of libcbv2g', () => {
    const loopForm = fromBits(`${bits.slice(0, listEnd)}01${bits.slice(listEnd + 1)}`)
    expect(decodeFragment('ContractSignatureCertChain', loopForm)).toEqual(chain)
  })

  it('is refused when one more element follows, in either form', () => {
    const oneMore = fromBits(`${bits.slice(0, listEnd)}00${bits.slice(listEnd + 1)}`)
    expect(errorOf(() => decodeFragment('ContractSignatureCertChain', oneMore)).code).toBe('exi-event')
    const five = { ...chain, SubCertificates: { Certificate: [1, 2, 3, 4, 5].map((n) => Uint8Array.of(n)) } }
    expect(errorOf(() => encodeFragment('ContractSignatureCertChain', five)).message).toMatch(
      /more than it may hold/,
    )
  })
})

describe('streams that are not what they should be', () => {
  it('are refused with the bit offset, the element path and the expected productions', () => {
    // Notification (code 0) in place of the body's end: turn the two bits after SessionID from 10 to 11.
    const at = 8 + 7 + 1 + 1 + 1 + 8 + 64 + 1
    const bits = toBits(stream)
    const error = errorOf(() => decodeV2gMessage(fromBits(`${bits.slice(0, at)}11${bits.slice(at + 2)}`)))
    expect(error.code).toBe('exi-unsupported')
    expect(error.bitOffset).toBe(at)
    expect(error.path).toEqual(['V2G_Message', 'Header'])
    expect(error.expected).toEqual(['SE(Notification)=0', 'SE(Signature)=1', 'EE=2'])
    expect(error.message).toContain(`bit ${at} in V2G_Message/Header`)
  })

  it.each([
    ['another header byte', Uint8Array.of(0xa0, ...stream.slice(1)), 'exi-header'],
    ['the $EXI cookie', Uint8Array.from(Buffer.concat([Buffer.from('$EXI'), stream])), 'exi-header'],
    ['no bytes', new Uint8Array(0), 'exi-truncated'],
    ['only the header', Uint8Array.of(0x80), 'exi-truncated'],
    ['another root element', Uint8Array.of(0x80, 0x02, ...stream.slice(2)), 'exi-unsupported'],
    ['a byte too many', Uint8Array.of(...stream, 0), 'exi-trailing'],
    ['a byte too few', stream.slice(0, -1), 'exi-truncated'],
    ['more than any message can have', new Uint8Array(65537).fill(0x80), 'exi-too-long'],
  ])('are refused: %s', (_, bytes, code) => {
    expect(errorOf(() => decodeV2gMessage(bytes)).code).toBe(code)
  })

  it('are refused when the body is another message of the schema', () => {
    const at = toBits(stream).indexOf('000101', 8 + 7 + 1 + 1 + 1 + 8 + 64 + 1 + 2)
    const bits = toBits(stream)
    const error = errorOf(() => decodeV2gMessage(fromBits(`${bits.slice(0, at)}000000${bits.slice(at + 6)}`)))
    expect(error.message).toMatch(/code 0 of 6 bits.*CertificateInstallationReq\)=5/)
  })

  it('are refused when a string uses the string table', () => {
    const bits = toBits(encodeFragment('eMAID', { Id: 'a', value: 'b' }))
    const idLengthAt = 8 + 8 + 9
    for (const hit of ['00000000', '00000001']) {
      const error = errorOf(() =>
        decodeFragment('eMAID', fromBits(bits.slice(0, idLengthAt) + hit + bits.slice(idLengthAt + 8))),
      )
      expect(error.message).toMatch(/bit 25 in eMAID\/@Id.*string-table hit/)
    }
  })

  it('are refused when they claim more octets or characters than there are', () => {
    const long = encodeFragment('CertificateInstallationReq', {
      Id: 'i',
      OEMProvisioningCert: new Uint8Array(700),
      ListOfRootCertificateIDs: {
        RootCertificateID: [{ X509IssuerName: 'x'.repeat(200), X509SerialNumber: 1n }],
      },
    })
    expect(errorOf(() => decodeFragment('CertificateInstallationReq', long.slice(0, 300))).code).toBe(
      'exi-truncated',
    )
    expect(errorOf(() => decodeFragment('CertificateInstallationReq', long.slice(0, 750))).code).toBe(
      'exi-truncated',
    )
  })

  it('are refused when they hold the fragment of another element', () => {
    const emaid = encodeFragment('eMAID', { Id: 'a', value: 'b' })
    expect(errorOf(() => decodeFragment('DHpublickey', emaid)).code).toBe('exi-unsupported')
  })

  it('are refused in -20 when they are -2, and the other way round', () => {
    expect(errorOf(() => decodeCommonMessage(stream)).code).toBe('exi-unsupported')
    const common = encodeCommonMessage({
      CertificateInstallationReq: {
        Header: { SessionID: new Uint8Array(8), TimeStamp: 1n },
        OEMProvisioningCertificateChain: { Id: 'a', Certificate: Uint8Array.of(1) },
        ListOfRootCertificateIDs: { RootCertificateID: [{ X509IssuerName: 'x', X509SerialNumber: 1n }] },
        MaximumContractCertificateChains: 1,
        PrioritizedEMAIDs: { EMAID: ['DEABC'] },
      },
    })
    expect(decodeCommonMessage(common)).toHaveProperty(
      'CertificateInstallationReq.MaximumContractCertificateChains',
      1,
    )
    expect(errorOf(() => decodeV2gMessage(common)).code).toBe('exi-unsupported')
  })
})

describe('values that do not fit the tables', () => {
  const mirror = () => decodeToMirror(stream, 'document', ISO_2_SCHEMA)
  const changed = (change: (body: Record<string, unknown>) => void) => {
    const fields = structuredClone(mirror()) as {
      V2G_Message: { Body: { CertificateInstallationReq: Record<string, unknown> } }
    }
    change(fields.V2G_Message.Body.CertificateInstallationReq)
    return errorOf(() => encodeFromMirror(fields, 'document', ISO_2_SCHEMA))
  }

  it('are refused when an element is missing, with what should be there', () => {
    const error = changed((body) => {
      delete body.OEMProvisioningCert
    })
    expect(error.code).toBe('exi-encode')
    expect(error.path).toEqual(['V2G_Message', 'Body', 'CertificateInstallationReq'])
    expect(error.expected).toEqual(['SE(OEMProvisioningCert)=0'])
  })

  it('are refused when they hold something the schema does not know', () => {
    const error = changed((body) => {
      body.OEMProvisioningCertificate = 'AA=='
    })
    expect(error.message).toContain('OEMProvisioningCertificate cannot stand here')
  })

  it('are refused when a value is too long or of the wrong kind', () => {
    const tooLong = changed((body) => {
      body.OEMProvisioningCert = Buffer.alloc(801).toString('base64')
    })
    expect(tooLong.message).toMatch(/801 octets, at most 800/)
    const wrongSerial = changed((body) => {
      body.ListOfRootCertificateIDs = {
        RootCertificateID: [{ X509IssuerName: 'a', X509SerialNumber: 'twelve' }],
      }
    })
    expect(wrongSerial.message).toMatch(/'twelve' is not an xs:integer/)
    const emptyList = changed((body) => {
      body.ListOfRootCertificateIDs = { RootCertificateID: [] }
    })
    expect(emptyList.expected).toEqual(['SE(RootCertificateID)=0'])
  })
})
