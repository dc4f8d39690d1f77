import { afterAll, beforeAll, describe } from 'vitest'
import {
  type Act,
  accepted,
  availability,
  checkActs,
  connector,
  evse,
  following,
  groupIdToken,
  idToken,
  LATER,
  rejected,
  status,
  transaction,
} from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('G, H: availability and reservations', () => {
  const change = (
    id: string,
    about: string,
    place: object,
    operationalStatus: 'Operative' | 'Inoperative',
    follow: Act['follow'],
    answer = 'Accepted',
  ): Act => ({
    title: `TC_G_${id}_CSMS: makes ${about} ${operationalStatus}`,
    action: 'ChangeAvailability',
    request: { ...place, operationalStatus },
    answer: { status: answer },
    leaves: ['following', answer],
    ...(follow === undefined ? {} : { follow }),
  })
  const unavailable = ['done', 'Unavailable'] as const
  const available = ['done', 'Available'] as const
  const reserve = (id: string, about: string, request: object, follow: Act['follow']): Act => ({
    title: `TC_H_${id}_CSMS: reserves ${about}`,
    action: 'ReserveNow',
    request: { expiryDateTime: LATER, idToken, ...request },
    answer: accepted,
    leaves: following,
    ...(follow === undefined ? {} : { follow }),
  })
  const used = {
    action: 'TransactionEvent' as const,
    payload: (reservationId: number | null) => ({
      ...transaction('Started', 'Authorized', {}, { idToken }).payload(null),
      reservationId,
    }),
    leaves: ['done', 'Used'] as const,
  }
  const update = (reservationUpdateStatus: string, leaves: readonly ['done' | 'failed', string]) => ({
    action: 'ReservationStatusUpdate' as const,
    payload: (reservationId: number | null) => ({ reservationId, reservationUpdateStatus }),
    leaves,
  })
  const reserved = { ...status('Reserved'), leaves: following }
  checkActs(
    [
      change('03', 'an EVSE', { evse }, 'Inoperative', [{ ...status('Unavailable'), leaves: unavailable }]),
      change('04', 'an EVSE', { evse }, 'Operative', [{ ...status('Available'), leaves: available }]),
      change('05', 'a station', {}, 'Inoperative', [
        { ...availability('Unavailable', 'ChargingStation', undefined), leaves: unavailable },
      ]),
      change('06', 'a station', {}, 'Operative', [
        { ...availability('Available', 'ChargingStation', undefined), leaves: available },
      ]),
      change('07', 'a connector', { evse: connector }, 'Inoperative', [
        { ...status('Unavailable', 1, 2), leaves: following },
        { ...availability('Unavailable'), leaves: unavailable },
      ]),
      change('08', 'a connector', { evse: connector }, 'Operative', [
        { ...status('Available'), leaves: available },
      ]),
      change(
        '11',
        'an EVSE with a transaction',
        { evse },
        'Inoperative',
        [
          {
            ...transaction('Ended', 'StopAuthorized', { stoppedReason: 'Local' }),
            leaves: ['following', 'Scheduled'],
          },
          { ...status('Unavailable'), leaves: unavailable },
        ],
        'Scheduled',
      ),
      change(
        '14',
        'a station with a transaction',
        {},
        'Inoperative',
        [{ ...status('Unavailable'), leaves: unavailable }],
        'Scheduled',
      ),
      change(
        '17',
        'a connector with a transaction',
        { evse: connector },
        'Inoperative',
        [{ ...status('Unavailable'), leaves: unavailable }],
        'Scheduled',
      ),
      reserve('01', 'an EVSE, which is used', { evseId: 1 }, [reserved, used]),
      reserve('07', 'an EVSE, which is not used in time', { evseId: 1 }, [
        reserved,
        update('Expired', ['done', 'Expired']),
      ]),
      reserve('08', 'any EVSE', {}, [used]),
      reserve('14', 'the last free EVSE', {}, [
        { ...status('Reserved', 1), leaves: following },
        { ...status('Reserved', 2), leaves: following },
      ]),
      reserve('15', 'a connector of a type', { connectorType: 'cType2' }, [used]),
      reserve('19', 'an EVSE for a group', { evseId: 1, groupIdToken }, [reserved]),
      reserve('20', 'an EVSE that breaks', { evseId: 1 }, [
        reserved,
        status('Faulted'),
        update('Removed', ['failed', 'Removed']),
      ]),
      {
        title: 'TC_H_22_CSMS: learns that a reservation was not taken',
        action: 'ReserveNow',
        request: { expiryDateTime: LATER, idToken, evseId: 1 },
        answer: rejected,
        leaves: ['failed', 'Rejected'],
      },
    ],
    () => service,
  )
})
