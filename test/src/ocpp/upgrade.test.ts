import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { basicCredentials, stationIdOf } from '../../../src/ocpp/upgrade.ts'

describe('the identity in the URL', () => {
  it.each([
    ['/CS001', 'CS001'],
    ['/ocpp/CS001', 'CS001'],
    ['/a/b/c/RDAM%20123', 'RDAM 123'],
    ['/ocpp/DE%2AABC%2AE1?x=1', 'DE*ABC*E1'],
  ])('of %s is %s', (url, id) => expect(stationIdOf(url)).toBe(id))

  it.each([
    '/',
    '',
    undefined,
    '/ocpp/',
    '/ocpp/%',
    '/ocpp/%ff',
    '/a%3Ab',
    '/a%2Fb',
    '/a%00b',
    '/ä',
    `/${'x'.repeat(49)}`,
  ])('of %s is none', (url) => expect(stationIdOf(url)).toBeUndefined())

  it('is read without throwing from any URL, and is always one that a station may have', () => {
    fc.assert(
      fc.property(fc.string(), (url) => {
        expect(stationIdOf(`/${url}`) ?? 'none').toMatch(/^[^:/%]{1,48}$/)
      }),
    )
  })
})

describe('Basic credentials', () => {
  const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

  it('are read back, whatever the password', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[^:\ud800-\udfff]{1,40}$/),
        fc.stringMatching(/^[^\ud800-\udfff]{0,40}$/),
        (username, password) => {
          expect(basicCredentials(header(`${username}:${password}`))).toEqual({ username, password })
        },
      ),
    )
  })

  it.each([undefined, '', 'Basic', 'Basic !!!', 'Bearer abc', header('no colon')])(
    'are none in %s',
    (text) => {
      expect(basicCredentials(text)).toBeUndefined()
    },
  )
})
