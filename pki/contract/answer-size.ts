import { draftCertificate } from '../authority.ts'
import { certificateProfile } from '../certificate-profile.ts'
import type { Protocol } from '../exi/index.ts'
import { PublicKey } from '../public-key.ts'
import type { Cps } from './cps.ts'
import { type ContractAuthority, subjectPublicKeyInfo } from './issue.ts'
import {
  CURVE_OF,
  createContractKey,
  destroyContractKey,
  type RandomSource,
  VARIANT_OF,
} from './key-transport.ts'

/**
 * Everything in an answer that is not a certificate: header, signature, keys, Ids. It does not vary, because
 * algorithm names, Ids and key fields are always the same; measured, and held by a test.
 */
const FIXED_BYTES: Readonly<Record<Protocol, number>> = { '15118-2': 786, '15118-20': 630 }

/** Length and event codes of one certificate in a list, rounded up. */
const BYTES_PER_CERTIFICATE = 3

/** What surrounds the signed part of a certificate: signature of the largest size, its algorithm, DER headers. */
const SIGNATURE_BYTES: Readonly<Record<Protocol, number>> = { '15118-2': 91, '15118-20': 159 }

/** The longest eMAID there is. */
const LONGEST_EMAID = 'XX000000000000X'

/**
 * How long an answer with this CPS and contracts of this authority gets at most, in base64 characters: to be
 * compared with a station's limit (5,600 in OCPP 2.0.1) when they are configured, and not when a car waits.
 */
export function largestAnswerCharacters(
  cps: Cps,
  authority: ContractAuthority,
  { atMs, random }: { readonly atMs: number; readonly random: RandomSource },
): number {
  const { protocol } = authority
  const key = createContractKey(CURVE_OF[protocol], random)
  destroyContractKey(key)
  const { organization, country, issuer } = authority
  const draft = draftCertificate({
    issuer,
    profile: certificateProfile('contract', VARIANT_OF[protocol]),
    subject: { commonName: LONGEST_EMAID, organization, ...(country === undefined ? {} : { country }) },
    publicKey: PublicKey.fromOwnScalar(subjectPublicKeyInfo(key)),
    atMs,
    random: random(16),
  })
  const sizes = [cps.leaf, ...cps.subCas, ...authority.subCas].map((certificate) => certificate.der.length)
  const leafBytes = draft.tbs.length + SIGNATURE_BYTES[protocol]
  const bytes = [leafBytes, ...sizes].reduce(
    (sum, size) => sum + size + BYTES_PER_CERTIFICATE,
    FIXED_BYTES[protocol],
  )
  return Math.ceil(bytes / 3) * 4
}
