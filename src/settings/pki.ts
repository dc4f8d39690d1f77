/** Certificate authorities. */

export const pkiSettings = {
  type: 'object',
  description: 'Certificate authorities and what they write into certificates.',
  properties: {
    organisation: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      default: 'Gridkeep Development',
      description: 'O of the authorities, and of stations that are registered without an organisation.',
    },
    serverNames: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 253 },
      minItems: 1,
      maxItems: 50,
      default: ['localhost', '127.0.0.1'],
      description:
        'Host names and IP addresses that stations dial, the main name first; for the certificate from the own CA.',
    },
    passphraseFile: {
      type: ['string', 'null'],
      default: null,
      description:
        'File with the passphrase of the key store (first line). Or set GRIDKEEP_PKI_PASSPHRASE. With neither, a random one is kept in dataDir/passphrase: move it elsewhere for production.',
    },
    offlineAuthorities: {
      type: 'array',
      items: { type: 'string', pattern: '^[a-z0-9-]{1,64}$' },
      maxItems: 50,
      default: [],
      description:
        'Authorities whose keys are never made here, e.g. v2g-root: their certificates come by ceremony or import.',
    },
    fourEyes: {
      type: 'array',
      items: { type: 'string', pattern: '^[a-zA-Z0-9:/*-]{1,80}$' },
      maxItems: 50,
      default: [],
      description:
        'Operations on authorities that need a second key to agree, e.g. new-generation; issue:PROFILE for single profiles; * for all.',
    },
    authorityKeys: {
      type: 'object',
      description: 'Where the keys of authorities are made and used. OCSP and TLS keys are always files.',
      properties: {
        store: {
          type: 'string',
          enum: ['files', 'pkcs11', 'command'],
          default: 'files',
          description:
            'files: encrypted in the database. pkcs11: on a token. command: an external program signs.',
        },
        deadlineMs: {
          type: 'integer',
          minimum: 100,
          maximum: 60000,
          default: 5000,
          description: 'A token or program that takes longer pauses issuance.',
        },
        pkcs11Library: {
          type: ['string', 'null'],
          default: null,
          description: 'Path of the PKCS#11 module.',
        },
        pkcs11Token: { type: ['string', 'null'], default: null, description: 'Label of the token.' },
        pkcs11PinFile: {
          type: ['string', 'null'],
          default: null,
          description: 'File with the user PIN (first line).',
        },
        command: {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 1000 },
          maxItems: 50,
          default: [],
          description: 'Program and arguments of the external signer; see src/keys/README.md.',
        },
      },
    },
    external: {
      type: 'object',
      description: 'An EST server of somebody else that signs V2G certificates of stations.',
      properties: {
        enabled: {
          type: 'boolean',
          default: false,
          description: 'Whether it signs in place of our own authority.',
        },
        enrollUrl: {
          type: ['string', 'null'],
          default: null,
          pattern: '^https?://[^\\s]+$',
          description:
            'Address of simpleenroll as this deployment has it, with {ca}, {version} and {algorithm}.',
        },
        caCertsUrl: {
          type: ['string', 'null'],
          default: null,
          pattern: '^https?://[^\\s]+$',
          description: 'Address of cacerts, with the same placeholders.',
        },
        revokeUrl: {
          type: ['string', 'null'],
          default: null,
          pattern: '^https?://[^\\s]+$',
          description:
            'Address that is told of revocations (OPNC revokeCertificate), with the same placeholders.',
        },
        ca: {
          type: 'string',
          minLength: 1,
          maxLength: 64,
          default: 'cpo',
          description: 'Value of {ca}.',
        },
        version: {
          type: 'string',
          minLength: 1,
          maxLength: 64,
          default: 'ISO15118-2',
          description: 'Value of {version}.',
        },
        algorithm: {
          type: 'string',
          minLength: 1,
          maxLength: 64,
          default: 'secp256r1',
          description: 'Value of {algorithm}.',
        },
        auth: {
          type: 'string',
          enum: ['none', 'basic', 'bearer', 'oauth'],
          default: 'none',
          description: 'How we sign in, beside a client certificate. oauth: a token by client credentials.',
        },
        username: {
          type: ['string', 'null'],
          default: null,
          description: 'For basic; for oauth the client id.',
        },
        tokenUrl: {
          type: ['string', 'null'],
          default: null,
          pattern: '^https?://[^\\s]+$',
          description: 'For oauth: where tokens are given.',
        },
        tokenEncoding: {
          type: 'string',
          enum: ['form', 'json'],
          default: 'form',
          description: 'For oauth: how the token is asked for.',
        },
        audience: { type: ['string', 'null'], default: null, description: 'For oauth, where it is wanted.' },
        secretFile: {
          type: ['string', 'null'],
          default: null,
          description:
            'File with the password, bearer token or client secret (first line); read again for each request.',
        },
        certFile: {
          type: ['string', 'null'],
          default: null,
          description: 'PEM chain of our client certificate.',
        },
        keyFile: { type: ['string', 'null'], default: null, description: 'PEM private key of certFile.' },
        caFile: {
          type: ['string', 'null'],
          default: null,
          description: 'PEM roots that the server must chain to; without it those of the system.',
        },
        timeoutMs: {
          type: 'integer',
          minimum: 500,
          maximum: 120000,
          default: 15000,
          description: 'Deadline of one request.',
        },
      },
    },
    foreignOcsp: {
      type: 'object',
      description: 'Revocation of certificates that others issued (OEM, MO, V2G).',
      properties: {
        allowHosts: {
          type: 'array',
          items: { type: 'string', pattern: '^(\\*\\.)?[A-Za-z0-9.:\\[\\]-]{1,253}$' },
          maxItems: 200,
          default: [],
          description:
            'Hosts of OCSP responders and CRLs that may be asked: host, host:port or *.domain. Nobody else is.',
        },
        allowPrivateHosts: {
          type: 'array',
          items: { type: 'string', pattern: '^[A-Za-z0-9.:\\[\\]-]{1,253}$' },
          maxItems: 50,
          default: [],
          description: 'Of these, the ones that may have a private or loopback address.',
        },
      },
    },
  },
} as const
