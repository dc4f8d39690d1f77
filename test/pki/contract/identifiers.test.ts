import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  emaidCheckDigit,
  hasValidCheckDigit,
  isSameEmaid,
  isSamePcid,
  parseEmaid,
  parsePcid,
} from '../../../pki/index.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

const fourteen = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), minLength: 2, maxLength: 2 }),
    fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 12, maxLength: 12 }),
  )
  .map((parts) => parts.join(''))

describe('eMAID', () => {
  it.each([
    ['DE83DUIEN83QGZ', 'D'],
    ['GBT8JC8E1G9FTC', 'M'],
    ['FRJAGCFVSE2BTA', 'Y'],
    ['NLAKUCVBITDKY4', '6'],
    ['GBCUICLRLQT2J0', 'W'],
    ['GBQ96CYKFXJTQF', '0'],
  ])('%s has the check digit %s', (text, digit) => {
    expect(emaidCheckDigit(text)).toBe(digit)
  })

  it('has exactly one check digit, and it finds every wrong character and every swap of neighbours', () => {
    fc.assert(
      fc.property(fourteen, fc.nat(13), fc.constantFrom(...ALPHABET), (text, at, other) => {
        const whole = text + emaidCheckDigit(text)
        const valid = [...ALPHABET].filter((digit) => {
          const parsed = parseEmaid(text + digit)
          return parsed !== undefined && hasValidCheckDigit(parsed)
        })
        expect(valid).toEqual([whole[14]])
        const wrong = parseEmaid(whole.slice(0, at) + other + whole.slice(at + 1))
        if (wrong !== undefined && wrong.text !== whole) expect(hasValidCheckDigit(wrong)).toBe(false)
        const swapped = parseEmaid(whole.slice(0, at) + whole[at + 1] + whole[at] + whole.slice(at + 2))
        if (swapped !== undefined && swapped.text !== whole) expect(hasValidCheckDigit(swapped)).toBe(false)
      }),
    )
  })

  it('is the same account with and without hyphens, check digit and capitals', () => {
    expect(parseEmaid('de-8aa-ca2b3c4d5-v')).toMatchObject({
      text: 'DE8AACA2B3C4D5V',
      country: 'DE',
      provider: '8AA',
    })
    expect(isSameEmaid('DE-8AA-CA2B3C4D5', 'DE8AACA2B3C4D5V')).toBe(true)
    expect(isSameEmaid('DE8AACA2B3C4D5', 'DE8AACA2B3C4D6')).toBe(false)
    expect(isSameEmaid('nonsense', 'nonsense')).toBe(false)
  })

  it.each([
    '',
    'DE',
    'D18AACA2B3C4D5',
    'DE8AACA2B3C4D',
    'DE8AACA2B3C4D5VX',
    'DE-8AACA2B3C4D5',
    '--------------',
    'DE8AACA2B3C4Dä',
  ])('is not %j', (text) => {
    expect(parseEmaid(text)).toBeUndefined()
  })
})

describe('PCID', () => {
  it('has 17 or 18 characters, in any spelling', () => {
    expect(parsePcid('wgk-testcar1234567-x')).toEqual({ text: 'WGKTESTCAR1234567X', manufacturer: 'WGK' })
    expect(parsePcid('WGKTESTCAR1234567')?.text).toHaveLength(17)
    expect(isSamePcid('WGK TESTCAR1234567X', 'wgktestcar1234567x')).toBe(true)
  })

  it.each(['', 'WGK', 'WGKTESTCAR1234567XY', 'WGKTESTCAR123456_X'])('is not %j', (text) => {
    expect(parsePcid(text)).toBeUndefined()
    expect(isSamePcid(text, text)).toBe(false)
  })
})

describe('letters that only look like others', () => {
  it('make no identifier: as capitals they would become somebody else’s', () => {
    for (const odd of ['ſ', 'ı', 'ß', 'Ⓐ', 'Ａ']) {
      expect(parseEmaid(`DEGKP12345678${odd}`)).toBeUndefined()
      expect(parsePcid(`WGKTESTCAR123456${odd}X`)).toBeUndefined()
    }
    expect(isSameEmaid('DEGKPſ23456789', 'DEGKPS23456789')).toBe(false)
  })
})
