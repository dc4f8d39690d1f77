import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Action, Requests } from '../../src/ocpp/v201/messages.generated.ts'
import type { StationOrder } from '../../src/store/orders.ts'
import { createSqliteStore } from '../../src/store/sqlite/index.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { BOOT, startService, type TestService } from './support/ocpp-service.ts'

const AT = '2026-03-01T10:00:00Z'
const actor = 'test'
const now = Date.parse(AT)
let service: TestService
beforeAll(async () => {
  service = await startService({ clock: { now: () => now }, policy: { callTimeoutMs: 1000 } })
})
afterAll(() => service.stop())

/** A booted station that answers every call with this. */
async function station(id: string, answers: { [A in Action]?: object }): Promise<TestClient> {
  const client = await service.booted(id)
  client.answer((action) => answers[action as Action])
  return client
}

async function place<A extends Action>(stationId: string, action: A, request: Requests[A]) {
  return service.server.orders.place(stationId, action, request, { actor })
}

async function current(order: StationOrder): Promise<StationOrder> {
  const found = await service.server.orders.get(order.id)
  if (found === undefined) throw new Error('the order is gone')
  return found
}

const getLog = {
  logType: 'DiagnosticsLog',
  log: { remoteLocation: 'https://logs.example.com/' },
} as Requests['GetLog']

describe('an order', () => {
  it('gets the number that the station will refer to, and is done when the upload is', async () => {
    const client = await station('O-LOG', { GetLog: { status: 'Accepted', filename: 'log.zip' } })
    const { order } = await place('O-LOG', 'GetLog', getLog)
    expect(order).toMatchObject({
      state: 'following',
      outcome: 'Accepted',
      response: { filename: 'log.zip' },
      actor,
    })
    const requestId = order.correlation
    await client.ok('LogStatusNotification', { status: 'Uploading', requestId })
    expect(await current(order)).toMatchObject({ state: 'following', outcome: 'Uploading' })
    await client.ok('LogStatusNotification', { status: 'Uploaded', requestId: (requestId ?? 0) + 1 })
    expect(await current(order)).toMatchObject({ state: 'following' })
    await client.ok('LogStatusNotification', { status: 'Uploaded', requestId })
    expect(await current(order)).toMatchObject({
      state: 'done',
      outcome: 'Uploaded',
      result: { steps: ['Uploading', 'Uploaded'] },
    })
    expect(service.events).toContainEqual(
      expect.objectContaining({ kind: 'order.updated', orderId: order.id, state: 'done' }),
    )
    await client.close()
  })

  it('fails with the word of the station, of the protocol or of the network', async () => {
    const client = await station('O-FAIL', {
      GetLog: { status: 'Rejected' },
      ClearCache: { status: 'Perhaps' },
    })
    expect((await place('O-FAIL', 'GetLog', getLog)).order).toMatchObject({
      state: 'failed',
      outcome: 'Rejected',
    })
    expect((await place('O-FAIL', 'ClearCache', {})).order).toMatchObject({
      state: 'failed',
      outcome: 'malformed',
    })
    expect((await place('O-FAIL', 'Reset', {} as never)).order).toMatchObject({
      state: 'failed',
      outcome: 'invalid',
    })
    const slow = service.server.orders.place('O-FAIL', 'GetLocalListVersion', {}, { actor, deadlineMs: 120 })
    expect((await slow).order).toMatchObject({ state: 'failed', outcome: 'deadline' })
    await client.close()
    expect((await place('O-NOBODY', 'ClearCache', {})).order).toMatchObject({
      state: 'failed',
      outcome: 'offline',
    })
  })

  it('sees messages that overtake the answer to its call', async () => {
    const client = await service.booted('O-EARLY')
    const placed = place('O-EARLY', 'TriggerMessage', { requestedMessage: 'Heartbeat' })
    const [, id] = await client.next((message) => message[0] === 2)
    await client.ok('Heartbeat', {})
    client.send(JSON.stringify([3, id, { status: 'Accepted' }]))
    expect(await current((await placed).order)).toMatchObject({ state: 'done', outcome: 'Received' })
    await client.close()
  })

  it('for a report is done when every part is there, in any order and however often', async () => {
    const client = await station('O-REPORT', { GetBaseReport: { status: 'Accepted' } })
    const { order } = await place('O-REPORT', 'GetBaseReport', {
      reportBase: 'FullInventory',
    } as Requests['GetBaseReport'])
    const part = (seqNo: number, tbc: boolean) => ({
      requestId: order.correlation,
      generatedAt: AT,
      seqNo,
      tbc,
      reportData: [
        {
          component: { name: `C${seqNo}` },
          variable: { name: 'V' },
          variableAttribute: [{ value: String(seqNo) }],
        },
      ],
    })
    for (const [seqNo, tbc] of [
      [0, true],
      [2, false],
      [2, false],
    ] as const)
      await client.ok('NotifyReport', part(seqNo, tbc))
    expect(await current(order)).toMatchObject({ state: 'following', outcome: 'Reporting' })
    await client.ok('NotifyReport', part(1, true))
    expect(await current(order)).toMatchObject({
      state: 'done',
      outcome: 'Reported',
      result: { parts: [0, 1, 2] },
    })
    expect(await service.store.stations.variables('O-REPORT')).toHaveLength(3)
    await client.close()
  })

  it('for a report of nothing is done at once', async () => {
    const client = await station('O-EMPTY', { GetReport: { status: 'EmptyResultSet' } })
    const { order } = await place('O-EMPTY', 'GetReport', {
      componentCriteria: ['Problem'],
    } as Requests['GetReport'])
    expect(order).toMatchObject({ state: 'done', outcome: 'EmptyResultSet' })
    await client.close()
  })

  it('to reset is followed over the reconnect to the boot', async () => {
    const client = await station('O-RESET', { Reset: { status: 'Accepted' } })
    const { order } = await place('O-RESET', 'Reset', { type: 'Immediate' })
    client.socket.terminate()
    const again = await service.station('O-RESET')
    await again.ok('BootNotification', { ...BOOT, reason: 'RemoteReset' })
    expect(await current(order)).toMatchObject({
      state: 'done',
      outcome: 'Rebooted',
      result: { reason: 'RemoteReset' },
    })
    await again.close()
  })

  it('to start is followed to the transaction, and to stop to its end', async () => {
    const client = await station('O-START', {
      RequestStartTransaction: { status: 'Accepted' },
      RequestStopTransaction: { status: 'Accepted' },
    })
    const { order: start } = await place('O-START', 'RequestStartTransaction', {
      idToken: { idToken: 'app-1', type: 'Central' },
      evseId: 1,
    } as Requests['RequestStartTransaction'])
    const event = {
      eventType: 'Started',
      timestamp: AT,
      triggerReason: 'RemoteStart',
      seqNo: 0,
      transactionInfo: { transactionId: 'TX-1', remoteStartId: start.correlation },
      evse: { id: 1 },
    }
    await client.ok('TransactionEvent', event)
    expect(await current(start)).toMatchObject({
      state: 'done',
      outcome: 'Started',
      result: { transactionId: 'TX-1' },
    })
    const { order: stop } = await place('O-START', 'RequestStopTransaction', { transactionId: 'TX-1' })
    await client.ok('TransactionEvent', {
      ...event,
      eventType: 'Updated',
      triggerReason: 'RemoteStop',
      seqNo: 1,
    })
    expect(await current(stop)).toMatchObject({ state: 'following', outcome: 'RemoteStop' })
    await client.ok('TransactionEvent', {
      ...event,
      eventType: 'Ended',
      triggerReason: 'EVCommunicationLost',
      seqNo: 2,
      transactionInfo: { transactionId: 'TX-1', stoppedReason: 'Remote' },
    })
    expect(await current(stop)).toMatchObject({
      state: 'done',
      outcome: 'Ended',
      result: { stoppedReason: 'Remote' },
    })
    await client.close()
  })

  it('to reserve ends when the reservation is used, expires or is cancelled', async () => {
    const client = await station('O-RES', {
      ReserveNow: { status: 'Accepted' },
      CancelReservation: { status: 'Accepted' },
    })
    const reserve = async () =>
      (
        await place('O-RES', 'ReserveNow', {
          expiryDateTime: '2026-03-01T12:00:00Z',
          idToken: { idToken: 'AA', type: 'ISO14443' },
        } as Requests['ReserveNow'])
      ).order
    const [used, expired, cancelled] = [await reserve(), await reserve(), await reserve()]
    expect(new Set([used, expired, cancelled].map((order) => order.correlation)).size).toBe(3)
    await client.ok('TransactionEvent', {
      eventType: 'Started',
      timestamp: AT,
      triggerReason: 'Authorized',
      seqNo: 0,
      reservationId: used.correlation,
      transactionInfo: { transactionId: 'TX-R' },
    })
    await client.ok('ReservationStatusUpdate', {
      reservationId: expired.correlation,
      reservationUpdateStatus: 'Expired',
    })
    await place('O-RES', 'CancelReservation', { reservationId: cancelled.correlation ?? 0 })
    expect(await current(used)).toMatchObject({
      state: 'done',
      outcome: 'Used',
      result: { transactionId: 'TX-R' },
    })
    expect(await current(expired)).toMatchObject({ state: 'done', outcome: 'Expired' })
    expect(await current(cancelled)).toMatchObject({ state: 'done', outcome: 'Cancelled' })
    await client.close()
  })

  it('keeps no password', async () => {
    const client = await station('O-PASS', { SetVariables: { setVariableResult: [] } })
    const { order } = await place('O-PASS', 'SetVariables', {
      setVariableData: [
        {
          component: { name: 'SecurityCtrlr' },
          variable: { name: 'BasicAuthPassword' },
          attributeValue: 'very-secret-password',
        },
      ],
    })
    const [, , , sent] = await client.next((message) => message[0] === 2)
    expect(JSON.stringify(sent)).toContain('very-secret-password')
    expect(JSON.stringify(await current(order))).not.toContain('very-secret-password')
    await client.close()
  })

  it('survives a restart of the service while it is followed', async () => {
    const path = `/tmp/gridkeep-orders-${process.pid}-${Date.now()}.db`
    const first = await startService({ store: createSqliteStore(path) })
    const client = await first.booted('O-KILL')
    client.answer(() => ({ status: 'Accepted' }))
    const { order } = await first.server.orders.place('O-KILL', 'GetLog', getLog, { actor })
    await first.stop()
    const second = await startService({ store: createSqliteStore(path) })
    const again = await second.booted('O-KILL')
    await again.ok('LogStatusNotification', { status: 'Uploaded', requestId: order.correlation })
    expect(await second.server.orders.get(order.id)).toMatchObject({ state: 'done', outcome: 'Uploaded' })
    await second.stop()
    const { rmSync } = await import('node:fs')
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  })

  it('goes out in parts that the station takes (TC_B_08_CSMS, TC_N_18_CSMS)', async () => {
    const client = await service.booted('O-SPLIT')
    await client.ok('NotifyReport', {
      requestId: 1,
      generatedAt: AT,
      seqNo: 0,
      reportData: [
        ['DeviceDataCtrlr', 'GetVariables', '4'],
        ['MonitoringCtrlr', 'ClearVariableMonitoring', '2'],
      ].map(([name, instance, value]) => ({
        component: { name },
        variable: { name: 'ItemsPerMessage', instance },
        variableAttribute: [{ value }],
      })),
    })
    const sizes: number[] = []
    client.answer((action, payload) => {
      const request = payload as {
        getVariableData?: { component: object; variable: object }[]
        id?: number[]
      }
      if (action === 'GetVariables') {
        sizes.push(request.getVariableData?.length ?? 0)
        return {
          getVariableResult: request.getVariableData?.map((data) => ({
            ...data,
            attributeStatus: 'Accepted',
            attributeValue: '1',
          })),
        }
      }
      sizes.push(request.id?.length ?? 0)
      return { clearMonitoringResult: request.id?.map((id) => ({ id, status: 'Accepted' })) }
    })
    const names = ['A', 'B', 'C', 'D', 'E']
    const { order } = await place('O-SPLIT', 'GetVariables', {
      getVariableData: names.map((name) => ({ component: { name: 'X' }, variable: { name } })),
    })
    expect(sizes).toEqual([4, 1])
    expect(order).toMatchObject({
      state: 'done',
      response: { getVariableResult: names.map((name) => ({ variable: { name } })) },
    })
    await place('O-SPLIT', 'ClearVariableMonitoring', { id: [1, 2, 3] })
    expect(sizes).toEqual([4, 1, 2, 1])
    await client.close()
  })
})

describe('the local authorization list', () => {
  it('is sent in full, then by differences, with rising versions, and in full again when the station lost step', async () => {
    const client = await service.booted('L-1')
    let version = 0
    const updates: { updateType: string; size: number; removed: number }[] = []
    client.answer((action, payload) => {
      if (action === 'GetLocalListVersion') return { versionNumber: version }
      const request = payload as Requests['SendLocalList']
      const list = request.localAuthorizationList ?? []
      if (request.updateType === 'Differential' && request.versionNumber <= version)
        return { status: 'VersionMismatch' }
      version = request.versionNumber
      updates.push({
        updateType: request.updateType,
        size: list.length,
        removed: list.filter((entry) => entry.idTokenInfo === undefined).length,
      })
      return { status: 'Accepted' }
    })
    const put = (idToken: string, status: 'Accepted' | 'Blocked' = 'Accepted') =>
      service.store.tokens.put({
        type: 'ISO14443',
        idToken,
        status,
        group: null,
        expiresAt: null,
        masterPass: false,
        updatedAt: AT,
      })
    await Promise.all(['A1', 'A2', 'A3'].map((token) => put(token)))
    const { localLists } = service.server
    expect(await localLists.sync('L-1', { actor })).toEqual({ status: 'Accepted', version: 1, messages: 1 })
    expect(await localLists.sync('L-1', { actor })).toMatchObject({
      status: 'Accepted',
      version: 1,
      messages: 0,
    })
    await put('A2', 'Blocked')
    await put('A4')
    await service.store.tokens.remove('ISO14443', 'A1')
    expect(await localLists.sync('L-1', { actor })).toMatchObject({ status: 'Accepted', version: 2 })
    version = 7
    expect(await localLists.sync('L-1', { actor })).toMatchObject({ status: 'Accepted', version: 8 })
    expect(updates).toEqual([
      { updateType: 'Full', size: 3, removed: 0 },
      { updateType: 'Differential', size: 3, removed: 1 },
      { updateType: 'Full', size: 3, removed: 0 },
    ])
    expect(await localLists.get('L-1')).toMatchObject({ version: 8, entries: [{}, {}, {}] })
    await client.close()
  })
})

describe('provisioning by policy', () => {
  it('sets what is missing after a boot, and accepts a pending station that took it', async () => {
    const component = { name: 'OCPPCommCtrlr' }
    const variable = { name: 'OfflineThreshold' }
    const policy = {
      provisioning: { variables: [{ component, variable, attributeValue: '120' }], acceptPending: true },
    }
    const provisioned = await startService({ policy })
    await provisioned.register('P-1', { registration: 'Pending' })
    const client = await provisioned.station('P-1')
    client.answer((action) =>
      action === 'SetVariables'
        ? { setVariableResult: [{ attributeStatus: 'Accepted', component, variable }] }
        : { status: 'Accepted' },
    )
    expect(await client.ok('BootNotification', BOOT)).toMatchObject({ status: 'Pending' })
    const [first] = client.received.filter((message) => message[0] !== 2)
    expect(client.received[0]).toBe(first)
    await client.next((message) => message[2] === 'TriggerMessage')
    expect(await client.ok('BootNotification', { ...BOOT, reason: 'Triggered' })).toMatchObject({
      status: 'Accepted',
    })
    expect(client.received.filter((message) => message[2] === 'SetVariables')).toHaveLength(1)
    expect(await provisioned.server.orders.list({ stationId: 'P-1' })).toMatchObject([
      { action: 'SetVariables', actor: 'policy', state: 'done' },
    ])
    await client.close()
    await provisioned.stop()
  })
})
