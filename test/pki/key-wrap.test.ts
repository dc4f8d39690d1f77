import { createPrivateKey, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { deriveKek, deriveKekSync, rewrapKey, unwrapKey, type WrappedKey, wrapKey } from '../../pki/index.ts'
import { newKey } from './support.ts'

const context = { keyId: 'k1', authorityId: 'cpo-sub2', purpose: 'certificate-signing' }
const cheap = { cost: 2 ** 14, blockSize: 8, parallelization: 1 }
const salt = randomBytes(16)
const kek = { id: 'kek-1', key: deriveKekSync('correct horse', salt, cheap) }
const pkcs8 = newKey().export({ type: 'pkcs8', format: 'der' })
const wrapped = wrapKey({ pkcs8, context, kek, random: randomBytes(56) })

const code = (run: () => unknown): unknown => {
  try {
    run()
    return 'opened'
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}
const flip = (text: string, at: number): string => {
  const bytes = Buffer.from(text, 'base64')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes.toString('base64')
}

describe('key wrapping', () => {
  it('gives back the key that was wrapped', () => {
    expect(unwrapKey(wrapped, context, kek).equals(pkcs8)).toBe(true)
    expect(
      createPrivateKey({ key: unwrapKey(wrapped, context, kek), format: 'der', type: 'pkcs8' })
        .asymmetricKeyType,
    ).toBe('ec')
    expect(JSON.stringify(wrapped)).not.toContain(pkcs8.toString('base64').slice(0, 20))
  })

  it('refuses every flipped octet', () => {
    for (const field of ['wrappedDek', 'encryptedKey'] as const) {
      const length = Buffer.from(wrapped[field], 'base64').length
      for (let at = 0; at < length; at++) {
        const damaged: WrappedKey = { ...wrapped, [field]: flip(wrapped[field], at) }
        expect(code(() => unwrapKey(damaged, context, kek))).toBe('wrap-refused')
      }
    }
  })

  it('refuses swapped blobs, another context and another passphrase', () => {
    const other = wrapKey({ pkcs8, context: { ...context, keyId: 'k2' }, kek, random: randomBytes(56) })
    expect(code(() => unwrapKey(other, context, kek))).toBe('wrap-refused')
    expect(code(() => unwrapKey({ ...wrapped, encryptedKey: other.encryptedKey }, context, kek))).toBe(
      'wrap-refused',
    )
    expect(code(() => unwrapKey(wrapped, { ...context, purpose: 'ocsp' }, kek))).toBe('wrap-refused')
    const wrong = { id: 'kek-1', key: deriveKekSync('wrong horse', salt, cheap) }
    expect(code(() => unwrapKey(wrapped, context, wrong))).toBe('wrap-refused')
    expect(code(() => unwrapKey({ ...wrapped, wrappedDek: '!' }, context, kek))).toBe('wrap-malformed')
  })

  it('rotates the passphrase without touching the encrypted key, and the old one stops working', async () => {
    const next = { id: 'kek-2', key: await deriveKek('battery staple', randomBytes(16), cheap) }
    const rotated = rewrapKey({ wrapped, context, from: kek, to: next, random: randomBytes(12) })
    expect(rotated.encryptedKey).toBe(wrapped.encryptedKey)
    expect(unwrapKey(rotated, context, next).equals(pkcs8)).toBe(true)
    expect(code(() => unwrapKey(rotated, context, kek))).toBe('wrap-refused')
    expect(code(() => unwrapKey({ ...rotated, kekId: 'kek-1' }, context, kek))).toBe('wrap-refused')
  })

  it('refuses scrypt parameters that are weak or exhaust memory', () => {
    expect(code(() => deriveKekSync('x', salt, { ...cheap, cost: 2 ** 10 }))).toBe('wrap-refused')
    expect(code(() => deriveKekSync('x', salt, { ...cheap, cost: 2 ** 24 }))).toBe('wrap-refused')
    expect(code(() => deriveKekSync('x', salt, { ...cheap, cost: 20000 }))).toBe('wrap-refused')
    expect(code(() => deriveKekSync('x', randomBytes(8), cheap))).toBe('wrap-refused')
  })
})
