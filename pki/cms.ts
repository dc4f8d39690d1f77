import { definiteLengths } from './ber.ts'
import { Certificate } from './certificate.ts'
import { constructed, type DerReader, readSingle, TAG } from './der.ts'
import { oid, sequence, setOf, smallInteger, tlv } from './der-write.ts'
import { PkiError, wrapMalformed } from './errors.ts'
import { OID } from './oids.ts'
import { encodePem, singleDer } from './pem.ts'

const MAX_CMS_BYTES = 512 * 1024
const MAX_CERTIFICATES = 64

/** A "certs-only" CMS message (RFC 7030 4.1.3, RFC 5652 5.1): SignedData without content and without signers. */
export function encodeCertsOnly(certificates: readonly Certificate[]): Uint8Array {
  const content = sequence(oid(OID.data))
  const list = [...certificates].map((certificate) => certificate.der).sort((a, b) => Buffer.compare(a, b))
  const signedData = sequence(smallInteger(1), setOf(), content, tlv(constructed(0), ...list), setOf())
  return sequence(oid(OID.signedData), tlv(constructed(0), signedData))
}

export const certsOnlyToPem = (der: Uint8Array): string => encodePem('PKCS7', der)

function readSet(reader: DerReader): Certificate[] {
  const certificates: Certificate[] = []
  while (!reader.done) {
    // Attribute and obsolete certificates carry other tags; they are of no use to anyone here.
    if (reader.peek() !== TAG.sequence) {
      reader.raw()
      continue
    }
    if (certificates.length >= MAX_CERTIFICATES)
      throw new PkiError('der-malformed', `more than ${MAX_CERTIFICATES} certificates`)
    certificates.push(Certificate.parse(reader.raw(TAG.sequence)))
  }
  return certificates
}

/**
 * Certificates of a certs-only message, in the order found, which means nothing: callers link by issuer. Accepts DER,
 * BER with indefinite lengths (some servers stream), or PEM. Signatures in it are not evaluated.
 */
export function decodeCertsOnly(input: string | Uint8Array): Certificate[] {
  return wrapMalformed('cms-malformed', 'CMS message', () => {
    if (input.length > MAX_CMS_BYTES) throw new PkiError('der-malformed', 'larger than 512 KiB')
    const outer = readSingle(definiteLengths(singleDer(input, 'PKCS7', 'CMS')), TAG.sequence)
    if (outer.oid() !== OID.signedData) throw new PkiError('der-malformed', 'not signed data')
    const field = outer.enter(constructed(0))
    outer.finish()
    const signedData = field.enter(TAG.sequence)
    field.finish()
    signedData.smallInteger()
    signedData.raw(TAG.set)
    signedData.raw(TAG.sequence)
    const set = signedData.enterOptional(constructed(0))
    return set === undefined ? [] : readSet(set)
  })
}

/** Chain of `leaf` among loose certificates: each followed by its issuer, ending before a self-signed one. */
export function orderChain(leaf: Certificate, others: readonly Certificate[]): Certificate[] {
  const chain = [leaf]
  for (let at = leaf; chain.length <= MAX_CERTIFICATES; ) {
    const issuer = others.find(
      (candidate) => !chain.includes(candidate) && at.mayBeIssuedBy(candidate) && at.isSignedBy(candidate),
    )
    if (at.isSelfIssued || issuer === undefined || issuer.isSelfSigned) return chain
    chain.push(issuer)
    at = issuer
  }
  return chain
}

/** An attribute that an EST server asks for in CSRs: an OID alone, or an OID with values (RFC 7030 4.5.2). */
export interface CsrAttribute {
  readonly oid: string
  /** DER of each value, for instance the curve's OID. */
  readonly values?: readonly Uint8Array[]
}

export function encodeCsrAttributes(attributes: readonly CsrAttribute[]): Uint8Array {
  return sequence(
    ...attributes.map(({ oid: id, values }) =>
      values === undefined ? oid(id) : sequence(oid(id), setOf(...values)),
    ),
  )
}

export function decodeCsrAttributes(der: Uint8Array): CsrAttribute[] {
  return wrapMalformed('cms-malformed', 'list of CSR attributes', () => {
    if (der.length > 16 * 1024) throw new PkiError('der-malformed', 'larger than 16 KiB')
    const list = readSingle(der, TAG.sequence)
    const attributes: CsrAttribute[] = []
    while (!list.done) {
      if (list.peek() === TAG.oid) {
        attributes.push({ oid: list.oid() })
        continue
      }
      const attribute = list.enter(TAG.sequence)
      const id = attribute.oid()
      const set = attribute.enter(TAG.set)
      attribute.finish()
      const values: Uint8Array[] = []
      while (!set.done) values.push(set.raw())
      attributes.push({ oid: id, values })
    }
    return attributes
  })
}

/** The curve an EST server should ask for: id-ecPublicKey with the named curve as value. */
export const ecKeyAttribute = (curveOid: string): CsrAttribute => ({
  oid: OID.ecPublicKey,
  values: [oid(curveOid)],
})
