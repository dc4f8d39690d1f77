import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DerReader, readSingle, TAG } from '../../pki/der.ts'
import { namedBits, oid, sequence, smallInteger, time, tlv, unsignedInteger } from '../../pki/der-write.ts'
import { encodePem, PkiError, parsePem } from '../../pki/index.ts'

const read = <T>(hex: string, use: (reader: DerReader) => T): T => use(new DerReader(Buffer.from(hex, 'hex')))

describe('der', () => {
  it.each([
    ['3080', 'indefinite'],
    ['308100', 'not minimal'],
    ['30820001ff', 'not minimal'],
    ['3085000000000100', 'four octets'],
    ['3002ff', 'longer than the data'],
    ['30', 'inside a tag'],
    ['1f8101', 'high tag'],
  ])('refuses the header %s', (hex, message) => {
    expect(() => read(hex, (reader) => reader.raw())).toThrow(message)
  })

  it.each([
    ['02020001', 'minimal'],
    ['0202ff80', 'minimal'],
    ['0200', 'empty'],
  ])('refuses the integer %s', (hex, message) => {
    expect(() => read(hex, (reader) => reader.integer())).toThrow(message)
  })

  it.each(['010101', '0102ffff', '0100'])('refuses the boolean %s', (hex) => {
    expect(() => read(hex, (reader) => reader.boolean())).toThrow('boolean')
  })

  it.each(['0300', '030108', '030201ff', '030101'])('refuses the bit string %s', (hex) => {
    expect(() => read(hex, (reader) => reader.bitString())).toThrow('bit')
  })

  it.each([
    ['20261301000000Z', TAG.generalizedTime],
    ['20260230000000Z', TAG.generalizedTime],
    ['20260101240000Z', TAG.generalizedTime],
    ['20260101000060Z', TAG.generalizedTime],
    ['20260101000000.5Z', TAG.generalizedTime],
    ['20260101000000', TAG.generalizedTime],
    ['2601010000Z', TAG.utcTime],
    ['260101000000+0100', TAG.utcTime],
    ['2601 1000000Z', TAG.utcTime],
  ])('refuses the time %s', (text, tag) => {
    expect(() => new DerReader(tlv(tag, Buffer.from(text))).time()).toThrow('time')
  })

  it('reads back every time it writes, to the second', () => {
    const seconds = fc.integer({ min: -2_000_000_000, max: 30_000_000_000 })
    fc.assert(fc.property(seconds, (s) => new DerReader(time(s * 1000)).time() === s * 1000))
    expect(new DerReader(tlv(TAG.generalizedTime, Buffer.from('00010101000000Z'))).time()).toBe(
      Date.parse('0001-01-01T00:00:00Z'),
    )
  })

  it('reads back every object identifier it writes', () => {
    const first = fc.oneof(
      fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt(0n, 39n)),
      fc.tuple(fc.constant(2n), fc.bigInt(0n, 2n ** 100n)),
    )
    const rest = fc.array(fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 100n)), { maxLength: 3 })
    fc.assert(
      fc.property(first, rest, (a, b) => {
        const dotted = [...a, ...b].join('.')
        return new DerReader(oid(dotted)).oid() === dotted
      }),
    )
    expect(() => read('0602802a', (reader) => reader.oid())).toThrow('minimal')
    expect(() => read('06022a80', (reader) => reader.oid())).toThrow('inside an arc')
  })

  it('reads back integers and named bits', () => {
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), (n) => new DerReader(smallInteger(n)).smallInteger() === n))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (bytes) => {
        const content = new DerReader(unsignedInteger(bytes)).integer()
        return (
          BigInt(`0x${Buffer.from(content).toString('hex')}`) ===
          BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
        )
      }),
    )
    expect(Buffer.from(namedBits([0, 5])).toString('hex')).toBe('03020284')
    expect(Buffer.from(namedBits([])).toString('hex')).toBe('030100')
  })

  it('is bounded in depth and refuses what follows the end', () => {
    let deep: Uint8Array = new Uint8Array()
    for (let i = 0; i < 40; i++) deep = sequence(deep)
    let reader = new DerReader(deep)
    expect(() => {
      for (;;) reader = reader.enter(TAG.sequence)
    }).toThrow(/deeper/)
    expect(() => readSingle(Buffer.concat([sequence(), Uint8Array.of(0)]), TAG.sequence)).toThrow(
      /after the last/,
    )
  })

  it('never reads outside its input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new DerReader(bytes)
        try {
          while (!reader.done) reader.raw()
        } catch {
          return true
        }
        return true
      }),
    )
  })
})

describe('pem', () => {
  it('reads back what it writes, and refuses what is not base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const [block] = parsePem(`# a comment\r\n${encodePem('CERTIFICATE', bytes).replaceAll('\n', '\r\n')}`)
        return block !== undefined && Buffer.compare(block.der, bytes) === 0
      }),
    )

    expect(() => parsePem('-----BEGIN CERTIFICATE-----\nAAAA')).toThrow(/end line/)
    expect(() => parsePem('-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----')).toThrow(/base64/)
    expect(() => parsePem('-----BEGIN A-----\nAAAA\n-----BEGIN B-----\n')).toThrow(/end line/)
  })

  it('throws nothing but PkiError, whatever the text', () => {
    const pieces = fc.constantFrom(
      '-----BEGIN ',
      '-----END ',
      'CERTIFICATE',
      '-----',
      '\n',
      '\r',
      'AAAA',
      '=',
      ' ',
      '-',
      'é',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        try {
          parsePem(parts.join(''))
        } catch (error) {
          return error instanceof PkiError
        }
        return true
      }),
      { numRuns: 2000 },
    )
  })
})
