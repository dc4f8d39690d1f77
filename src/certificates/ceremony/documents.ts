import {
  Certificate,
  Crl,
  createCsr,
  encodePem,
  PkiError,
  PublicKey,
  REVOCATION_REASONS,
  SIGNATURE_ALGORITHMS,
  type Signer,
  verifySignature,
} from '../../../pki/index.ts'
import { AuthorityRefusal } from '../authority-refusal.ts'

/**
 * The files that go to an offline authority and come back. They are not secret, and nothing in them is believed
 * without a signature: a request is signed by the key it is about, an answer is what the authority signed.
 */

export const REQUEST_FORMAT = 'gridkeep-ceremony-request'
export const ANSWER_FORMAT = 'gridkeep-ceremony-answer'
const MAX_FILE_CHARACTERS = 16 * 1024 * 1024
const MAX_REVOKED = 100_000

/** `authority`: sign a sub-CA. `ocsp-responder`: sign a delegate. `crl`: sign a CRL with these entries. */
export type CeremonyKind = 'authority' | 'ocsp-responder' | 'crl'

export interface RevokedSerial {
  readonly serial: string
  readonly at: string
  readonly reason: string
}

export interface CeremonyRequest {
  readonly format: typeof REQUEST_FORMAT
  readonly version: 1
  readonly id: string
  readonly kind: CeremonyKind
  /** SHA-256 of the certificate of the authority that is to sign. */
  readonly issuer: string
  /** What is to be signed: the line of a sub-CA, the id of an authority for the other kinds. */
  readonly subject: string
  readonly commonName: string
  readonly organisation: string
  readonly createdAt: string
  /** SPKI in base64; for `crl` empty. */
  readonly publicKey: string
  /** For `crl`: what is revoked, and the number that the CRL must exceed. */
  readonly revoked: readonly RevokedSerial[]
  readonly number: number
  readonly algorithm: string
  /** Signature over all the rest, by the key that is to be certified; for `crl` empty. */
  readonly proof: string
  /** The same as PKCS#10 in PEM, for an authority that is not Gridkeep; for `crl` empty. */
  readonly csr: string
}

export interface CeremonyAnswer {
  readonly format: typeof ANSWER_FORMAT
  readonly version: 1
  /** Of the request. */
  readonly id: string
  readonly certificate: string | null
  readonly crl: string | null
}

export async function proven(
  request: Omit<CeremonyRequest, 'format' | 'version' | 'publicKey' | 'algorithm' | 'proof' | 'csr'>,
  signer: Signer,
  /** What its name has to carry; our own authorities take that from the profile. */
  domainComponent?: string,
): Promise<CeremonyRequest> {
  const subject = {
    commonName: request.commonName,
    organization: request.organisation,
    ...(domainComponent === undefined ? {} : { domainComponent }),
  }
  const unproven: CeremonyRequest = {
    ...request,
    csr: encodePem('CERTIFICATE REQUEST', await createCsr({ subject, signer })),
    format: REQUEST_FORMAT,
    version: 1,
    publicKey: Buffer.from(signer.publicKeySpki).toString('base64'),
    algorithm: signer.algorithm.name,
    proof: '',
  }
  const proof = await signer.sign(signedPart(unproven))
  return { ...unproven, proof: Buffer.from(proof).toString('base64') }
}

/** The fields in a fixed order, whatever order a file has them in. */
function signedPart(request: CeremonyRequest): Uint8Array {
  const { id, kind, issuer, subject, commonName, organisation, createdAt, publicKey, algorithm } = request
  const fields = [id, kind, issuer, subject, commonName, organisation, createdAt, publicKey, algorithm]
  return Buffer.from(JSON.stringify([REQUEST_FORMAT, 1, ...fields, request.number, request.revoked]))
}

/** Reads a request and its proof of possession. Throws AuthorityRefusal. */
export function readRequest(text: string): CeremonyRequest {
  const value = readObject(text, REQUEST_FORMAT)
  const request: CeremonyRequest = {
    format: REQUEST_FORMAT,
    version: 1,
    id: textField(value, 'id'),
    kind: kindField(value),
    issuer: textField(value, 'issuer'),
    subject: textField(value, 'subject'),
    commonName: textField(value, 'commonName'),
    organisation: textField(value, 'organisation'),
    createdAt: textField(value, 'createdAt'),
    publicKey: textField(value, 'publicKey'),
    revoked: revokedField(value),
    number: numberField(value),
    algorithm: textField(value, 'algorithm'),
    proof: textField(value, 'proof'),
    csr: typeof value.csr === 'string' ? value.csr : '',
  }
  if (request.kind !== 'crl' && !hasProof(request))
    throw invalid('the request is not signed by the key it is about; it was changed on the way, or cut')
  return request
}

function hasProof(request: CeremonyRequest): boolean {
  const algorithm = Object.values(SIGNATURE_ALGORITHMS).find(({ name }) => name === request.algorithm)
  if (!algorithm) return false
  try {
    return verifySignature({
      identifier: algorithm.identifier,
      key: PublicKey.parse(Buffer.from(request.publicKey, 'base64')),
      data: signedPart(request),
      signature: Buffer.from(request.proof, 'base64'),
    })
  } catch (error) {
    if (error instanceof PkiError) return false
    throw error
  }
}

export function writeAnswer(
  id: string,
  made: { readonly certificate?: Certificate; readonly crl?: Crl },
): CeremonyAnswer {
  return {
    format: ANSWER_FORMAT,
    version: 1,
    id,
    certificate: made.certificate?.toPem() ?? null,
    crl: made.crl?.toPem() ?? null,
  }
}

export interface ReadAnswer {
  /** Undefined for bare PEM, which does not say what it answers. */
  readonly id: string | undefined
  /** Bare PEM may hold the whole chain. */
  readonly certificates: readonly Certificate[]
  readonly crl: Crl | undefined
}

/** Reads what came back: our own format, or certificates or a CRL in PEM from another authority. Throws AuthorityRefusal. */
export function readAnswer(text: string): ReadAnswer {
  if (text.length <= MAX_FILE_CHARACTERS && /^\s*[^{]/.test(text) && text.includes('-----BEGIN '))
    return readPem(text)
  const value = readObject(text, ANSWER_FORMAT)
  const pem = (name: string): string | undefined =>
    value[name] === null ? undefined : textField(value, name)
  const [certificate, crl] = [pem('certificate'), pem('crl')]
  try {
    return {
      id: textField(value, 'id'),
      certificates: certificate === undefined ? [] : [Certificate.parse(certificate)],
      crl: crl === undefined ? undefined : Crl.parse(crl),
    }
  } catch (error) {
    if (error instanceof PkiError) throw invalid(error.message)
    throw error
  }
}

function readPem(text: string): ReadAnswer {
  try {
    return text.includes('-----BEGIN X509 CRL-----')
      ? { id: undefined, certificates: [], crl: Crl.parse(text) }
      : { id: undefined, certificates: Certificate.parseChain(text), crl: undefined }
  } catch (error) {
    if (error instanceof PkiError) throw invalid(error.message)
    throw error
  }
}

function invalid(message: string): AuthorityRefusal {
  return new AuthorityRefusal('operation.invalid', `The ceremony file cannot be used: ${message}`)
}

function readObject(text: string, format: string): Readonly<Record<string, unknown>> {
  if (text.length > MAX_FILE_CHARACTERS) throw invalid(`it has more than ${MAX_FILE_CHARACTERS} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('it is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('it is no JSON object')
  const record: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(value))
  if (record.format !== format || record.version !== 1) throw invalid(`it is no ${format} of version 1`)
  return record
}

function textField(value: Readonly<Record<string, unknown>>, name: string): string {
  const field = value[name]
  if (typeof field !== 'string') throw invalid(`${name} is missing`)
  return field
}

function numberField(value: Readonly<Record<string, unknown>>): number {
  const field = value.number
  if (typeof field !== 'number' || !Number.isSafeInteger(field) || field < 0)
    throw invalid('number is missing')
  return field
}

function kindField(value: Readonly<Record<string, unknown>>): CeremonyKind {
  const kind = (['authority', 'ocsp-responder', 'crl'] as const).find((one) => one === value.kind)
  if (kind === undefined) throw invalid('its kind is unknown')
  return kind
}

function revokedField(value: Readonly<Record<string, unknown>>): readonly RevokedSerial[] {
  const list: unknown = value.revoked
  if (!Array.isArray(list) || list.length > MAX_REVOKED) throw invalid('revoked is missing or too long')
  return list.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) throw invalid('an entry of revoked is no object')
    const entry: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(item))
    const [serial, at, reason] = [
      textField(entry, 'serial'),
      textField(entry, 'at'),
      textField(entry, 'reason'),
    ]
    if (
      !/^[0-9a-f]{1,40}$/.test(serial) ||
      !Number.isFinite(Date.parse(at)) ||
      !(reason in REVOCATION_REASONS)
    )
      throw invalid('an entry of revoked is malformed')
    return { serial, at, reason }
  })
}
