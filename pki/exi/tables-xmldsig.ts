import {
  any,
  anyNumber,
  choice,
  complex,
  type Decoded,
  list,
  maybe,
  one,
  optional,
  optionalGroup,
  repeatedChoice,
  repeatedSequence,
  required,
  sequence,
  valued,
} from './model.ts'
import { base64, integer, text } from './values.ts'

/** XML Signature (xmldsig-core-schema.xsd), which both parts of ISO 15118 use for the header's Signature. */

const MANY = Number.POSITIVE_INFINITY

const id = maybe(text(MANY, 'xs:ID'))
const uri = text(MANY, 'xs:anyURI')

export const x509IssuerSerial = complex([one('X509IssuerName', text()), one('X509SerialNumber', integer)])

const canonicalizationMethod = complex([any(0, MANY)], {
  attributes: { Algorithm: required(uri) },
  mixed: true,
})

const signatureMethod = complex([optional('HMACOutputLength', integer), any(0, MANY)], {
  attributes: { Algorithm: required(uri) },
  mixed: true,
})

const digestMethod = complex([any(0, MANY)], { attributes: { Algorithm: required(uri) }, mixed: true })

const transform = complex([repeatedChoice(0, any(1, 1), one('XPath', text()))], {
  attributes: { Algorithm: required(uri) },
  mixed: true,
})

const transforms = complex([list('Transform', transform, { min: 1, max: MANY })])

const reference = complex(
  [optional('Transforms', transforms), one('DigestMethod', digestMethod), one('DigestValue', base64())],
  { attributes: { Id: id, Type: maybe(uri), URI: maybe(uri) } },
)

export const signedInfo = complex(
  [
    one('CanonicalizationMethod', canonicalizationMethod),
    one('SignatureMethod', signatureMethod),
    list('Reference', reference, { min: 1, max: MANY }),
  ],
  { attributes: { Id: id } },
)

const dsaKeyValue = complex([
  optionalGroup(one('P', base64()), one('Q', base64())),
  optional('G', base64()),
  one('Y', base64()),
  optional('J', base64()),
  optionalGroup(one('Seed', base64()), one('PgenCounter', base64())),
])

const rsaKeyValue = complex([one('Modulus', base64()), one('Exponent', base64())])

const keyValue = complex(
  [choice(one('DSAKeyValue', dsaKeyValue), one('RSAKeyValue', rsaKeyValue), any(1, 1))],
  {
    mixed: true,
  },
)

const retrievalMethod = complex([optional('Transforms', transforms)], {
  attributes: { Type: maybe(uri), URI: maybe(uri) },
})

const x509Data = complex([
  repeatedChoice(
    1,
    one('X509IssuerSerial', x509IssuerSerial),
    one('X509SKI', base64()),
    one('X509SubjectName', text()),
    one('X509Certificate', base64()),
    one('X509CRL', base64()),
    any(1, 1),
  ),
])

const pgpData = complex([
  choice(
    sequence(one('PGPKeyID', base64()), optional('PGPKeyPacket', base64()), any(0, MANY)),
    sequence(one('PGPKeyPacket', base64()), any(0, MANY)),
  ),
])

const spkiData = complex([repeatedSequence(one('SPKISexp', base64()), any(0, 1))])

const keyInfo = complex(
  [
    repeatedChoice(
      1,
      one('KeyName', text()),
      one('KeyValue', keyValue),
      one('RetrievalMethod', retrievalMethod),
      one('X509Data', x509Data),
      one('PGPData', pgpData),
      one('SPKIData', spkiData),
      one('MgmtData', text()),
      any(1, 1),
    ),
  ],
  { attributes: { Id: id }, mixed: true },
)

const signatureObject = complex([any(0, MANY)], {
  attributes: { Encoding: maybe(uri), Id: id, MimeType: maybe(text()) },
  mixed: true,
})

/** Only an Id makes SignatureValue more than bytes; it is always an object, as the XML type is. */
const signatureValue = valued(base64(), { Id: id })

export const signature = complex(
  [
    one('SignedInfo', signedInfo),
    one('SignatureValue', signatureValue),
    optional('KeyInfo', keyInfo),
    anyNumber('Object', signatureObject),
  ],
  { attributes: { Id: id } },
)

export type SignedInfo = Decoded<typeof signedInfo>
export type Reference = Decoded<typeof reference>
export type Signature = Decoded<typeof signature>
export type X509IssuerSerial = Decoded<typeof x509IssuerSerial>
