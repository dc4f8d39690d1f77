import { afterAll, beforeAll, describe, it } from 'vitest'
import { type Act, AT, accepted, checkActs, done, following, idToken, transaction } from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('K: charging profiles as an operator sets them', () => {
  const schedule = { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] }
  const profile = (change: object = {}) => ({
    id: 7,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    chargingProfileKind: 'Absolute',
    chargingSchedule: [{ ...schedule, startSchedule: AT }],
    ...change,
  })
  const set = (id: string, about: string, request: object, answer = 'Accepted'): Act => ({
    title: `TC_K_${id}_CSMS: sets ${about}`,
    action: 'SetChargingProfile',
    request,
    answer: { status: answer },
    leaves: [answer === 'Accepted' ? 'done' : 'failed', answer],
  })
  const get = (id: string, about: string, request: object): Act => ({
    title: `TC_K_${id}_CSMS: asks for charging profiles ${about}`,
    action: 'GetChargingProfiles',
    request,
    answer: accepted,
    leaves: following,
    follow: [
      {
        action: 'ReportChargingProfiles',
        payload: (requestId) => ({
          requestId,
          chargingLimitSource: 'CSO',
          evseId: 1,
          chargingProfile: [profile()],
          tbc: true,
        }),
        leaves: ['following', 'Reporting'],
      },
      {
        action: 'ReportChargingProfiles',
        payload: (requestId) => ({
          requestId,
          chargingLimitSource: 'EMS',
          evseId: 1,
          chargingProfile: [profile()],
        }),
        leaves: ['done', 'Reported'],
      },
    ],
  })
  const composite = (evseId: number) => ({
    ...accepted,
    schedule: {
      evseId,
      duration: 3600,
      scheduleStart: AT,
      chargingRateUnit: 'A',
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }],
    },
  })
  const cleared = { chargingLimitSource: 'EMS', evseId: 1 }
  const limit = { evseId: 1, chargingLimit: { chargingLimitSource: 'EMS' }, chargingSchedule: [schedule] }
  checkActs(
    [
      set('01', 'a TxDefaultProfile of an EVSE', { evseId: 1, chargingProfile: profile() }),
      set(
        '02',
        'a TxProfile without a transaction, which is refused',
        {
          evseId: 1,
          chargingProfile: profile({ chargingProfilePurpose: 'TxProfile', transactionId: 'NONE' }),
        },
        'Rejected',
      ),
      set('03', 'a ChargingStationMaxProfile', {
        evseId: 0,
        chargingProfile: profile({ chargingProfilePurpose: 'ChargingStationMaxProfile' }),
      }),
      set('04', 'a profile in the place of another', {
        evseId: 1,
        chargingProfile: profile({ stackLevel: 1 }),
      }),
      set('10', 'a TxDefaultProfile of all EVSEs', { evseId: 0, chargingProfile: profile() }),
      set('19', 'a recurring profile', {
        evseId: 1,
        chargingProfile: profile({ chargingProfileKind: 'Recurring', recurrencyKind: 'Daily' }),
      }),
      set('60', 'a TxProfile of a transaction', {
        evseId: 1,
        chargingProfile: profile({ chargingProfilePurpose: 'TxProfile', transactionId: 'TX' }),
      }),
      set('70', 'profiles of several stack levels', {
        evseId: 1,
        chargingProfile: profile({ id: 8, stackLevel: 2 }),
      }),
      {
        title: 'TC_K_05_CSMS: clears a profile by its id',
        action: 'ClearChargingProfile',
        request: { chargingProfileId: 7 },
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_K_06_CSMS: clears a profile by stack level and purpose',
        action: 'ClearChargingProfile',
        request: {
          chargingProfileCriteria: { evseId: 1, stackLevel: 0, chargingProfilePurpose: 'TxDefaultProfile' },
        },
        answer: accepted,
        leaves: done,
      },
      {
        title: 'TC_K_08_CSMS: learns that there was no profile to clear',
        action: 'ClearChargingProfile',
        request: { chargingProfileId: 99 },
        answer: { status: 'Unknown' },
        leaves: ['failed', 'Unknown'],
      },
      get('29', 'of the station', { evseId: 0, chargingProfile: { chargingLimitSource: ['CSO'] } }),
      get('30', 'of an EVSE', { evseId: 1, chargingProfile: { chargingLimitSource: ['CSO'] } }),
      get('31', 'of everything', { chargingProfile: { chargingLimitSource: ['CSO'] } }),
      get('32', 'by id', { chargingProfile: { chargingProfileId: [7] } }),
      get('33', 'of an EVSE and stack level', { evseId: 1, chargingProfile: { stackLevel: 0 } }),
      get('34', 'of an EVSE and source', { evseId: 1, chargingProfile: { chargingLimitSource: ['EMS'] } }),
      get('35', 'of an EVSE and purpose', {
        evseId: 1,
        chargingProfile: { chargingProfilePurpose: 'TxDefaultProfile' },
      }),
      get('36', 'of an EVSE, purpose and stack level', {
        evseId: 1,
        chargingProfile: { chargingProfilePurpose: 'TxDefaultProfile', stackLevel: 0 },
      }),
      get('52', 'that someone else has set', {
        chargingProfile: { chargingProfilePurpose: 'ChargingStationExternalConstraints' },
      }),
      {
        title: 'TC_K_37_CSMS: starts remotely with a charging profile',
        action: 'RequestStartTransaction',
        request: {
          idToken,
          evseId: 1,
          chargingProfile: profile({
            chargingProfilePurpose: 'TxProfile',
            chargingProfileKind: 'Relative',
            chargingSchedule: [schedule],
          }),
        },
        answer: accepted,
        leaves: following,
        follow: [{ ...transaction('Started', 'RemoteStart', {}, { idToken }), leaves: ['done', 'Started'] }],
      },
      {
        title: 'TC_K_43_CSMS: asks for the composite schedule of an EVSE',
        action: 'GetCompositeSchedule',
        request: { evseId: 1, duration: 3600 },
        answer: composite(1),
        leaves: done,
      },
      {
        title: 'TC_K_44_CSMS: asks for the composite schedule of the station',
        action: 'GetCompositeSchedule',
        request: { evseId: 0, duration: 3600, chargingRateUnit: 'A' },
        answer: composite(0),
        leaves: done,
      },
    ],
    () => service,
  )
  it.each([
    ['TC_K_48_CSMS: keeps an external limit without a transaction', 'NotifyChargingLimit', limit],
    [
      'TC_K_50_CSMS: keeps that an external limit is gone, without a transaction',
      'ClearedChargingLimit',
      cleared,
    ],
    [
      'TC_K_51_CSMS: keeps that an external limit is gone, with a transaction',
      'ClearedChargingLimit',
      cleared,
    ],
  ] as const)('%s', async (title, action, payload) => {
    const station = await service.booted(title.slice(0, 12))
    if (title.includes('with a transaction'))
      await station.ok('TransactionEvent', transaction('Started', 'CablePluggedIn').payload(null))
    await station.ok(action, payload)
    const [event] = await service.store.events.list({ stationId: title.slice(0, 12), kind: action })
    if (event?.type !== 'EMS') throw new Error('the limit was not kept')
    await station.close()
  })

  it('TC_K_15_CSMS: learns that charging profiles are not supported', async () => {
    const station = await service.booted('TC_K_15')
    const placed = service.server.orders.place(
      'TC_K_15',
      'SetChargingProfile',
      { evseId: 1, chargingProfile: profile() as never },
      { actor: 'test' },
    )
    const [, id] = await station.next((message) => message[0] === 2)
    station.send(JSON.stringify([4, id, 'NotSupported', '', {}]))
    const { order } = await placed
    if (order.state !== 'failed' || order.outcome !== 'NotSupported') throw new Error(JSON.stringify(order))
    await station.close()
  })
})
