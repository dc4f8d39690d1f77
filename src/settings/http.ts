/** The operator API and the listener for whoever checks certificates. */

export const httpSettings = {
  type: 'object',
  description: 'Operator API, dashboard, probes and metrics.',
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'Address to listen on.' },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 8080,
      description: '0 takes any free port.',
    },
    tlsCertFile: {
      type: ['string', 'null'],
      default: null,
      description: 'PEM chain, leaf first. Without it: plain HTTP.',
    },
    tlsKeyFile: {
      type: ['string', 'null'],
      default: null,
      description: 'PEM private key of the certificate.',
    },
  },
} as const

export const pkiHttpSettings = {
  type: 'object',
  description: 'OCSP, CRL and CA certificates for whoever has to check a certificate. Needs no API key.',
  properties: {
    enabled: { type: 'boolean', default: true, description: 'Whether to listen at all.' },
    host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'Address to listen on.' },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 8081,
      description: '0 takes any free port.',
    },
    publicUrl: {
      type: ['string', 'null'],
      default: null,
      pattern: '^https?://[^\\s]+$',
      description:
        'How others reach this listener; written into certificates. Without it they name no OCSP responder, CRL or issuer.',
    },
    est: {
      type: 'object',
      description: 'EST (RFC 7030) and the same documents over TLS, for stations and tools.',
      properties: {
        enabled: { type: 'boolean', default: false, description: 'Whether to listen at all.' },
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
          default: 8443,
          description: '0 takes any free port.',
        },
        perStationPerHour: {
          type: 'integer',
          minimum: 1,
          maximum: 1000000,
          default: 30,
          description: 'Certificates that one station may ask for within an hour; more are told to wait.',
        },
      },
    },
  },
} as const
