import { decodeRoot, encodeRoot } from './codec.ts'
import { documents2, ISO_2_SCHEMA, type V2gMessage } from './tables-2.ts'
import { type CommonMessage, documents20, ISO_20_SCHEMA } from './tables-20.ts'

export type Protocol = '15118-2' | '15118-20'

/** The schema namespace of each protocol, as stations give it in `iso15118SchemaVersion`. */
export const SCHEMA_OF: Readonly<Record<Protocol, string>> = {
  '15118-2': ISO_2_SCHEMA,
  '15118-20': ISO_20_SCHEMA,
}

/** The protocol that a schema namespace stands for, or undefined when the tables do not know it. */
export function protocolOf(schemaVersion: string): Protocol | undefined {
  if (schemaVersion === ISO_2_SCHEMA) return '15118-2'
  if (schemaVersion === ISO_20_SCHEMA) return '15118-20'
  return undefined
}

/**
 * Decodes a whole ISO 15118-2 message: CertificateInstallationReq/Res or CertificateUpdateReq/Res with header,
 * notification and signature.
 * @throws ExiError with bit offset, element path and expected productions
 */
export function decodeV2gMessage(bytes: Uint8Array): V2gMessage {
  // The value was built from the very table its type is derived from.
  return decodeRoot(bytes, documents2).value as V2gMessage
}

/**
 * Encodes a whole ISO 15118-2 message. A list that holds its maximum ends as the EXI specification has it, which
 * some cars cannot read: send shorter lists.
 * @throws ExiError `exi-encode` when the object does not fit the table
 */
export function encodeV2gMessage(message: V2gMessage): Uint8Array {
  return encodeRoot('V2G_Message', message, documents2)
}

/**
 * Decodes an ISO 15118-20 CertificateInstallationReq or CertificateInstallationRes.
 * @throws ExiError with bit offset, element path and expected productions
 */
export function decodeCommonMessage(bytes: Uint8Array): CommonMessage {
  const { name, value } = decodeRoot(bytes, documents20)
  // The value was built from the very table its type is derived from.
  return { [name]: value } as CommonMessage
}

/**
 * Encodes an ISO 15118-20 CertificateInstallationReq or CertificateInstallationRes; lists as in `encodeV2gMessage`.
 * @throws ExiError `exi-encode` when the object does not fit the table
 */
export function encodeCommonMessage(message: CommonMessage): Uint8Array {
  return 'CertificateInstallationReq' in message
    ? encodeRoot('CertificateInstallationReq', message.CertificateInstallationReq, documents20)
    : encodeRoot('CertificateInstallationRes', message.CertificateInstallationRes, documents20)
}
