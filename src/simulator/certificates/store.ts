import { X509Certificate } from 'node:crypto'
import { Certificate, certificateHashData, sameHashData } from '../../../pki/index.ts'
import type {
  CertificateHashDataChainType,
  CertificateHashDataType,
  DeleteCertificateStatusEnumType,
  GetCertificateIdUseEnumType,
  InstallCertificateStatusEnumType,
  InstallCertificateUseEnumType,
} from '../../ocpp/v201/messages.generated.ts'

export interface InstalledRoot {
  readonly use: InstallCertificateUseEnumType
  readonly certificate: Certificate
}

/** A leaf with its sub-CAs, leaf first, and the key that only this station has. */
export interface OwnCertificate {
  readonly chain: readonly [Certificate, ...Certificate[]]
  readonly chainPem: string
  readonly keyPem: string
}

export interface InstallRules {
  readonly nowMs: number
  readonly maxEntries: number
  readonly additionalRootCheck: boolean
}

export interface InstallVerdict {
  readonly status: InstallCertificateStatusEnumType
  readonly reason?: string
  readonly certificate?: Certificate
}

/** The certificates in the station's secure storage. */
export class CertificateStore {
  #roots: InstalledRoot[] = []
  #station: OwnCertificate | undefined
  #v2g: OwnCertificate[] = []

  get station(): OwnCertificate | undefined {
    return this.#station
  }

  get v2gChains(): readonly OwnCertificate[] {
    return this.#v2g
  }

  get entries(): number {
    return this.#roots.length + this.#v2g.length + (this.#station === undefined ? 0 : 1)
  }

  roots(use: InstallCertificateUseEnumType): readonly Certificate[] {
    return this.#roots.filter((root) => root.use === use).map((root) => root.certificate)
  }

  /** M05: what a careful station installs, and what it refuses. */
  install(use: InstallCertificateUseEnumType, pem: string, rules: InstallRules): InstallVerdict {
    let certificate: Certificate
    try {
      certificate = Certificate.parse(pem)
    } catch {
      return { status: 'Rejected', reason: 'InvalidCertificate' }
    }
    const reason = this.#refusal(use, certificate, rules)
    if (reason !== undefined) return { status: 'Rejected', reason }
    if (this.#holds(use, certificate)) return { status: 'Accepted', certificate }
    if (this.entries >= rules.maxEntries) return { status: 'Failed', reason: 'StorageFull' }
    this.#roots.push({ use, certificate })
    return { status: 'Accepted', certificate }
  }

  setStation(own: OwnCertificate): void {
    this.#station = own
  }

  /** The newest chain replaces the one for the same subject. */
  addV2g(own: OwnCertificate): void {
    const [leaf] = own.chain
    this.#v2g = [...this.#v2g.filter((other) => other.chain[0].subjectKey !== leaf.subjectKey), own]
  }

  /** M03: what is installed, as the station names it. */
  list(types: readonly GetCertificateIdUseEnumType[] | undefined): CertificateHashDataChainType[] {
    const wanted = (use: GetCertificateIdUseEnumType) => types === undefined || types.includes(use)
    const roots = this.#roots
      .filter((root) => wanted(root.use))
      .map((root) => ({
        certificateType: root.use,
        certificateHashData: hashOf(root.certificate, this.#signerOf(root.certificate)),
      }))
    const chains = wanted('V2GCertificateChain') ? this.#v2g.flatMap((own) => this.#chainEntry(own)) : []
    return [...roots, ...chains]
  }

  /** M04: by the hash that the CSMS learned from `list`. */
  remove(hash: CertificateHashDataType): DeleteCertificateStatusEnumType {
    if (this.#names(this.#station, hash)) return 'Failed'
    const chains = this.#v2g.filter((own) => !this.#names(own, hash))
    if (chains.length < this.#v2g.length) {
      this.#v2g = chains
      return 'Accepted'
    }
    const root = this.#roots.find(({ certificate }) =>
      matches(certificate, this.#signerOf(certificate), hash),
    )
    if (root === undefined) return 'NotFound'
    const isLastOfLink = root.use === 'CSMSRootCertificate' && this.roots('CSMSRootCertificate').length === 1
    if (isLastOfLink) return 'Failed'
    this.#roots = this.#roots.filter((other) => other !== root)
    return 'Accepted'
  }

  /** True when a CustomerInformation or other request names a certificate that is installed here. */
  knows(hash: CertificateHashDataType): boolean {
    return this.list(undefined).some((entry) => sameHashData(entry.certificateHashData, hash))
  }

  #refusal(
    use: InstallCertificateUseEnumType,
    certificate: Certificate,
    rules: InstallRules,
  ): string | undefined {
    if (!certificate.isCa) return 'NotACa'
    if (certificate.notAfterMs <= rules.nowMs) return 'CertificateExpired'
    if (certificate.notBeforeMs > rules.nowMs) return 'CertNotYetValid'
    const present = this.roots('CSMSRootCertificate')
    if (use === 'CSMSRootCertificate' && rules.additionalRootCheck && present.length > 0) {
      // The new root has to be vouched for by the old one (M05.FR.10-12).
      return present.some((old) => certificate.isSignedBy(old)) ? undefined : 'RootNotVouchedFor'
    }
    return certificate.isSelfSigned ? undefined : 'NotARoot'
  }

  #holds(use: InstallCertificateUseEnumType, certificate: Certificate): boolean {
    return this.#roots.some(
      (root) => root.use === use && root.certificate.fingerprint === certificate.fingerprint,
    )
  }

  /** A root's signer is itself, except for a new root that came as the old one signed it (M05.FR.10). */
  #signerOf(root: Certificate): Certificate {
    if (root.isSelfSigned) return root
    return (
      this.#roots.map(({ certificate }) => certificate).find((other) => root.mayBeIssuedBy(other)) ?? root
    )
  }

  #names(own: OwnCertificate | undefined, hash: CertificateHashDataType): boolean {
    if (own === undefined) return false
    const issuer = this.issuerOf(own.chain[0], own)
    return issuer !== undefined && matches(own.chain[0], issuer, hash)
  }

  #chainEntry(own: OwnCertificate): CertificateHashDataChainType[] {
    const hashes = own.chain.flatMap((certificate) => {
      const issuer = this.issuerOf(certificate, own)
      return issuer === undefined ? [] : [hashOf(certificate, issuer)]
    })
    const [leaf, ...children] = hashes
    if (leaf === undefined) return []
    return [
      {
        certificateType: 'V2GCertificateChain',
        certificateHashData: leaf,
        ...(children.length === 0 ? {} : { childCertificateHashData: children.slice(0, 4) }),
      },
    ]
  }

  /** The issuer among the certificates that came with the leaf and the installed roots. */
  issuerOf(certificate: Certificate, own: OwnCertificate): Certificate | undefined {
    const candidates = [...own.chain, ...this.#roots.map((root) => root.certificate)]
    return candidates.find((other) => other !== certificate && certificate.mayBeIssuedBy(other))
  }
}

function hashOf(certificate: Certificate, issuer: Certificate): CertificateHashDataType {
  return certificateHashData(certificate, issuer, 'SHA256')
}

function matches(certificate: Certificate, issuer: Certificate, hash: CertificateHashDataType): boolean {
  return sameHashData(certificateHashData(certificate, issuer, hash.hashAlgorithm), hash)
}

/** Node's own parser decides as the TLS stack will: a chain that it cannot read cannot be presented. */
export function readableByTls(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
