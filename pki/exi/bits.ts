import { ExiError } from './errors.ts'

/** Lengths fit 28 bits; more groups of seven can only be padding or hostile. */
const LENGTH_GROUPS = 4

/** Integers of unlimited size are cut off here: X.509 serial numbers have 160 bits, this allows 4,095. */
const INTEGER_GROUPS = 585

/** Reads a bit-packed EXI stream. Never reads, allocates or loops beyond the bytes it was given. */
export class BitReader {
  readonly #bytes: Uint8Array
  readonly #endBit: number
  #bit = 0

  constructor(bytes: Uint8Array) {
    // A plain view: `slice` of a Node Buffer would share memory with the input instead of copying.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#endBit = bytes.length * 8
  }

  get bitOffset(): number {
    return this.#bit
  }

  /** Whole bytes that are left, the one just begun not counted. */
  get bytesLeft(): number {
    return (this.#endBit - this.#bit) >> 3
  }

  /** Reads an unsigned number of up to 16 bits, most significant bit first. */
  bits(count: number): number {
    if (this.#bit + count > this.#endBit) throw this.#truncated(`${count} bits`)
    const index = this.#bit >> 3
    const window =
      ((this.#bytes[index] ?? 0) << 16) | ((this.#bytes[index + 1] ?? 0) << 8) | (this.#bytes[index + 2] ?? 0)
    const value = (window >> (24 - (this.#bit & 7) - count)) & ((1 << count) - 1)
    this.#bit += count
    return value
  }

  /** Reads the EXI Unsigned Integer of a length or a code point: groups of seven bits, least significant first. */
  length(): number {
    const start = this.#bit
    let value = 0
    for (let group = 0; group < LENGTH_GROUPS; group++) {
      const octet = this.bits(8)
      value |= (octet & 0x7f) << (7 * group)
      if (octet < 0x80) return value
    }
    throw new ExiError('exi-value', `a length of more than ${LENGTH_GROUPS} groups`, { bitOffset: start })
  }

  /** Reads an EXI Unsigned Integer of arbitrary size. */
  unsigned(): bigint {
    const start = this.#bit
    const groups: number[] = []
    for (;;) {
      const octet = this.bits(8)
      groups.push(octet & 0x7f)
      if (octet < 0x80) break
      if (groups.length === INTEGER_GROUPS) {
        throw new ExiError('exi-value', `an integer of more than ${INTEGER_GROUPS * 7} bits`, {
          bitOffset: start,
        })
      }
    }
    let value = 0n
    for (const group of groups.reverse()) value = (value << 7n) | BigInt(group)
    return value
  }

  /** Reads octets into a buffer of their own; `count` is checked against what is left before anything is allocated. */
  octets(count: number): Uint8Array {
    if (count > this.bytesLeft) throw this.#truncated(`${count} octets`)
    const index = this.#bit >> 3
    const shift = this.#bit & 7
    const value = this.#bytes.slice(index, index + count)
    if (shift !== 0) {
      let next = value[0] ?? 0
      for (let i = 0; i < count; i++) {
        const current = next
        next = this.#bytes[index + i + 1] ?? 0
        value[i] = (current << shift) | (next >> (8 - shift))
      }
    }
    this.#bit += count * 8
    return value
  }

  /**
   * Reads this many characters when all of them are ASCII, one octet each; otherwise reads nothing. Nearly every
   * string of the messages is an algorithm name, so that one copy replaces a call per character.
   */
  ascii(count: number): string | undefined {
    const start = this.#bit
    const value = this.octets(count)
    if (value.every((octet) => octet < 0x80))
      return Buffer.from(value.buffer, value.byteOffset, count).toString('latin1')
    this.#bit = start
    return undefined
  }

  #truncated(wanted: string): ExiError {
    const left = this.#endBit - this.#bit
    return new ExiError('exi-truncated', `the stream has ${left} bits left where ${wanted} are needed`, {
      bitOffset: this.#bit,
    })
  }
}

/** Writes a bit-packed EXI stream. */
export class BitWriter {
  #bytes = new Uint8Array(2048)
  #bit = 0

  get bitOffset(): number {
    return this.#bit
  }

  /** Writes an unsigned number of up to 16 bits, most significant bit first. */
  bits(count: number, value: number): void {
    this.#reserve(3)
    const index = this.#bit >> 3
    const window = (value & ((1 << count) - 1)) << (24 - (this.#bit & 7) - count)
    this.#bytes[index] = (this.#bytes[index] ?? 0) | (window >> 16)
    this.#bytes[index + 1] = (window >> 8) & 0xff
    this.#bytes[index + 2] = window & 0xff
    this.#bit += count
  }

  /** Writes a length or a code point as an EXI Unsigned Integer. */
  length(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.bits(8, 0x80 | (rest & 0x7f))
      rest >>>= 7
    }
    this.bits(8, rest)
  }

  /** Writes an EXI Unsigned Integer of arbitrary size. */
  unsigned(value: bigint): void {
    let rest = value
    while (rest > 0x7fn) {
      this.bits(8, 0x80 | Number(rest & 0x7fn))
      rest >>= 7n
    }
    this.bits(8, Number(rest))
  }

  octets(value: Uint8Array): void {
    this.#reserve(value.length + 1)
    const index = this.#bit >> 3
    const shift = this.#bit & 7
    if (shift === 0) {
      this.#bytes.set(value, index)
    } else {
      for (let i = 0; i < value.length; i++) {
        const octet = value[i] ?? 0
        this.#bytes[index + i] = (this.#bytes[index + i] ?? 0) | (octet >> shift)
        this.#bytes[index + i + 1] = (octet << (8 - shift)) & 0xff
      }
    }
    this.#bit += value.length * 8
  }

  /** The stream so far, the last byte filled up with zero bits. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, (this.#bit + 7) >> 3)
  }

  #reserve(octetCount: number): void {
    const needed = (this.#bit >> 3) + octetCount + 1
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
