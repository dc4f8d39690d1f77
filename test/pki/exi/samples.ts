import type { SignedInfo, V2gMessage } from '../../../pki/exi/index.ts'

/** Small valid messages to vary in tests. */

export const CANONICAL_EXI = 'http://www.w3.org/TR/canonical-exi/'

export const signedInfo: SignedInfo = {
  CanonicalizationMethod: { Algorithm: CANONICAL_EXI },
  SignatureMethod: { Algorithm: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256' },
  Reference: [
    {
      URI: '#id1',
      Transforms: { Transform: [{ Algorithm: CANONICAL_EXI }] },
      DigestMethod: { Algorithm: 'http://www.w3.org/2001/04/xmlenc#sha256' },
      DigestValue: new Uint8Array(32).fill(7),
    },
  ],
}

export const installationReq: V2gMessage = {
  Header: { SessionID: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  Body: {
    CertificateInstallationReq: {
      Id: 'id1',
      OEMProvisioningCert: Uint8Array.of(0x30, 0x01, 0x00),
      ListOfRootCertificateIDs: {
        RootCertificateID: [{ X509IssuerName: 'CN=Root', X509SerialNumber: 17n }],
      },
    },
  },
}

/** A stream as a string of 0 and 1, for tests that change single bits. */
export function toBits(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(2).padStart(8, '0')).join('')
}

export function fromBits(bits: string): Uint8Array {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0')
  return Uint8Array.from({ length: padded.length / 8 }, (_, i) =>
    Number.parseInt(padded.slice(i * 8, i * 8 + 8), 2),
  )
}
