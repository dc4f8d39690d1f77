import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CSMS_ACTIONS, isAction, stationMaySend } from '../../../src/ocpp/actions.ts'
import { createSchemas } from '../../../src/ocpp/schemas.ts'
import { handlers } from '../../../src/ocpp/v201/handlers.ts'

const schemas = createSchemas()
const status = { timestamp: '2026-01-01T00:00:00Z', connectorStatus: 'Available', evseId: 1, connectorId: 1 }

describe('a payload against its schema', () => {
  it('conforms', () => {
    expect(schemas.check('StatusNotification', 'req', status)).toBeUndefined()
  })

  it.each([
    ['a missing field', { ...status, evseId: undefined }, 'OccurrenceConstraintViolation'],
    ['a field of another type', { ...status, evseId: '1' }, 'TypeConstraintViolation'],
    ['a fraction where an integer belongs', { ...status, evseId: 1.5 }, 'TypeConstraintViolation'],
    ['null in a field', { ...status, connectorStatus: null }, 'TypeConstraintViolation'],
    [
      'a value that the enumeration does not know',
      { ...status, connectorStatus: 'Free' },
      'PropertyConstraintViolation',
    ],
    ['a date that is none', { ...status, timestamp: 'yesterday' }, 'PropertyConstraintViolation'],
    ['an unknown field', { ...status, color: 'red' }, 'FormatViolation'],
    ['an array instead of an object', [], 'TypeConstraintViolation'],
  ])('answers %s with the right code', (_what, payload, code) => {
    expect(schemas.check('StatusNotification', 'req', JSON.parse(JSON.stringify(payload)))).toMatchObject({
      code,
    })
  })

  it('bounds strings and lists', () => {
    const idToken = { idToken: 'x'.repeat(37), type: 'Central' }
    expect(schemas.check('Authorize', 'req', { idToken })?.code).toBe('PropertyConstraintViolation')
    expect(schemas.check('MeterValues', 'req', { evseId: 1, meterValue: [] })?.code).toBe(
      'OccurrenceConstraintViolation',
    )
  })

  it('lets customData carry anything beside its vendorId', () => {
    const customData = { vendorId: 'com.example', anything: [{ at: 'all' }] }
    expect(schemas.check('Heartbeat', 'req', { customData })).toBeUndefined()
    expect(schemas.check('Heartbeat', 'req', { customData: { anything: 1 } })?.code).toBe(
      'OccurrenceConstraintViolation',
    )
  })

  it('says where the violation is', () => {
    const violation = schemas.check('Authorize', 'req', { idToken: { idToken: 'x', type: 'Magic' } })
    expect(violation?.issues[0]).toContain('/idToken/type')
  })

  it('never throws, whatever the payload', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        for (const action of ['TransactionEvent', 'SetChargingProfile', 'NotifyReport'] as const)
          expect(schemas.check(action, 'req', payload)).toBeDefined()
      }),
    )
  })
})

describe('the table of messages', () => {
  it('has a schema for both directions of every message, and a handler for every one that a station sends', () => {
    const names = [...CSMS_ACTIONS, ...Object.keys(handlers)].filter((name) => isAction(name))
    expect(new Set(names).size).toBe(64)
    for (const action of names) {
      expect(() => schemas.check(action, 'req', {})).not.toThrow()
      expect(() => schemas.check(action, 'conf', {})).not.toThrow()
      if (stationMaySend(action)) expect(handlers[action], action).toBeDefined()
    }
  })
})
