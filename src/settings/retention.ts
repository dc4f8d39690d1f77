/** How long history is kept. */

export const retentionSettings = {
  type: 'object',
  description:
    'How long history is kept. Sessions and the audit trail, whose entries prove each other, are not removed.',
  properties: {
    meterDetailDays: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      default: 90,
      description:
        'Meter values as stations sent them, from their arrival; quarters of an hour are made of them at once.',
    },
    meterValuesDays: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      default: 400,
      description: 'Quarters of an hour made of meter values, and at most this long the values themselves.',
    },
    transactionEventsDays: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      default: 400,
      description:
        'Single events of sessions, at least as long as their meter values; what they made of the session stays.',
    },
    stationEventsDays: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      default: 400,
      description: 'Events that stations reported.',
    },
    messages: {
      type: 'integer',
      minimum: 1000,
      maximum: 100000000,
      default: 200000,
      description: 'OCPP messages in the log; the oldest go first. About 1 kB each.',
    },
    messagesDays: {
      type: 'integer',
      minimum: 1,
      maximum: 36500,
      default: 30,
      description: 'OCPP messages, at most this long.',
    },
  },
} as const
