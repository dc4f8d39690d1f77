import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CallOutcome } from '../../../src/bus/ports.ts'
import { CSMS_ACTIONS } from '../../../src/ocpp/actions.ts'
import type { Role } from '../../../src/store/access.ts'
import { fill } from './fixtures.ts'
import { contract, createTestApi, type TestApi } from './harness.ts'

let api: TestApi
beforeEach(async () => {
  api = await createTestApi()
  await fill(api)
})
afterEach(() => api.close())

const call = (action: string, body: unknown, role: Role = 'operator', query = '') =>
  api.request('POST', `/api/v1/stations/CS-001/calls/${action}${query}`, { body, role })

describe('a call to a station', () => {
  test('passes the payload on and gives the answer back as they are', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Scheduled' } }
    const answer = await call('Reset', { type: 'OnIdle', evseId: 1 }, 'operator', '?deadlineMs=5000')
    expect(answer).toMatchObject({ status: 200, json: { status: 'Scheduled' } })
    expect(api.bus.calls).toEqual([
      { stationId: 'CS-001', action: 'Reset', payload: { type: 'OnIdle', evseId: 1 }, deadlineMs: 5000 },
    ])
  })

  const outcomes: [CallOutcome, number, string][] = [
    [{ kind: 'offline' }, 409, 'station.offline'],
    [{ kind: 'withheld', reason: 'rejected' }, 409, 'station.withheld'],
    [{ kind: 'busy' }, 503, 'station.busy'],
    [{ kind: 'unanswered', reason: 'deadline' }, 504, 'station.unanswered'],
    [{ kind: 'unanswered', reason: 'disconnected' }, 504, 'station.unanswered'],
    [{ kind: 'invalid', issues: ['/type must be one of Immediate, OnIdle'] }, 400, 'call.payload-invalid'],
    [{ kind: 'malformed', issues: ['/status is required'] }, 502, 'station.answer-malformed'],
    [
      { kind: 'refused', code: 'NotSupported', description: 'no', details: { why: 'old' } },
      502,
      'station.refused',
    ],
  ]

  test.each(outcomes)('that ends as %o has its own status and code', async (outcome, status, code) => {
    api.bus.outcome = outcome
    const answer = await call('Reset', { type: 'OnIdle' })
    expect(answer).toMatchObject({ status, json: { status, code } })
  })

  test('that the station refuses shows its error', async () => {
    api.bus.outcome = { kind: 'refused', code: 'NotSupported', description: 'no', details: { why: 'old' } }
    expect((await call('Reset', { type: 'OnIdle' })).json.ocppError).toEqual({
      code: 'NotSupported',
      description: 'no',
      details: { why: 'old' },
    })
  })

  test('is in the audit trail with its outcome, also when it failed', async () => {
    api.bus.outcome = { kind: 'offline' }
    await call('Reset', { type: 'OnIdle' })
    expect(await api.store.audit.list({ action: 'station.call' })).toMatchObject([
      {
        actor: 'the-operator',
        subject: 'CS-001',
        detail: { action: 'Reset', outcome: 'offline', payload: { type: 'OnIdle' } },
      },
    ])
  })

  test('leaves no password in the audit trail, and no more than a note of a large payload', async () => {
    const setVariableData = [
      {
        component: { name: 'SecurityCtrlr' },
        variable: { name: 'BasicAuthPassword' },
        attributeValue: 'very-secret-1234',
      },
    ]
    await call('SetVariables', { setVariableData })
    await call('DataTransfer', { vendorId: 'x', data: 'y'.repeat(10_000) })
    const text = JSON.stringify(await api.store.audit.list({ action: 'station.call' }))
    expect(text).not.toContain('very-secret')
    expect(text).toContain('BasicAuthPassword')
    expect(text.length).toBeLessThan(2000)
  })

  test('for an unknown station or an unknown message is refused before anything is sent', async () => {
    const unknown = await api.request('POST', '/api/v1/stations/none/calls/Reset', {
      body: { type: 'OnIdle' },
    })
    expect(unknown).toMatchObject({ status: 404, json: { code: 'station.unknown' } })
    expect(await call('BootNotification', {})).toMatchObject({
      status: 400,
      json: { code: 'request.invalid' },
    })
    expect(await call('Reset', [1])).toMatchObject({ status: 400 })
    expect(api.bus.calls).toEqual([])
  })

  test('can be every message that OCPP 2.0.1 lets a CSMS send', () => {
    const schema = contract.document.components.schemas.CsmsAction
    expect(schema && 'enum' in schema && schema.enum).toEqual([...CSMS_ACTIONS].sort())
  })

  test('needs the role that fits what it does', async () => {
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    const statuses = async (action: string) =>
      Promise.all(
        (['viewer', 'operator', 'security', 'admin'] as const).map(
          async (role) => (await call(action, {}, role)).status,
        ),
      )
    expect(await statuses('Reset')).toEqual([403, 200, 403, 200])
    expect(await statuses('InstallCertificate')).toEqual([403, 403, 200, 200])
    expect(await statuses('DeleteCertificate')).toEqual([403, 403, 200, 200])
    expect(await statuses('CertificateSigned')).toEqual([403, 403, 200, 200])
    expect(await statuses('GetInstalledCertificateIds')).toEqual([403, 200, 200, 200])
  })
})
