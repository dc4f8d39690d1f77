/** Where events go. */

export const exportSettings = {
  type: 'object',
  description: 'Where security events are sent to, beside the database.',
  properties: {
    webhookUrl: {
      type: ['string', 'null'],
      default: null,
      description: 'An https address that gets security events as JSON, signed with HMAC-SHA256.',
    },
    webhookSecretFile: {
      type: ['string', 'null'],
      default: null,
      description: 'File with the secret of the signature, at least 32 characters.',
    },
    webhookPrivateAddress: {
      type: 'boolean',
      default: false,
      description: 'Whether the webhook may be on a private or loopback address, and without TLS.',
    },
    syslogHost: {
      type: ['string', 'null'],
      default: null,
      description: 'A syslog server that gets security events (RFC 5424).',
    },
    syslogPort: {
      type: 'integer',
      minimum: 1,
      maximum: 65535,
      default: 6514,
      description: 'Its port.',
    },
    syslogTls: {
      type: 'boolean',
      default: true,
      description: 'TLS (RFC 5425). Without it: TCP with octet counting.',
    },
    syslogUdp: {
      type: 'boolean',
      default: false,
      description: 'UDP (RFC 5426) in place of both: nobody says what arrived, and everybody can read it.',
    },
    syslogCaFile: {
      type: ['string', 'null'],
      default: null,
      description:
        'PEM of the authorities that the syslog server is trusted by; those of the system otherwise.',
    },
  },
} as const
