import { afterAll, beforeAll, describe } from 'vitest'
import { type Act, AT, accepted, checkActs, following, LATER } from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('O: display messages', () => {
  const message = (change: object = {}) => ({
    message: {
      id: 5,
      priority: 'NormalCycle',
      message: { format: 'UTF8', content: 'Hello', language: 'en' },
      ...change,
    },
  })
  const set = (id: string, about: string, change: object, answer = 'Accepted'): Act => ({
    title: `TC_O_${id}_CSMS: shows ${about}`,
    action: 'SetDisplayMessage',
    request: message(change),
    answer: { status: answer },
    leaves: [answer === 'Accepted' ? 'done' : 'failed', answer],
  })
  const get = (id: string, about: string, request: object): Act => ({
    title: `TC_O_${id}_CSMS: asks for ${about}`,
    action: 'GetDisplayMessages',
    request,
    answer: accepted,
    leaves: following,
    follow: [
      {
        action: 'NotifyDisplayMessages',
        payload: (requestId) => ({ requestId, tbc: true, messageInfo: [message().message] }),
        leaves: ['following', 'Reporting'],
      },
      {
        action: 'NotifyDisplayMessages',
        payload: (requestId) => ({ requestId }),
        leaves: ['done', 'Reported'],
      },
    ],
  })
  const clear = (id: string, answer: string): Act => ({
    title: `TC_O_${id}_CSMS: clears a display message (${answer})`,
    action: 'ClearDisplayMessage',
    request: { id: 5 },
    answer: { status: answer },
    leaves: [answer === 'Accepted' ? 'done' : 'failed', answer],
  })
  checkActs(
    [
      get('02', 'all display messages', {}),
      {
        title: 'TC_O_03_CSMS: learns that there are no display messages',
        action: 'GetDisplayMessages',
        request: {},
        answer: { status: 'Unknown' },
        leaves: ['done', 'Unknown'],
      },
      {
        title: 'TC_O_11_CSMS: learns that there is no display message of an id',
        action: 'GetDisplayMessages',
        request: { id: [99] },
        answer: { status: 'Unknown' },
        leaves: ['done', 'Unknown'],
      },
      set('25', 'a message in a state', { state: 'Charging' }),
      set('26', 'a message that is refused', {}, 'Rejected'),
      get('07', 'a display message by its id', { id: [5] }),
      get('08', 'display messages of a priority', { priority: 'NormalCycle' }),
      get('09', 'display messages of a state', { state: 'Charging' }),
      clear('04', 'Accepted'),
      clear('05', 'Unknown'),
      set('06', 'a message during a transaction', { transactionId: 'TX' }),
      set(
        '10',
        'a message during a transaction that is not known',
        { transactionId: 'NONE' },
        'UnknownTransaction',
      ),
      set('12', 'a message in the place of another', { message: { format: 'ASCII', content: 'Other' } }),
      set('13', 'a message from a time on', { startDateTime: AT }),
      set('14', 'a message until a time', { endDateTime: LATER }),
      set(
        '17',
        'a message of a priority that is not supported',
        { priority: 'AlwaysFront' },
        'NotSupportedPriority',
      ),
      set('18', 'a message in a state that is not supported', { state: 'Idle' }, 'NotSupportedState'),
      set(
        '19',
        'a message in a format that is not supported',
        { message: { format: 'HTML', content: '<b>' } },
        'NotSupportedMessageFormat',
      ),
      set('27', 'a message during a transaction from a time on', { transactionId: 'TX', startDateTime: AT }),
      set('28', 'a message during a transaction until a time', {
        transactionId: 'TX',
        endDateTime: LATER,
        state: 'Charging',
      }),
    ],
    () => service,
  )
})
