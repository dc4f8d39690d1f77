/** Certificates for TLS tests: an authority, server and station certificates of any make. */

import 'reflect-metadata'
import { webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { StationCertificates } from '../../../src/certificates/ports.ts'
import type { TlsIdentity } from '../../../src/ocpp/tls.ts'
import { noCertificates } from './ocpp-service.ts'

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
}

export interface TestAuthority {
  readonly pem: string
  keyPair(rsa?: boolean): Promise<webcrypto.CryptoKeyPair>
  privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<string>
  issue(options: {
    commonName: string
    organisation?: string
    rsa?: boolean
    notAfter?: Date
    /** Keys to use instead of new ones. */
    keys?: webcrypto.CryptoKeyPair
  }): Promise<TlsIdentity & { readonly fingerprint: string }>
}

async function keyPair(rsa = false): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(rsa ? RSA : EC, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
}

async function privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
}

export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const keys = await keyPair()
  const day = 86_400_000
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: EC,
    notBefore: new Date(Date.now() - 2 * day),
    notAfter: new Date(Date.now() + day),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  let serial = 1
  return {
    pem: root.toString('pem'),
    keyPair,
    privateKeyPem,
    async issue(options) {
      const { commonName, organisation = 'Test CPO', rsa = false } = options
      const { notAfter = new Date(Date.now() + day), keys: leaf = await keyPair(rsa) } = options
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: (serial++).toString(16).padStart(4, '0'),
        subject: `CN=${commonName}, O=${organisation}`,
        issuer: root.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: EC,
        notBefore: new Date(Date.now() - 2 * day),
        notAfter,
        extensions: [
          new x509.BasicConstraintsExtension(false),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: commonName.replace(/[^A-Za-z0-9.-]/g, '-') },
          ]),
        ],
      })
      return {
        certificateChainPem: certificate.toString('pem'),
        privateKeyPem: await privateKeyPem(leaf),
        fingerprint: new X509Certificate(certificate.toString('pem')).fingerprint256,
      }
    },
  }
}

/** Judges station certificates as the certificate service does, against one authority. Counts its verdicts. */
export function judge(authority: TestAuthority): StationCertificates & {
  verdicts: number
  readonly revoked: Set<string>
} {
  const root = new X509Certificate(authority.pem)
  const state = {
    ...noCertificates,
    verdicts: 0,
    revoked: new Set<string>(),
    verifyStationCertificate: async (
      station: { serialNumber: string | null; organisation: string | null },
      chain: readonly Uint8Array[],
    ) => {
      state.verdicts++
      const leaf = new X509Certificate(chain[0] ?? new Uint8Array())
      const refuse = (reasonCode: string) => ({ ok: false as const, reasonCode, detail: leaf.subject })
      if (!leaf.verify(root.publicKey)) return refuse('UnknownAuthority')
      if (Date.parse(leaf.validTo) < Date.now()) return refuse('Expired')
      if (state.revoked.has(leaf.fingerprint256)) return refuse('Revoked')
      const subject = leaf.subject.split('\n')
      if (!subject.includes(`CN=${station.serialNumber}`)) return refuse('WrongCommonName')
      if (!subject.includes(`O=${station.organisation}`)) return refuse('WrongOrganisation')
      return { ok: true as const, fingerprint: leaf.fingerprint256 }
    },
  }
  return state
}
