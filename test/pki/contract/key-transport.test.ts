import { createECDH, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  additionalData20,
  contractKeyFrom,
  createContractKey,
  destroyContractKey,
  sealContractKey,
  TRANSPORT_CURVES,
} from '../../../pki/contract/key-transport.ts'
import { isKeyOf, openContractKey } from '../../../src/simulator/ev/key-opening.ts'

const CASES = [
  { protocol: '15118-2', curve: 'P-256', openssl: 'prime256v1', size: 32 },
  { protocol: '15118-20', curve: 'P-521', openssl: 'secp521r1', size: 66 },
] as const

const pointOf = (key: KeyObject): Uint8Array => {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return Buffer.concat([Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

describe.each(CASES)('contract keys of ISO $protocol', ({ protocol, curve, openssl, size }) => {
  const car = generateKeyPairSync('ec', { namedCurve: curve }).privateKey
  const order = TRANSPORT_CURVES[curve].order
  const toScalar = (value: bigint) => Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex')
  const additionalData = protocol === '15118-20' ? Buffer.from('PCID') : new Uint8Array(0)

  function roundTrip(scalar: Uint8Array): Uint8Array {
    const key = contractKeyFrom(curve, scalar)
    const sealed = sealContractKey({
      protocol,
      key,
      recipientPoint: pointOf(car),
      additionalData,
      random: randomBytes,
    })
    const { dhPublicKey, encryptedPrivateKey: encrypted } = sealed
    return openContractKey(car, { protocol, dhPublicKey, encrypted, additionalData })
  }

  it('arrive as they were sent, padded on the left when they are short', () => {
    for (const value of [1n, 255n, 1n << 64n, order - 1n]) {
      const arrived = roundTrip(toScalar(value))
      expect(arrived).toHaveLength(size)
      expect(BigInt(`0x${Buffer.from(arrived).toString('hex')}`)).toBe(value)
    }
    expect(roundTrip(Uint8Array.of(7))).toHaveLength(size)
  })

  it('arrive whatever coordinates begin with zeros', () => {
    for (let i = 0; i < 40; i++) {
      const key = createContractKey(curve, randomBytes)
      expect(Buffer.from(roundTrip(key.scalar)).equals(key.scalar)).toBe(true)
      expect(isKeyOf(protocol, key.scalar, key.point)).toBe(true)
    }
  })

  it('are in the range of the curve at both ends, which OpenSSL confirms', () => {
    const ecdh = createECDH(openssl)
    ecdh.setPrivateKey(toScalar(order - 1n))
    expect(() => ecdh.setPrivateKey(toScalar(order))).toThrow()
    for (const outside of [0n, order, order + 1n]) {
      expect(() => contractKeyFrom(curve, toScalar(outside))).toThrow(/not in the range/)
    }
    const lowest = createContractKey(curve, (count) => new Uint8Array(count))
    expect(BigInt(`0x${Buffer.from(lowest.scalar).toString('hex')}`)).toBe(1n)
  })

  it('cannot be opened by another car, or after a bit was changed', () => {
    const key = createContractKey(curve, randomBytes)
    const sealed = sealContractKey({
      protocol,
      key,
      recipientPoint: pointOf(car),
      additionalData,
      random: randomBytes,
    })
    const { dhPublicKey, encryptedPrivateKey: encrypted } = sealed
    const opens = (privateKey: KeyObject, changes: object) => {
      try {
        const scalar = openContractKey(privateKey, {
          protocol,
          dhPublicKey,
          encrypted,
          additionalData,
          ...changes,
        })
        return isKeyOf(protocol, scalar, key.point)
      } catch {
        return false
      }
    }
    const changed = Uint8Array.from(encrypted)
    changed[20] = (changed[20] ?? 0) ^ 1
    expect(opens(car, {})).toBe(true)
    expect(opens(generateKeyPairSync('ec', { namedCurve: curve }).privateKey, {})).toBe(false)
    expect(opens(car, { encrypted: changed })).toBe(false)
    if (protocol === '15118-20') expect(opens(car, { additionalData: Buffer.from('OTHER') })).toBe(false)
  })

  it('are refused for a point that is not on the curve, and with too little randomness', () => {
    const key = createContractKey(curve, randomBytes)
    const recipientPoint = pointOf(car)
    recipientPoint[10] = (recipientPoint[10] ?? 0) ^ 1
    expect(() => sealContractKey({ protocol, key, recipientPoint, random: randomBytes })).toThrow(
      /not a point on/,
    )
    expect(() => createContractKey(curve, () => new Uint8Array(3))).toThrow(/3 octets instead of/)
  })

  it('are gone after they were destroyed', () => {
    const key = createContractKey(curve, randomBytes)
    destroyContractKey(key)
    expect(key.scalar.every((octet) => octet === 0)).toBe(true)
  })
})

describe('what a -20 key is bound to', () => {
  it('is PCID and key identifier as upper-case text, 34 octets', () => {
    const data = additionalData20('wgktestcar1234567x', Buffer.from('4abcdef012345678', 'hex'))
    expect(Buffer.from(data).toString('latin1')).toBe('WGKTESTCAR1234567X4ABCDEF012345678')
  })
})

describe('the fields of a -2 key', () => {
  it('are the IV and two blocks, and an uncompressed point', () => {
    const fill = { next: 1 }
    const random = (count: number) => new Uint8Array(count).fill(fill.next++)
    const car = createPrivateKey({
      key: { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }) },
      format: 'jwk',
    })
    const key = createContractKey('P-256', random)
    const sealed = sealContractKey({ protocol: '15118-2', key, recipientPoint: pointOf(car), random })
    expect(sealed.encryptedPrivateKey).toHaveLength(48)
    expect([...sealed.encryptedPrivateKey.subarray(0, 16)]).toEqual(new Array(16).fill(3))
    expect(sealed.dhPublicKey[0]).toBe(4)
  })
})
