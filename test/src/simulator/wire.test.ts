import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assertRequest,
  assertResponse,
  callFrame,
  isAction,
  isDateTime,
  parseFrame,
  WireError,
} from '../../../src/simulator/wire.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
  return 'nothing thrown'
}

describe('frames', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 36 }),
        fc.string(),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (id, action, payload) => {
          const frame = parseFrame(callFrame(id, action, payload))
          expect(frame).toEqual({ kind: 'call', id, action, payload: JSON.parse(JSON.stringify(payload)) })
        },
      ),
    )
  })

  it('are refused with a named code, whatever arrives', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const code = codeOf(() => parseFrame(text))
        expect(['nothing thrown', 'RpcFrameworkError', 'MessageTypeNotSupported']).toContain(code)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['no JSON', '[2,', 'RpcFrameworkError'],
    ['no array', '{}', 'RpcFrameworkError'],
    ['an empty id', '[2,"","Heartbeat",{}]', 'RpcFrameworkError'],
    ['a long id', `[2,"${'x'.repeat(37)}","Heartbeat",{}]`, 'RpcFrameworkError'],
    ['a payload that is no object', '[2,"1","Heartbeat",null]', 'RpcFrameworkError'],
    ['a type of its own', '[9,"1","Heartbeat",{}]', 'MessageTypeNotSupported'],
  ])('are refused with %s', (_, text, code) => {
    expect(codeOf(() => parseFrame(text))).toBe(code)
  })
})

describe('payloads', () => {
  it.each([
    ['a missing field', {}, 'OccurrenceConstraintViolation'],
    ['a wrong type', { type: 5 }, 'TypeConstraintViolation'],
    ['an unknown value', { type: 'Later' }, 'PropertyConstraintViolation'],
    ['an unknown field', { type: 'OnIdle', force: true }, 'FormatViolation'],
  ])('are refused for %s', (_, payload, code) => {
    expect(codeOf(() => assertRequest('Reset', payload))).toBe(code)
  })

  it('are checked as responses as well', () => {
    expect(codeOf(() => assertResponse('Heartbeat', { currentTime: 'noon' }))).toBe(
      'PropertyConstraintViolation',
    )
    expect(codeOf(() => assertResponse('Heartbeat', { currentTime: '2026-01-01T12:00:00Z' }))).toBe(
      'nothing thrown',
    )
  })

  it('exist for the actions of 2.0.1 only', () => {
    expect(isAction('SetChargingProfile')).toBe(true)
    for (const name of ['RemoteStartTransaction', 'toString', '', '__proto__'])
      expect(isAction(name)).toBe(false)
  })
})

describe('date-times', () => {
  it('are RFC 3339 with a zone', () => {
    for (const good of ['2026-02-28T23:59:59Z', '2026-01-01T00:00:00.123456+02:00']) {
      expect(isDateTime(good)).toBe(true)
    }
    for (const bad of [
      '2026-13-01T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01',
      '2026-01-01T00:00:00',
      '',
    ]) {
      expect(isDateTime(bad)).toBe(false)
    }
  })
})
