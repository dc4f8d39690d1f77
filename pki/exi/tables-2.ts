import type { Roots } from './codec.ts'
import {
  type CodedType,
  complex,
  type Decoded,
  type ElementType,
  list,
  maybe,
  one,
  optional,
  required,
  valued,
} from './model.ts'
import { signature, x509IssuerSerial } from './tables-xmldsig.ts'
import { base64, enumeration, hex, short, text } from './values.ts'

/** ISO 15118-2:2014, the provisioning messages: V2G_CI_MsgDef, MsgHeader, MsgBody and MsgDataTypes. */

/** The namespace a station names in `iso15118SchemaVersion`. */
export const ISO_2_SCHEMA = 'urn:iso:15118:2:2013:MsgDef'

/** Certificates (as DER) and sub-CA lists larger than this do not fit an ISO 15118-2 message. */
export const MAX_CERTIFICATE_BYTES_2 = 800
export const MAX_SUB_CERTIFICATES_2 = 4

const id = text(Number.POSITIVE_INFINITY, 'xs:ID')
const certificate = base64(MAX_CERTIFICATE_BYTES_2)
const emaidText = text(15)

export const responseCode2 = enumeration(
  'OK',
  'OK_NewSessionEstablished',
  'OK_OldSessionJoined',
  'OK_CertificateExpiresSoon',
  'FAILED',
  'FAILED_SequenceError',
  'FAILED_ServiceIDInvalid',
  'FAILED_UnknownSession',
  'FAILED_ServiceSelectionInvalid',
  'FAILED_PaymentSelectionInvalid',
  'FAILED_CertificateExpired',
  'FAILED_SignatureError',
  'FAILED_NoCertificateAvailable',
  'FAILED_CertChainError',
  'FAILED_ChallengeInvalid',
  'FAILED_ContractCanceled',
  'FAILED_WrongChargeParameter',
  'FAILED_PowerDeliveryNotApplied',
  'FAILED_TariffSelectionInvalid',
  'FAILED_ChargingProfileInvalid',
  'FAILED_MeteringSignatureNotValid',
  'FAILED_NoChargeServiceSelected',
  'FAILED_WrongEnergyTransferMode',
  'FAILED_ContactorError',
  'FAILED_CertificateNotAllowedAtThisEVSE',
  'FAILED_CertificateRevoked',
)

const subCertificates = complex([list('Certificate', certificate, { min: 1, max: MAX_SUB_CERTIFICATES_2 })])

export const certificateChain2 = complex(
  [one('Certificate', certificate), optional('SubCertificates', subCertificates)],
  { attributes: { Id: maybe(id) } },
)

const listOfRootCertificateIds = complex([list('RootCertificateID', x509IssuerSerial, { min: 1, max: 20 })])

export const encryptedPrivateKey2 = valued(base64(48), { Id: required(id) })
export const dhPublicKey2 = valued(base64(65), { Id: required(id) })
const emaid = valued(emaidText, { Id: required(id) })

export const installationReq2 = complex(
  [one('OEMProvisioningCert', certificate), one('ListOfRootCertificateIDs', listOfRootCertificateIds)],
  { attributes: { Id: required(id) } },
)

export const updateReq2 = complex(
  [
    one('ContractSignatureCertChain', certificateChain2),
    one('eMAID', emaidText),
    one('ListOfRootCertificateIDs', listOfRootCertificateIds),
  ],
  { attributes: { Id: required(id) } },
)

const installationRes = complex([
  one('ResponseCode', responseCode2),
  one('SAProvisioningCertificateChain', certificateChain2),
  one('ContractSignatureCertChain', certificateChain2),
  one('ContractSignatureEncryptedPrivateKey', encryptedPrivateKey2),
  one('DHpublickey', dhPublicKey2),
  one('eMAID', emaid),
])

const updateRes = complex([
  one('ResponseCode', responseCode2),
  one('SAProvisioningCertificateChain', certificateChain2),
  one('ContractSignatureCertChain', certificateChain2),
  one('ContractSignatureEncryptedPrivateKey', encryptedPrivateKey2),
  one('DHpublickey', dhPublicKey2),
  one('eMAID', emaid),
  optional('RetryCounter', short),
])

const notification = complex([
  one('FaultCode', enumeration('ParsingError', 'NoTLSRootCertificatAvailable', 'UnknownError')),
  optional('FaultMsg', text(64)),
])

const header = complex([
  one('SessionID', hex(8)),
  optional('Notification', notification),
  optional('Signature', signature),
])

export type CertificateInstallationReq2 = Decoded<typeof installationReq2>
export type CertificateInstallationRes2 = Decoded<typeof installationRes>
export type CertificateUpdateReq2 = Decoded<typeof updateReq2>
export type CertificateUpdateRes2 = Decoded<typeof updateRes>
export type CertificateChain2 = Decoded<typeof certificateChain2>
export type Header2 = Decoded<typeof header>
export type ResponseCode2 = Decoded<typeof responseCode2>

export type Body2 =
  | { readonly CertificateInstallationReq: CertificateInstallationReq2 }
  | { readonly CertificateInstallationRes: CertificateInstallationRes2 }
  | { readonly CertificateUpdateReq: CertificateUpdateReq2 }
  | { readonly CertificateUpdateRes: CertificateUpdateRes2 }

/** Body holds any element of the substitution group of BodyElement, in name order; these four are ours. */
const body: CodedType<Body2> = {
  kind: 'coded',
  states: [
    {
      bits: 6,
      codes: {
        5: bodyElement('CertificateInstallationReq', installationReq2),
        6: bodyElement('CertificateInstallationRes', installationRes),
        7: bodyElement('CertificateUpdateReq', updateReq2),
        8: bodyElement('CertificateUpdateRes', updateRes),
      },
    },
    { bits: 1, codes: { 0: { event: 'EE' } } },
  ],
}

function bodyElement(name: string, type: ElementType<unknown>) {
  return { event: 'SE', name, type, next: 1 } as const
}

export const v2gMessage = complex([one('Header', header), one('Body', body)])

/** A whole ISO 15118-2 message: header and one of the four provisioning bodies. */
export type V2gMessage = Decoded<typeof v2gMessage>

export const documents2 = {
  V2G_Message: { at: { bits: 7, code: 76 }, type: v2gMessage },
} as const satisfies Roots
