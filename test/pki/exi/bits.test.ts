import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BitReader, BitWriter } from '../../../pki/exi/bits.ts'

describe('bit reader and writer', () => {
  it('give back numbers of any width at any offset', () => {
    const field = fc
      .integer({ min: 1, max: 16 })
      .chain((width) => fc.record({ width: fc.constant(width), value: fc.nat((1 << width) - 1) }))
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new BitWriter()
        for (const { width, value } of fields) writer.bits(width, value)
        const reader = new BitReader(writer.finish())
        for (const { width, value } of fields) expect(reader.bits(width)).toBe(value)
      }),
    )
  })

  it('give back octets and integers after any number of odd bits', () => {
    fc.assert(
      fc.property(
        fc.nat(15),
        fc.uint8Array({ maxLength: 3000 }),
        fc.bigInt({ min: 0n, max: 1n << 200n }),
        (odd, octets, big) => {
          const writer = new BitWriter()
          writer.bits(odd, 0)
          writer.octets(octets)
          writer.unsigned(big)
          writer.length(octets.length)
          const reader = new BitReader(writer.finish())
          reader.bits(odd)
          expect(Buffer.from(reader.octets(octets.length)).equals(octets)).toBe(true)
          expect(reader.unsigned()).toBe(big)
          expect(reader.length()).toBe(octets.length)
        },
      ),
    )
  })

  it('copies octets out of a Buffer and leaves the Buffer as it was', () => {
    const input = Buffer.from([0b1010_1010, 0xff, 0x00, 0xff])
    const reader = new BitReader(input)
    reader.bits(3)
    reader.octets(2).fill(0)
    expect([...input]).toEqual([0b1010_1010, 0xff, 0x00, 0xff])
  })

  it('refuses to read past the end, naming the bit', () => {
    const reader = new BitReader(Uint8Array.of(0xff))
    reader.bits(5)
    expect(() => reader.bits(4)).toThrow(/bit 5: the stream has 3 bits left where 4 bits are needed/)
  })

  it('refuses a count of octets larger than the stream before allocating for it', () => {
    const reader = new BitReader(Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 1, 2, 3))
    const count = reader.length()
    expect(count).toBe(2 ** 28 - 1)
    expect(() => reader.octets(count)).toThrow(/exi|EXI/)
  })

  it('reads numbers with groups of zeros at their end, which are longer than they need to be', () => {
    expect(new BitReader(Uint8Array.of(0x85, 0x80, 0x00)).length()).toBe(5)
    expect(new BitReader(Uint8Array.of(0x85, 0x80, 0x00)).unsigned()).toBe(5n)
  })

  it('refuses lengths and integers that never end', () => {
    const endless = new Uint8Array(5000).fill(0xff)
    expect(() => new BitReader(endless).length()).toThrow(/more than 4 groups/)
    expect(() => new BitReader(endless).unsigned()).toThrow(/more than 4095 bits/)
  })
})
