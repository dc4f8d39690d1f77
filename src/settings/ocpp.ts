/** Where stations connect, and what they are told. */

import { WANTED_VARIABLE } from '../stations/wanted-variables.ts'

export const ocppSettings = {
  type: 'object',
  description: 'Where stations connect.',
  properties: {
    ws: {
      type: 'object',
      description: 'Without TLS: security profile 1.',
      properties: {
        enabled: {
          type: 'boolean',
          default: false,
          description: 'Passwords and everything else travel in the clear.',
        },
        host: {
          type: 'string',
          minLength: 1,
          default: '127.0.0.1',
          description: 'Address to listen on.',
        },
        port: {
          type: 'integer',
          minimum: 0,
          maximum: 65535,
          default: 9000,
          description: '0 takes any free port.',
        },
      },
    },
    wss: {
      type: 'object',
      description: 'With TLS: security profiles 2 and 3.',
      properties: {
        enabled: { type: 'boolean', default: true, description: 'Whether to listen at all.' },
        host: { type: 'string', minLength: 1, default: '0.0.0.0', description: 'Address to listen on.' },
        port: {
          type: 'integer',
          minimum: 0,
          maximum: 65535,
          default: 9443,
          description: '0 takes any free port.',
        },
        certFile: {
          type: ['string', 'null'],
          default: null,
          description:
            'PEM chain with an ECDSA key, leaf first. Without it: a certificate from the own CA for pki.serverNames.',
        },
        keyFile: { type: ['string', 'null'], default: null, description: 'PEM private key of certFile.' },
        rsaCertFile: {
          type: ['string', 'null'],
          default: null,
          description:
            'A chain with an RSA key, for stations without ECDSA. Without it, and without certFile, the own CA issues one too.',
        },
        rsaKeyFile: {
          type: ['string', 'null'],
          default: null,
          description: 'PEM private key of rsaCertFile.',
        },
        formerPort: {
          type: ['integer', 'null'],
          minimum: 0,
          maximum: 65535,
          default: null,
          description:
            'A second port that presents the chain before the last rollover, for stations that cannot follow. Own CA only.',
        },
        formerNames: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          default: [],
          description:
            'Host names for which port presents the chain before the last rollover (SNI). Own CA only.',
        },
      },
    },
    messageLog: {
      type: 'string',
      enum: ['all', 'notable', 'off'],
      default: 'notable',
      description:
        'Which OCPP messages operators can look up. notable: all but heartbeats and periodic meter values, which are kept elsewhere. all slows a busy fleet down.',
    },
    dataTransfer: {
      type: 'object',
      description: 'Messages of vendors (DataTransfer). All are kept among the events of the station.',
      properties: {
        known: {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 306 },
          maxItems: 1000,
          default: [],
          description:
            'Answered Accepted: vendorId for all messages of a vendor, vendorId/messageId for one. Others get UnknownVendorId or UnknownMessageId.',
        },
      },
    },
    tariff: {
      type: 'object',
      description:
        'What stations may show as the cost of a session, in the currency that they are set to. Both 0: free of charge.',
      properties: {
        perSession: {
          type: 'number',
          minimum: 0,
          maximum: 1000000,
          default: 0,
          description: 'Base price of a session.',
        },
        perKWh: { type: 'number', minimum: 0, maximum: 1000000, default: 0, description: 'Price of energy.' },
      },
    },
    provisioning: {
      type: 'object',
      description: 'What happens after each boot of a station.',
      properties: {
        variables: {
          type: 'array',
          items: { type: 'string', pattern: WANTED_VARIABLE },
          maxItems: 200,
          default: [],
          description:
            'Set where the device model does not show these values already: Component.Variable=value; instances in brackets, an EVSE after @. Secrets do not belong here.',
        },
        report: {
          type: 'string',
          enum: ['none', 'ConfigurationInventory', 'FullInventory', 'SummaryInventory'],
          default: 'none',
          description: 'Asked for where the device model of a station is not known yet.',
        },
        acceptPending: {
          type: 'boolean',
          default: false,
          description: 'Registered stations that are Pending become Accepted once they took the variables.',
        },
      },
    },
    policy: {
      type: 'object',
      description: 'Rules and bounds for every connection.',
      properties: {
        allowPendingEnrolment: {
          type: 'boolean',
          default: false,
          description:
            'Unknown stations may connect and wait (boot answered Pending) until an operator registers them.',
        },
        maxPendingEnrolments: {
          type: 'integer',
          minimum: 0,
          maximum: 100000,
          default: 100,
          description: 'Unknown stations that may wait at once.',
        },
        heartbeatIntervalS: {
          type: 'integer',
          minimum: 10,
          maximum: 86400,
          default: 300,
          description: 'Told to accepted stations at boot.',
        },
        bootRetryIntervalS: {
          type: 'integer',
          minimum: 5,
          maximum: 86400,
          default: 60,
          description: 'Told to pending and rejected stations at boot.',
        },
        callTimeoutMs: {
          type: 'integer',
          minimum: 1000,
          maximum: 300000,
          default: 30000,
          description: 'How long a station may take to answer a call.',
        },
        maxQueuedCalls: {
          type: 'integer',
          minimum: 1,
          maximum: 10000,
          default: 64,
          description: 'Calls that may wait for their turn per station.',
        },
        maxFrameBytes: {
          type: 'integer',
          minimum: 16384,
          maximum: 16777216,
          default: 262144,
          description: 'A larger message closes the connection.',
        },
        maxBacklog: {
          type: 'integer',
          minimum: 1,
          maximum: 100000,
          default: 128,
          description: 'Calls of one station that may wait for the one being handled.',
        },
        maxUnreadBytes: {
          type: 'integer',
          minimum: 65536,
          maximum: 268435456,
          default: 1048576,
          description: 'A station that lets this much pile up unread is disconnected.',
        },
        pingIntervalMs: {
          type: 'integer',
          minimum: 1000,
          maximum: 3600000,
          default: 60000,
          description: 'Silence after which a ping is sent.',
        },
        pongTimeoutMs: {
          type: 'integer',
          minimum: 1000,
          maximum: 3600000,
          default: 30000,
          description: 'A ping without any sign of life for this long ends the connection.',
        },
        handshakeTimeoutMs: {
          type: 'integer',
          minimum: 1000,
          maximum: 120000,
          default: 20000,
          description: 'TLS handshake and upgrade must be done by then.',
        },
        cacheExpiryS: {
          type: ['integer', 'null'],
          minimum: 60,
          maximum: 31536000,
          default: null,
          description:
            'How long stations may believe an authorization that they keep. Without it their own AuthCacheLifeTime applies.',
        },
        compression: {
          type: 'boolean',
          default: true,
          description: 'Offer WebSocket compression to stations that ask for it.',
        },
      },
    },
  },
} as const
