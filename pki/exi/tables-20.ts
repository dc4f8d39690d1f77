import type { Roots } from './codec.ts'
import { choice, complex, type Decoded, list, one, optional, required } from './model.ts'
import { signature, x509IssuerSerial } from './tables-xmldsig.ts'
import { base64, enumeration, hex, text, unsignedByte, unsignedLong } from './values.ts'

/** ISO 15118-20:2022, V2G_CI_CommonMessages and CommonTypes: certificate installation. */

/** The namespace a station names in `iso15118SchemaVersion`. */
export const ISO_20_SCHEMA = 'urn:iso:std:iso:15118:-20:CommonMessages'

/** Certificates (as DER) and sub-CA lists larger than this do not fit an ISO 15118-20 message ([V2G20-1234]). */
export const MAX_CERTIFICATE_BYTES_20 = 1600
export const MAX_SUB_CERTIFICATES_20 = 3

const id = text(Number.POSITIVE_INFINITY, 'xs:ID')
const certificate = base64(MAX_CERTIFICATE_BYTES_20)

export const responseCode20 = enumeration(
  'OK',
  'OK_CertificateExpiresSoon',
  'OK_NewSessionEstablished',
  'OK_OldSessionJoined',
  'OK_PowerToleranceConfirmed',
  'WARNING_AuthorizationSelectionInvalid',
  'WARNING_CertificateExpired',
  'WARNING_CertificateNotYetValid',
  'WARNING_CertificateRevoked',
  'WARNING_CertificateValidationError',
  'WARNING_ChallengeInvalid',
  'WARNING_EIMAuthorizationFailure',
  'WARNING_eMSPUnknown',
  'WARNING_EVPowerProfileViolation',
  'WARNING_GeneralPnCAuthorizationError',
  'WARNING_NoCertificateAvailable',
  'WARNING_NoContractMatchingPCIDFound',
  'WARNING_PowerToleranceNotConfirmed',
  'WARNING_ScheduleRenegotiationFailed',
  'WARNING_StandbyNotAllowed',
  'WARNING_WPT',
  'FAILED',
  'FAILED_AssociationError',
  'FAILED_ContactorError',
  'FAILED_EVPowerProfileInvalid',
  'FAILED_EVPowerProfileViolation',
  'FAILED_MeteringSignatureNotValid',
  'FAILED_NoEnergyTransferServiceSelected',
  'FAILED_NoServiceRenegotiationSupported',
  'FAILED_PauseNotAllowed',
  'FAILED_PowerDeliveryNotApplied',
  'FAILED_PowerToleranceNotConfirmed',
  'FAILED_ScheduleRenegotiation',
  'FAILED_ScheduleSelectionInvalid',
  'FAILED_SequenceError',
  'FAILED_ServiceIDInvalid',
  'FAILED_ServiceSelectionInvalid',
  'FAILED_SignatureError',
  'FAILED_UnknownSession',
  'FAILED_WrongChargeParameter',
)

const subCertificates = complex([list('Certificate', certificate, { min: 1, max: MAX_SUB_CERTIFICATES_20 })])

const certificateChain = complex([
  one('Certificate', certificate),
  optional('SubCertificates', subCertificates),
])

export const signedCertificateChain20 = complex(
  [one('Certificate', certificate), optional('SubCertificates', subCertificates)],
  { attributes: { Id: required(id) } },
)

/** Unlike every other chain, a contract chain always names its sub-CAs. */
const contractCertificateChain = complex([
  one('Certificate', certificate),
  one('SubCertificates', subCertificates),
])

export const signedInstallationData20 = complex(
  [
    one('ContractCertificateChain', contractCertificateChain),
    one('ECDHCurve', enumeration('SECP521', 'X448')),
    one('DHPublicKey', base64(133)),
    choice(
      one('SECP521_EncryptedPrivateKey', base64(94)),
      one('X448_EncryptedPrivateKey', base64(84)),
      one('TPM_EncryptedPrivateKey', base64(206)),
    ),
  ],
  { attributes: { Id: required(id) } },
)

const header = complex([
  one('SessionID', hex(8)),
  one('TimeStamp', unsignedLong),
  optional('Signature', signature),
])

const listOfRootCertificateIds = complex([list('RootCertificateID', x509IssuerSerial, { min: 1, max: 20 })])
const emaidList = complex([list('EMAID', text(255), { min: 1, max: 8 })])

const installationReq = complex([
  one('Header', header),
  one('OEMProvisioningCertificateChain', signedCertificateChain20),
  one('ListOfRootCertificateIDs', listOfRootCertificateIds),
  one('MaximumContractCertificateChains', unsignedByte),
  optional('PrioritizedEMAIDs', emaidList),
])

const installationRes = complex([
  one('Header', header),
  one('ResponseCode', responseCode20),
  one('EVSEProcessing', enumeration('Finished', 'Ongoing', 'Ongoing_WaitingForCustomerInteraction')),
  one('CPSCertificateChain', certificateChain),
  one('SignedInstallationData', signedInstallationData20),
  one('RemainingContractCertificateChains', unsignedByte),
])

export type CertificateInstallationReq20 = Decoded<typeof installationReq>
export type CertificateInstallationRes20 = Decoded<typeof installationRes>
export type SignedInstallationData20 = Decoded<typeof signedInstallationData20>
export type SignedCertificateChain20 = Decoded<typeof signedCertificateChain20>
export type CertificateChain20 = Decoded<typeof certificateChain>
export type Header20 = Decoded<typeof header>
export type ResponseCode20 = Decoded<typeof responseCode20>

/** In -20 there is no envelope: the message itself is the root. */
export type CommonMessage =
  | { readonly CertificateInstallationReq: CertificateInstallationReq20 }
  | { readonly CertificateInstallationRes: CertificateInstallationRes20 }

export const documents20 = {
  CertificateInstallationReq: { at: { bits: 6, code: 7 }, type: installationReq },
  CertificateInstallationRes: { at: { bits: 6, code: 8 }, type: installationRes },
} as const satisfies Roots
