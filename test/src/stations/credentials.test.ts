import { describe, expect, it } from 'vitest'
import { createCredentials, hashPassword } from '../../../src/stations/credentials.ts'

const CHEAP = { logN: 4, r: 8, p: 1 }

describe('a station password', () => {
  it('is hashed with a salt of its own', async () => {
    const hashes = [
      await hashPassword('secret-password-1', CHEAP),
      await hashPassword('secret-password-1', CHEAP),
    ]
    expect(hashes[0]).not.toBe(hashes[1])
    expect(hashes[0]).toMatch(/^\$scrypt\$ln=4,r=8,p=1\$/)
    expect(hashes[0]).not.toContain('secret')
  })

  it('matches, or not', async () => {
    const credentials = createCredentials()
    const hash = await hashPassword('secret-password-1', CHEAP)
    expect(await credentials.verify('a', hash, 'secret-password-1')).toBe('match')
    expect(await credentials.verify('a', hash, 'secret-password-2')).toBe('mismatch')
  })

  it('is derived once while it does not change', async () => {
    const credentials = createCredentials()
    const hash = await hashPassword('secret-password-1', CHEAP)
    for (let i = 0; i < 3; i++) await credentials.verify('a', hash, 'secret-password-1')
    expect(credentials.stats()).toMatchObject({ derived: 1, remembered: 1 })
  })

  it('is checked anew once the stored hash has changed', async () => {
    const credentials = createCredentials()
    const first = await hashPassword('secret-password-1', CHEAP)
    const second = await hashPassword('secret-password-2', CHEAP)
    expect(await credentials.verify('a', first, 'secret-password-1')).toBe('match')
    expect(await credentials.verify('a', second, 'secret-password-1')).toBe('mismatch')
    expect(await credentials.verify('a', second, 'secret-password-2')).toBe('match')
  })

  it('that was good is not pushed out of memory by wrong guesses', async () => {
    const credentials = createCredentials()
    const hash = await hashPassword('secret-password-1', CHEAP)
    await credentials.verify('a', hash, 'secret-password-1')
    await credentials.verify('a', hash, 'guess')
    await credentials.verify('a', hash, 'secret-password-1')
    expect(credentials.stats().derived).toBe(2)
  })

  it('of another station is not taken for this one', async () => {
    const credentials = createCredentials()
    const a = await hashPassword('secret-password-1', CHEAP)
    const b = await hashPassword('secret-password-2', CHEAP)
    await credentials.verify('a', a, 'secret-password-1')
    expect(await credentials.verify('b', b, 'secret-password-1')).toBe('mismatch')
  })

  it('is remembered for a bounded number of stations', async () => {
    const credentials = createCredentials({ maxRemembered: 3 })
    const hash = await hashPassword('secret-password-1', CHEAP)
    for (let i = 0; i < 10; i++) await credentials.verify(`s${i}`, hash, 'secret-password-1')
    expect(credentials.stats().remembered).toBe(3)
  })

  it('is guessed by nobody at the cost of others: few verifications of one station may wait', async () => {
    const credentials = createCredentials({ concurrency: 1 })
    const hash = await hashPassword('secret-password-1', CHEAP)
    const guesses = Array.from({ length: 10 }, (_, i) => credentials.verify('a', hash, `guess ${i}`))
    const other = credentials.verify('b', hash, 'secret-password-1')
    const verdicts = await Promise.all(guesses)
    expect(verdicts.filter((verdict) => verdict === 'busy')).toHaveLength(8)
    expect(await other).toBe('match')
    expect(await credentials.verify('a', hash, 'secret-password-1')).toBe('match')
  })

  it('waits in a bounded line', async () => {
    const credentials = createCredentials({ concurrency: 1, maxWaiting: 1 })
    const hash = await hashPassword('secret-password-1', CHEAP)
    const verdicts = await Promise.all(
      ['a', 'b', 'c'].map((id) => credentials.verify(id, hash, 'secret-password-1')),
    )
    expect(verdicts).toEqual(['match', 'match', 'busy'])
  })

  it.each(['', 'plain', '$scrypt$ln=30,r=8,p=1$AAAA$AAAA', '$scrypt$ln=4,r=8,p=1$AAAA$AAAA', '$2b$10$abc'])(
    'never matches the unreadable hash %s',
    async (hash) => {
      expect(await createCredentials().verify('a', hash, 'secret-password-1')).toBe('mismatch')
    },
  )
})
