export { serialFrom } from '../issuing-rules.ts'
export { largestAnswerCharacters } from './answer-size.ts'
export { type Cps, chooseCps, createCps, MAX_SENT_SUB_CAS } from './cps.ts'
export { type Emaid, emaidCheckDigit, hasValidCheckDigit, isSameEmaid, parseEmaid } from './emaid.ts'
export { ContractError, type ContractErrorCode } from './errors.ts'
export {
  adoptContract,
  type Contract,
  type ContractAuthority,
  createContractAuthority,
  issueContract,
} from './issue.ts'
export { type RandomSource, scalarOf } from './key-transport.ts'
export { isSamePcid, type Pcid, parsePcid } from './pcid.ts'
export {
  type ContractOffer,
  DEFAULT_MAX_RESPONSE_CHARACTERS,
  type NoOffer,
  type ProvisioningCall,
  type ProvisioningContext,
  type ProvisioningResult,
  provision,
} from './provision.ts'
export { REFUSALS, type Refusal, type RefusalCode, responseCodeOf } from './refusal.ts'
export {
  type Correspondence,
  type InstallationWish,
  type ProvisioningKind,
  type ProvisioningRequest,
  type ReadResult,
  readRequest,
  withWish,
} from './request.ts'
export {
  findStranger,
  type RevocationCheck,
  soleCommonName,
  type Trust,
  type VerifiedRequest,
  type VerifyResult,
  verifyRequest,
} from './verify.ts'
