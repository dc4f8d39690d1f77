import { type Issuer, issueCertificate } from '../authority.ts'
import { sameBytes } from '../bytes.ts'
import type { Certificate } from '../certificate.ts'
import { certificateProfile } from '../certificate-profile.ts'
import { bitString, oid, sequence } from '../der-write.ts'
import type { Protocol } from '../exi/index.ts'
import { OID } from '../oids.ts'
import { PublicKey } from '../public-key.ts'
import { checkSendable, protocolOfCurve } from './cps.ts'
import { type Emaid, hasValidCheckDigit, isSameEmaid, parseEmaid } from './emaid.ts'
import { ContractError } from './errors.ts'
import {
  type ContractKey,
  CURVE_OF,
  contractKeyFrom,
  createContractKey,
  destroyContractKey,
  type RandomSource,
  type TransportCurve,
  VARIANT_OF,
} from './key-transport.ts'

/** A mobility operator's hierarchy that issues contract certificates. Make it with `createContractAuthority`. */
export interface ContractAuthority {
  readonly protocol: Protocol
  readonly issuer: Issuer
  /** The issuing sub-CA first; without the root. */
  readonly subCas: readonly Certificate[]
  /** Subject of contract certificates besides the eMAID. */
  readonly organization: string
  readonly country: string | undefined
}

/** A contract certificate with its key, on the way into an answer. */
export interface Contract {
  /** Leaf first, without the root. */
  readonly chain: readonly [Certificate, ...Certificate[]]
  readonly emaid: Emaid
  readonly key: ContractKey
}

/**
 * Checks a mobility operator's hierarchy once, when it is configured.
 * @param upperCas sub-CAs above the issuing one, lowest first; without the root
 * @throws ContractError `authority-unfit`
 */
export function createContractAuthority(options: {
  readonly issuer: Issuer
  readonly upperCas: readonly Certificate[]
  readonly organization?: string
  readonly country?: string
}): ContractAuthority {
  const { certificate } = options.issuer
  const protocol = protocolOfCurve(certificate)
  if (protocol === undefined) {
    throw new ContractError(
      'authority-unfit',
      `The key of ${certificate.subjectText} is on neither P-256 nor P-521`,
    )
  }
  const subCas = certificate.isSelfSigned ? [] : [certificate, ...options.upperCas]
  if (protocol === '15118-20' && subCas.length === 0) {
    throw new ContractError('authority-unfit', 'ISO 15118-20 contract chains need a sub-CA below the MO root')
  }
  checkSendable(protocol, subCas)
  for (const [index, lower] of subCas.entries()) {
    const upper = subCas[index + 1]
    if (upper !== undefined && !(lower.mayBeIssuedBy(upper) && lower.isSignedBy(upper))) {
      throw new ContractError(
        'authority-unfit',
        `${lower.subjectText} was not issued by ${upper.subjectText}; order the chain`,
      )
    }
  }
  const organization = options.organization ?? certificate.organization ?? certificate.commonName ?? 'MO'
  return { protocol, issuer: options.issuer, subCas, organization, country: options.country }
}

/**
 * Makes a key and issues the contract certificate for it. The common name is the eMAID as it stands in messages,
 * because cars compare the two.
 * @param order.serial 9 to 20 octets whose serial number (`serialFrom`) the caller recorded before
 */
export async function issueContract(
  authority: ContractAuthority,
  order: {
    readonly emaid: Emaid
    readonly atMs: number
    readonly notAfterMs?: number | undefined
    readonly serial?: Uint8Array | undefined
    readonly random: RandomSource
  },
): Promise<Contract> {
  const { protocol, issuer, organization, country } = authority
  const { emaid, atMs, notAfterMs, serial, random } = order
  if (!hasValidCheckDigit(emaid)) {
    throw new ContractError(
      'emaid-invalid',
      `The check digit of eMAID ${emaid.text} is wrong; correct the contract`,
    )
  }
  const key = createContractKey(CURVE_OF[protocol], random)
  try {
    const leaf = await issueCertificate({
      issuer,
      profile: certificateProfile('contract', VARIANT_OF[protocol]),
      subject: { commonName: emaid.text, organization, ...(country === undefined ? {} : { country }) },
      publicKey: PublicKey.fromOwnScalar(subjectPublicKeyInfo(key)),
      atMs,
      ...(notAfterMs === undefined ? {} : { notAfterMs }),
      random: serial ?? random(16),
    })
    return { chain: [leaf, ...authority.subCas], emaid, key }
  } catch (error) {
    destroyContractKey(key)
    throw error
  }
}

/**
 * Takes over a contract certificate that a mobility operator made elsewhere.
 * @param scalar private key, big-endian; copied, so that the caller can overwrite its own
 * @throws ContractError when certificate, key and eMAID do not belong together or do not fit the protocol
 */
export function adoptContract(
  protocol: Protocol,
  supplied: { readonly chain: readonly Certificate[]; readonly scalar: Uint8Array; readonly emaid: Emaid },
  atMs: number,
): Contract {
  const [leaf, ...subCas] = supplied.chain
  if (leaf === undefined)
    throw new ContractError('authority-unfit', 'The supplied contract has no certificate')
  checkSendable(protocol, supplied.chain)
  if (protocol === '15118-20' && subCas.length === 0) {
    throw new ContractError('authority-unfit', 'ISO 15118-20 contract chains need a sub-CA below the MO root')
  }
  // The key of a -20 contract is bound to it ([V2G20-2497]).
  if (protocol === '15118-20' && leaf.subjectKeyIdentifier === undefined)
    throw new ContractError('authority-unfit', 'The supplied contract has no subject key identifier')
  if (leaf.publicKey.curve !== CURVE_OF[protocol]) {
    throw new ContractError('key-unusable', `ISO ${protocol} contract keys are on ${CURVE_OF[protocol]}`)
  }
  if (atMs < leaf.notBeforeMs || atMs > leaf.notAfterMs) {
    throw new ContractError('authority-unfit', `The supplied contract ${leaf.subjectText} is not valid now`)
  }
  const emaid = parseEmaid(leaf.commonName ?? '')
  if (emaid === undefined || !isSameEmaid(emaid.text, supplied.emaid.text)) {
    throw new ContractError(
      'authority-unfit',
      `The supplied contract is for '${leaf.commonName ?? ''}', not ${supplied.emaid.text}`,
    )
  }
  const key = contractKeyFrom(CURVE_OF[protocol], supplied.scalar)
  if (!sameBytes(leaf.publicKey.keyBits, key.point)) {
    throw new ContractError('key-unusable', 'The supplied contract key does not belong to its certificate')
  }
  return { chain: [leaf, ...subCas], emaid, key }
}

const CURVE_OID: Readonly<Record<TransportCurve, string>> = {
  'P-256': '1.2.840.10045.3.1.7',
  'P-521': '1.3.132.0.35',
}

/** DER SubjectPublicKeyInfo of a contract key. */
export function subjectPublicKeyInfo(key: ContractKey): Uint8Array {
  return sequence(sequence(oid(OID.ecPublicKey), oid(CURVE_OID[key.curve])), bitString(key.point))
}
