import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TransactionEventRequest } from '../../../src/ocpp/v201/messages.generated.ts'
import type { Store } from '../../../src/store/ports.ts'
import { Database } from '../../../src/store/sqlite/database.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'
import type { IdToken } from '../../../src/store/tokens.ts'

const at = '2026-11-22T10:00:00.000Z'

let store: Store
beforeEach(() => {
  store = createSqliteStore(':memory:')
})
afterEach(() => store.close())

function event(
  seqNo: number,
  eventType: TransactionEventRequest['eventType'],
  more: Partial<TransactionEventRequest> = {},
) {
  return {
    eventType,
    seqNo,
    timestamp: new Date(Date.parse(at) + seqNo * 60_000).toISOString(),
    triggerReason: 'MeterValuePeriodic' as const,
    transactionInfo: { transactionId: 'tx-1' },
    ...more,
  }
}

function reading(seqNo: number, valueWh: number) {
  const timestamp = new Date(Date.parse(at) + seqNo * 60_000).toISOString()
  return [{ timestamp, sampledValue: [{ value: valueWh }] }]
}

describe('group commit', () => {
  test('a job that throws undoes itself and nothing else of its batch', async () => {
    const db = new Database(':memory:')
    const insert = (id: string) =>
      db.run(
        "INSERT INTO stations (id, enrolment, registration, security_profile, created_at, updated_at) VALUES (?, 'active', 'Accepted', 1, ?, ?)",
        id,
        at,
        at,
      )
    const outcomes = await Promise.allSettled([
      db.write(() => insert('A')),
      db.write(() => {
        insert('B')
        throw new Error('no')
      }),
      db.write(() => insert('C')),
    ])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(db.all('SELECT id FROM stations ORDER BY id')).toEqual([{ id: 'A' }, { id: 'C' }])
    db.close()
  })

  test('more jobs than one batch are all committed', async () => {
    const db = new Database(':memory:')
    await Promise.all(
      Array.from({ length: 1200 }, (_, index) =>
        db.write(() => db.run('INSERT INTO station_numbers (id) VALUES (?)', `S${index}`)),
      ),
    )
    expect(db.get('SELECT count(*) AS n FROM station_numbers')).toEqual({ n: 1200 })
    db.close()
  })

  test('closing commits what is queued', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gridkeep-store-'))
    try {
      const first = createSqliteStore(join(folder, 'g.db'))
      const written = first.audit.append({ at, actor: 'cli', action: 'test', subject: 's', detail: { n: 1 } })
      await first.close()
      await written
      const second = createSqliteStore(join(folder, 'g.db'))
      expect(await second.audit.list()).toMatchObject([{ action: 'test', detail: { n: 1 } }])
      await second.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('sessions', () => {
  test('a repeated event changes nothing and says so', async () => {
    await store.sessions.record('S', event(0, 'Started', { evse: { id: 1 } }), at)
    const first = await store.sessions.record('S', event(1, 'Updated', { meterValue: reading(1, 500) }), at)
    const again = await store.sessions.record('S', event(1, 'Updated', { meterValue: reading(1, 900) }), at)
    expect(first.repeated).toBe(false)
    expect(again.repeated).toBe(true)
    expect(again.session).toEqual(first.session)
    expect(await store.sessions.meterValues({ stationId: 'S', transactionId: 'tx-1' })).toHaveLength(1)
  })

  test('events out of order give the same session as events in order, and a gap is counted until it closes', async () => {
    const events = [
      event(0, 'Started', {
        evse: { id: 2, connectorId: 1 },
        idToken: { type: 'ISO14443', idToken: 'AB' },
        meterValue: reading(0, 1000),
      }),
      event(1, 'Updated', {
        transactionInfo: { transactionId: 'tx-1', chargingState: 'Charging' },
        meterValue: reading(1, 1500),
      }),
      event(2, 'Updated', {
        transactionInfo: { transactionId: 'tx-1', chargingState: 'SuspendedEV' },
        meterValue: reading(2, 2000),
      }),
      event(3, 'Ended', {
        transactionInfo: { transactionId: 'tx-1', stoppedReason: 'EVDisconnected' },
        meterValue: reading(3, 2500),
      }),
    ]
    const other = createSqliteStore(':memory:')
    for (const one of events) await store.sessions.record('S', one, at)
    const order = [3, 0, 2, 1] // a station that was offline sends what it kept after what is new
    const gaps: number[] = []
    for (const index of order) {
      const one = events[index]
      if (one) gaps.push((await other.sessions.record('S', one, at)).session.missingSeqNos)
    }
    expect(gaps).toEqual([3, 2, 1, 0])
    expect(await other.sessions.get('S', 'tx-1')).toEqual(await store.sessions.get('S', 'tx-1'))
    expect(await store.sessions.get('S', 'tx-1')).toMatchObject({
      evseId: 2,
      chargingState: 'SuspendedEV',
      stoppedReason: 'EVDisconnected',
      meterStartWh: 1000,
      meterLastWh: 2500,
    })
    expect((await store.sessions.events('S', 'tx-1')).map((stored) => stored.event)).toEqual(events)
    await other.close()
  })

  test('energy in kWh, with a multiplier, per phase or at the inlet is told apart', async () => {
    const sampledValue = [
      { value: 4, measurand: 'Energy.Active.Import.Register' as const, phase: 'L1' as const },
      { value: 5, location: 'Inlet' as const },
      { value: 1.2, unitOfMeasure: { unit: 'kWh', multiplier: 1 } },
    ]
    const { session } = await store.sessions.record(
      'S',
      event(0, 'Started', { meterValue: [{ timestamp: at, sampledValue }] }),
      at,
    )
    expect(session.meterStartWh).toBe(12_000)
  })

  test('transactions of two stations with the same id are two sessions, listed newest first, page by page', async () => {
    for (const id of ['A', 'B', 'C']) await store.sessions.record(id, event(0, 'Started'), at)
    await store.sessions.record('B', event(1, 'Ended'), at)
    const first = await store.sessions.list({ limit: 2 })
    expect(first.map((session) => session.stationId)).toEqual(['C', 'B'])
    const rest = await store.sessions.list({ after: { stationId: 'B', transactionId: 'tx-1' } })
    expect(rest.map((session) => session.stationId)).toEqual(['A'])
    expect((await store.sessions.list({ active: true })).map((session) => session.stationId)).toEqual([
      'C',
      'A',
    ])
    expect(await store.sessions.list({ stationId: 'nobody' })).toEqual([])
  })
})

describe('stations', () => {
  const station = {
    id: 'CS1',
    enrolment: 'active',
    registration: 'Accepted',
    securityProfile: 2,
    passwordHash: 'h',
    serialNumber: 'SN',
    organisation: 'Org',
    group: 'g',
  } as const

  test('registering again keeps what the station reported', async () => {
    await store.stations.put(station, at)
    await store.stations.recordBoot('CS1', { at, reason: 'PowerUp', vendorName: 'V', model: 'M' })
    const changed = await store.stations.put({ ...station, securityProfile: 3 }, '2026-11-23T00:00:00.000Z')
    expect(changed).toMatchObject({
      securityProfile: 3,
      boot: { model: 'M' },
      createdAt: at,
      updatedAt: '2026-11-23T00:00:00.000Z',
    })
  })

  test('a value alone does not erase what an earlier report said of the variable', async () => {
    const attribute = {
      component: 'SmartChargingCtrlr',
      componentInstance: null,
      evseId: null,
      connectorId: null,
      variable: 'ProfileStackLevel',
      variableInstance: null,
      attributeType: 'Actual',
      value: '3',
      mutability: 'ReadOnly',
      persistent: true,
      constant: false,
      characteristics: { dataType: 'integer', supportsMonitoring: false },
    } as const
    await store.stations.recordVariables('CS1', [attribute], at)
    await store.stations.recordVariables(
      'CS1',
      [
        {
          ...attribute,
          value: '9',
          mutability: null,
          persistent: null,
          constant: null,
          characteristics: null,
        },
      ],
      at,
    )
    expect(await store.stations.variables('CS1', { component: 'SmartChargingCtrlr' })).toEqual([
      { ...attribute, value: '9' },
    ])
  })
})

describe('certificates', () => {
  const certificate = {
    fingerprint: 'f1',
    authorityId: 'cpo-sub-2',
    profile: 'station',
    serialNumber: 'abc',
    subject: 'CN=SN',
    stationId: 'CS1',
    notBefore: at,
    notAfter: '2027-11-22T10:00:00.000Z',
    der: new Uint8Array([1, 2, 3]),
    keyName: null,
    revokedAt: null,
    revocationReason: null,
  } as const
  const order = { id: 'o1', stationId: 'CS1', certificateType: null, keyHash: 'k', csrPem: 'pem' } as const

  test('the same key of the same station for the same use is one order', async () => {
    expect(await store.certificates.openOrder(order, at)).toMatchObject({
      existed: false,
      order: { state: 'requested', certificateType: null },
    })
    expect(await store.certificates.openOrder({ ...order, id: 'o2' }, at)).toMatchObject({
      existed: true,
      order: { id: 'o1' },
    })
    expect(
      await store.certificates.openOrder({ ...order, id: 'o3', certificateType: 'V2GCertificate' }, at),
    ).toMatchObject({ existed: false })
  })

  test('issuing moves the order in the same transaction, and an unknown order leaves no certificate behind', async () => {
    await expect(store.certificates.recordIssued(certificate, { id: 'nothing', at })).rejects.toThrow(
      /no signing order/,
    )
    expect(await store.certificates.byFingerprint('f1')).toBeUndefined()
    await store.certificates.openOrder(order, at)
    await store.certificates.recordIssued(certificate, { id: 'o1', at })
    expect(await store.certificates.orders({ stationId: 'CS1', states: ['issued'] })).toMatchObject([
      { fingerprint: 'f1' },
    ])
    expect((await store.certificates.byFingerprint('f1'))?.der).toEqual(Buffer.from([1, 2, 3]))
  })

  test('a serial number is used once per authority', async () => {
    await store.certificates.recordIssued(certificate)
    await expect(store.certificates.recordIssued({ ...certificate, fingerprint: 'f2' })).rejects.toThrow(
      /UNIQUE/,
    )
    await store.certificates.recordIssued({ ...certificate, fingerprint: 'f3', authorityId: 'other' })
  })

  test('a certificate is revoked once', async () => {
    await store.certificates.recordIssued(certificate)
    expect(await store.certificates.revoke('f1', 'keyCompromise', at)).toBe(true)
    expect(await store.certificates.revoke('f1', 'superseded', at)).toBe(false)
    expect(await store.certificates.bySerial('cpo-sub-2', 'abc')).toMatchObject({
      revocationReason: 'keyCompromise',
    })
  })
})

test('id tokens are listed page by page, also where one id is of two types', async () => {
  for (const [type, idToken] of [
    ['ISO14443', 'AB'],
    ['ISO15693', 'ab'],
    ['Local', 'C'],
  ] as const)
    await store.tokens.put({
      type,
      idToken,
      status: 'Accepted',
      group: null,
      expiresAt: null,
      masterPass: false,
      updatedAt: '2026-03-01T08:00:00Z',
    })
  const found: string[] = []
  for (let after: IdToken | undefined; ; ) {
    const [next] = await store.tokens.list({ limit: 1, ...(after && { after }) })
    if (next === undefined) break
    found.push(`${next.type}/${next.idToken}`)
    after = next
  }
  expect(found).toEqual(['ISO14443/AB', 'ISO15693/ab', 'Local/C'])
})

test('id tokens are found whatever their case', async () => {
  await store.tokens.put({
    type: 'ISO14443',
    idToken: 'aBcD',
    status: 'Accepted',
    group: { type: 'Central', idToken: 'G' },
    expiresAt: null,
    masterPass: false,
    updatedAt: at,
  })
  expect(await store.tokens.get('ISO14443', 'ABCD')).toMatchObject({
    idToken: 'aBcD',
    group: { idToken: 'G' },
  })
  expect(await store.tokens.get('ISO15693', 'ABCD')).toBeUndefined()
  expect(await store.tokens.remove('ISO14443', 'abcd')).toBe(true)
})
