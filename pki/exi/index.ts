export { MAX_STREAM_BYTES } from './codec.ts'
export { ExiError, type ExiErrorCode } from './errors.ts'
export { decodeFragment, encodeFragment, type FragmentName, type FragmentValue } from './fragment.ts'
export { decodeToMirror, encodeFromMirror, type StreamKind } from './lexical.ts'
export {
  decodeCommonMessage,
  decodeV2gMessage,
  encodeCommonMessage,
  encodeV2gMessage,
  type Protocol,
  protocolOf,
  SCHEMA_OF,
} from './message.ts'
export {
  type Body2,
  type CertificateChain2,
  type CertificateInstallationReq2,
  type CertificateInstallationRes2,
  type CertificateUpdateReq2,
  type CertificateUpdateRes2,
  type Header2,
  ISO_2_SCHEMA,
  MAX_CERTIFICATE_BYTES_2,
  MAX_SUB_CERTIFICATES_2,
  type ResponseCode2,
  type V2gMessage,
} from './tables-2.ts'
export {
  type CertificateChain20,
  type CertificateInstallationReq20,
  type CertificateInstallationRes20,
  type CommonMessage,
  type Header20,
  ISO_20_SCHEMA,
  MAX_CERTIFICATE_BYTES_20,
  MAX_SUB_CERTIFICATES_20,
  type ResponseCode20,
  type SignedCertificateChain20,
  type SignedInstallationData20,
} from './tables-20.ts'
export type { Reference, Signature, SignedInfo, X509IssuerSerial } from './tables-xmldsig.ts'
