/** What the fleet of stations is made to hold. */

export const fleetSettings = {
  type: 'object',
  description: 'Certificates across the fleet: renewals and campaigns.',
  properties: {
    renewalsPerHour: {
      type: 'integer',
      minimum: 1,
      maximum: 100000,
      default: 500,
      description: 'Stations that are asked for a new certificate in one hour.',
    },
    firmwareHosts: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: [],
      description:
        'Hosts from which signed firmware is read, to check its signature before a station is asked; private addresses only as in pki.foreignOcsp.allowPrivateHosts.',
    },
    acceptSigningFirst: {
      type: 'boolean',
      default: false,
      description:
        'SignCertificate is answered Accepted before the request is judged; what is wrong shows in the security log.',
    },
    nudgeS: {
      type: 'integer',
      minimum: 1,
      maximum: 3600,
      default: 15,
      description:
        'A station that has a new certificate and keeps its old connection is disconnected after this long.',
    },
    triggerS: {
      type: 'integer',
      minimum: 1,
      maximum: 86400,
      default: 120,
      description: 'A station that was triggered and sent no request by then is triggered again.',
    },
    reconnectS: {
      type: 'integer',
      minimum: 5,
      maximum: 86400,
      default: 300,
      description: 'How long a station may take to come back after it was disconnected.',
    },
    retryS: {
      type: 'integer',
      minimum: 1,
      maximum: 3600,
      default: 15,
      description: 'Pause after a failed step; it doubles.',
    },
    callDeadlineS: {
      type: 'integer',
      minimum: 1,
      maximum: 600,
      default: 30,
      description: 'How long a station may take to answer.',
    },
  },
} as const
