import { sameBytes } from '../bytes.ts'
import type { Certificate } from '../certificate.ts'
import {
  MAX_CERTIFICATE_BYTES_2,
  MAX_CERTIFICATE_BYTES_20,
  type Protocol,
  type X509IssuerSerial,
} from '../exi/index.ts'
import { validatePath } from '../path.ts'
import type { Signer } from '../signer.ts'
import { ContractError } from './errors.ts'
import { CURVE_OF, VARIANT_OF } from './key-transport.ts'

/**
 * A certificate provisioning service: the leaf whose key signs answers, and its chain to a V2G root that cars
 * trust. A service has one per V2G root and protocol. Make it with `createCps`.
 */
export interface Cps {
  readonly protocol: Protocol
  readonly leaf: Certificate
  /** Issuer of the leaf first; without the root. */
  readonly subCas: readonly Certificate[]
  readonly root: Certificate
  readonly signer: Signer
}

/**
 * How many sub-CAs a chain may send. A list at its maximum (4 and 3) is written differently by different codecs, so
 * one less is the most that every car can read.
 */
export const MAX_SENT_SUB_CAS: Readonly<Record<Protocol, number>> = { '15118-2': 3, '15118-20': 2 }

const MAX_DER_BYTES: Readonly<Record<Protocol, number>> = {
  '15118-2': MAX_CERTIFICATE_BYTES_2,
  '15118-20': MAX_CERTIFICATE_BYTES_20,
}

/**
 * Checks a CPS once, when it is configured: key and leaf belong together, the leaf is a CPS leaf, the chain ends at
 * the root at this time, and everything fits the messages of the protocol.
 * @throws ContractError `authority-unfit`, saying what to change
 */
export function createCps(options: Omit<Cps, 'protocol'>, atMs: number): Cps {
  const { leaf, subCas, root, signer } = options
  const name = leaf.subjectText
  const protocol = protocolOfCurve(leaf)
  if (protocol === undefined)
    throw unfit(`The key of ${name} is on neither P-256 nor P-521; issue a CPS leaf for one of them`)
  if (!sameBytes(leaf.spki, signer.publicKeySpki))
    throw unfit(`The signer does not hold the key of ${name}; choose its key`)
  if (!leaf.domainComponents.includes('CPS'))
    throw unfit(`${name} has no domain component CPS, so cars refuse it`)
  if (leaf.keyUsage?.has('digitalSignature') !== true) throw unfit(`${name} may not make signatures`)
  checkSendable(protocol, [leaf, ...subCas])
  const path = validatePath({
    leaf,
    intermediates: subCas,
    anchors: [root],
    atMs,
    iso15118: { variant: VARIANT_OF[protocol], leafDomainComponent: 'CPS' },
  })
  if (!path.ok) throw unfit(`${name} does not lead to ${root.subjectText}: ${path.message}`)
  return { protocol, leaf, subCas, root, signer }
}

/** Refuses chains that the messages of the protocol cannot carry. */
export function checkSendable(protocol: Protocol, [leaf, ...subCas]: readonly Certificate[]): void {
  if (subCas.length > MAX_SENT_SUB_CAS[protocol]) {
    throw unfit(`${subCas.length} sub-CAs below the root; every car can read ${MAX_SENT_SUB_CAS[protocol]}`)
  }
  for (const certificate of leaf === undefined ? subCas : [leaf, ...subCas]) {
    if (certificate.der.length > MAX_DER_BYTES[protocol]) {
      const size = `${certificate.der.length} octets`
      throw unfit(`${certificate.subjectText} has ${size}, ISO ${protocol} allows ${MAX_DER_BYTES[protocol]}`)
    }
  }
}

/** The first CPS of the protocol that is valid now and whose root the car listed. */
export function chooseCps(
  candidates: readonly Cps[],
  wanted: { readonly protocol: Protocol; readonly listedRoots: readonly X509IssuerSerial[] },
  atMs: number,
): Cps | undefined {
  return candidates.find(
    (cps) =>
      cps.protocol === wanted.protocol &&
      [cps.leaf, ...cps.subCas, cps.root].every(
        (each) => each.notBeforeMs <= atMs && atMs <= each.notAfterMs,
      ) &&
      wanted.listedRoots.some((listed) => isListed(cps.root, listed)),
  )
}

/** From this many octets on, two roots do not share a serial number by accident. */
const UNIQUE_SERIAL_BYTES = 8

/**
 * Whether a car means this root. The serial number must be equal. Names are compared as sets of attributes, as
 * stacks write them in either order and with or without spaces; when a stack writes attribute types of its own, a
 * long serial number decides alone, because the car checks the chain itself.
 */
function isListed(root: Certificate, listed: X509IssuerSerial): boolean {
  if (serialOf(root) !== listed.X509SerialNumber) return false
  if (root.serial.length >= UNIQUE_SERIAL_BYTES) return true
  return nameAsSet(listed.X509IssuerName) === nameAsSet(root.issuerText)
}

/** Foreign roots may have a negative one. */
function serialOf({ serialHex }: Certificate): bigint {
  return serialHex.startsWith('-') ? -BigInt(`0x${serialHex.slice(1)}`) : BigInt(`0x${serialHex}`)
}

function nameAsSet(text: string): string {
  const attributes = text.split(/(?<!\\)[,;+]/).map((part) => {
    const [type = '', ...value] = part.split('=')
    return `${type.trim().toUpperCase()}=${value.join('=').trim().toLowerCase()}`
  })
  return JSON.stringify(attributes.sort())
}

export function protocolOfCurve(certificate: Certificate): Protocol | undefined {
  const { curve } = certificate.publicKey
  if (curve === CURVE_OF['15118-2']) return '15118-2'
  return curve === CURVE_OF['15118-20'] ? '15118-20' : undefined
}

function unfit(message: string): ContractError {
  return new ContractError('authority-unfit', message)
}
