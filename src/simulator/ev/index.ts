export {
  type EvCheck,
  type EvVerdict,
  type Expectation,
  type InstalledContract,
  openAnswer,
} from './answer.ts'
export {
  createPlugAndChargeEv,
  type EvAuthorization,
  type EvEnvironment,
  type EvIdentity,
  type PlugAndChargeEv,
  privateKeyOf,
} from './plug-and-charge.ts'
export type { EvCredential, EvRequest } from './request.ts'
