export {
  defaultAlgorithm,
  type HashName,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SignatureAlgorithmName,
  verifySignature,
} from './algorithms.ts'
export {
  type CertificateDraft,
  type CertificateOrder,
  createIssuer,
  draftCertificate,
  draftRoot,
  finishCertificate,
  type Issuer,
  issueCertificate,
  issueRoot,
  keyIdentifierOf,
  type RootOrder,
  type Subject,
  signDraft,
} from './authority.ts'
export { sameBytes, toHex } from './bytes.ts'
export { Certificate } from './certificate.ts'
export {
  CERTIFICATE_KINDS,
  type CertificateKind,
  type CertificateProfile,
  certificateProfile,
  type KeyRequirement,
  type ProfileVariant,
  profileAllowsKey,
} from './certificate-profile.ts'
export {
  type CsrAttribute,
  certsOnlyToPem,
  decodeCertsOnly,
  decodeCsrAttributes,
  ecKeyAttribute,
  encodeCertsOnly,
  encodeCsrAttributes,
  orderChain,
} from './cms.ts'
export * from './contract/index.ts'
export { Crl, type CrlScope, type RevokedEntry } from './crl.ts'
export { type CrlRevocation, type CrlSource, crlRevocation } from './crl-check.ts'
export { type CrlEntry, type CrlOrder, deltaEntries, signCrl } from './crl-write.ts'
export {
  type Csr,
  type CsrPolicy,
  type CsrRefusal,
  type CsrVerdict,
  hasProofOfPossession,
  inspectCsr,
  isAddressShaped,
  MAX_CSR_CHARACTERS,
  parseCsr,
} from './csr.ts'
export { createCsr } from './csr-write.ts'
export { PkiError, type PkiErrorCode } from './errors.ts'
export * from './exi/index.ts'
export type { AltNames, IssuerAddresses } from './extension-write.ts'
export {
  type BasicConstraints,
  type GeneralName,
  KEY_USAGE_NAMES,
  type KeyUsageName,
  type NameConstraints,
} from './extensions.ts'
export {
  type CertificateHashData,
  certificateHashData,
  type HashAlgorithm,
  hashDataKey,
  keyHash,
  normaliseSerial,
  sameHashData,
} from './hash-data.ts'
export { type HierarchyMember, inspectHierarchy } from './hierarchy.ts'
export { hostMatches, parseIp } from './host-names.ts'
export {
  type InstalledRoot,
  type InventoryStep,
  type InventoryView,
  isRoot,
  nextInventoryStep,
  type RootUse,
  type WantedRoot,
} from './inventory.ts'
export type { Iso15118Rules } from './iso15118-path.ts'
export { type ImportedIdentity, importPkcs12, importPrivateKey, pairIdentity } from './key-import.ts'
export {
  DEFAULT_SCRYPT,
  deriveKek,
  deriveKekSync,
  type KeyContext,
  type KeyEncryptionKey,
  rewrapKey,
  type ScryptParameters,
  unwrapKey,
  type WrappedKey,
  wrapKey,
} from './key-wrap.ts'
export {
  decideWave,
  jitterOf,
  nextRotationStep,
  type RenewalPolicy,
  type RenewalState,
  type RotationStep,
  type RotationView,
  renewalState,
  renewalTimeMs,
  type Validity,
  type WaveDecision,
  type WavePolicy,
  type WaveProgress,
} from './lifecycle.ts'
export { type LintFinding, type LintSeverity, lintCertificate, lintDraft, signLinted } from './lint.ts'
export { nameText, nameValues, parseName, type RelativeName, type SubjectFields } from './name.ts'
export {
  type CertificateStatus,
  createOcspResponder,
  type OcspAnswer,
  type OcspError,
  type OcspResponder,
  ocspErrorResponse,
  REVOCATION_REASONS,
  type RevocationReason,
  type StatusEntry,
} from './ocsp.ts'
export {
  answerOcspRequest,
  decodeOcspPath,
  type KnownStatus,
  type OcspCacheHeaders,
  type OcspService,
  ocspCacheHeaders,
} from './ocsp-answer.ts'
export {
  buildOcspRequest,
  type CertId,
  type CertIdHash,
  certIdFor,
  certIdFromHashData,
  certIdIssuerKey,
  issuerLookupKeys,
  type OcspRequest,
  parseOcspRequest,
  sameCertId,
} from './ocsp-request.ts'
export {
  type BasicOcspResponse,
  type OcspRefusal,
  type OcspResponse,
  type OcspSingle,
  type OcspVerdict,
  type OcspVerification,
  parseOcspResponse,
  verifyOcspResponse,
} from './ocsp-verify.ts'
export { OID } from './oids.ts'
export {
  type PathReason,
  type PathRefusal,
  type PathRequest,
  type PathResult,
  type PeerName,
  type Strictness,
  validatePath,
} from './path.ts'
export { encodePem, type PemBlock, parsePem } from './pem.ts'
export type { PolicyInputs } from './policy-graph.ts'
export { type CurveName, isStrongEnough, type KeyKind, PublicKey } from './public-key.ts'
export type { RevocationVerdict } from './revocation.ts'
export { changeRevocation, type RevocationAction, type RevocationChange } from './revocation.ts'
export {
  createPooledSigner,
  createSoftwareSigner,
  type Signer,
  type SyncSigner,
  signatureFromRaw,
  signatureToRaw,
} from './signer.ts'
