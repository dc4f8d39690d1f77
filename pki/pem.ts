import { PkiError } from './errors.ts'

/** A chain or bundle larger than this is not one: it bounds what a caller can make us split. */
const MAX_PEM_CHARACTERS = 8 * 1024 * 1024
const MAX_BLOCKS = 4096

export interface PemBlock {
  readonly label: string
  readonly der: Uint8Array
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,64})-----$/

function decodeBody(body: string, label: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(body) || body.length % 4 !== 0 || body.length === 0) {
    throw new PkiError('pem-malformed', `The ${label} block is not base64; paste it again without changes`)
  }
  return Buffer.from(body, 'base64')
}

/**
 * Splits text into its PEM blocks (RFC 7468), in order. Text outside blocks is skipped, as tools write comments
 * there; text inside must be base64. Headers of legacy encrypted keys are refused.
 */
export function parsePem(text: string): PemBlock[] {
  if (text.length > MAX_PEM_CHARACTERS)
    throw new PkiError('pem-malformed', 'The PEM text is larger than 8 MiB')
  const blocks: PemBlock[] = []
  let label: string | undefined
  let body: string[] = []
  for (const line of text.split(/\r\n|\r|\n/)) {
    const trimmed = line.trim()
    if (label === undefined) {
      label = BEGIN.exec(trimmed)?.[1]
      body = []
    } else if (trimmed === `-----END ${label}-----`) {
      if (blocks.length >= MAX_BLOCKS)
        throw new PkiError('pem-malformed', `More than ${MAX_BLOCKS} PEM blocks`)
      blocks.push({ label, der: decodeBody(body.join(''), label) })
      label = undefined
    } else if (trimmed.startsWith('-----')) {
      throw new PkiError('pem-malformed', `The ${label} block has no end line`)
    } else body.push(trimmed)
  }
  if (label !== undefined) throw new PkiError('pem-malformed', `The ${label} block has no end line`)
  return blocks
}

export function encodePem(label: string, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  return `-----BEGIN ${label}-----\n${body.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`
}

/** DER of every block with one of `labels`; other blocks are ignored, and none at all is an error. */
export function pemToDer(text: string, ...labels: readonly string[]): Uint8Array[] {
  const found = parsePem(text).filter((block) => labels.includes(block.label))
  if (found.length === 0)
    throw new PkiError('pem-malformed', `The text holds no ${labels.join(' or ')} block`)
  return found.map((block) => block.der)
}

const isPemText = (input: Uint8Array): boolean => input[0] !== 0x30

/** Accepts PEM text, PEM bytes or DER bytes of exactly one object. */
export function singleDer(input: string | Uint8Array, ...labels: readonly string[]): Uint8Array {
  if (typeof input !== 'string' && !isPemText(input)) return input
  const text = typeof input === 'string' ? input : Buffer.from(input).toString('latin1')
  const [first, ...others] = pemToDer(text, ...labels)
  if (first === undefined || others.length > 0) {
    throw new PkiError('pem-malformed', `Expected exactly one ${labels.join(' or ')} block`)
  }
  return first
}
