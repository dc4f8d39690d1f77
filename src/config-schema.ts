/**
 * Every setting as data: type, bounds, default, meaning. Checked by config.ts, typed by config-settings.ts, and the
 * source of docs/configuration.md.
 */

export const configSchema = {
  type: 'object',
  properties: {
    dataDir: {
      type: 'string',
      minLength: 1,
      default: 'data',
      description:
        'Folder of the database and of what the service creates for itself. Relative to where it is started.',
    },
    http: {
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
    },
    pkiHttp: {
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
          },
        },
      },
    },
    ocpp: {
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
              description: 'A chain with an RSA key, for stations without ECDSA. Without it, and without certFile, the own CA issues one too.',
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
            compression: {
              type: 'boolean',
              default: true,
              description: 'Offer WebSocket compression to stations that ask for it.',
            },
          },
        },
      },
    },
    pki: {
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
              enum: ['none', 'basic', 'bearer'],
              default: 'none',
              description: 'How we sign in, beside a client certificate.',
            },
            username: { type: ['string', 'null'], default: null, description: 'For basic.' },
            secretFile: {
              type: ['string', 'null'],
              default: null,
              description:
                'File with the password or bearer token (first line); read again for each request.',
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
    },
    contracts: {
      type: 'object',
      description: 'Contract certificates for cars (Plug & Charge).',
      properties: {
        onlyKnownVehicles: {
          type: 'boolean',
          default: false,
          description: 'Whether a car must be in the vehicle pool beside having a contract.',
        },
        oemWithoutResponder: {
          type: 'string',
          enum: ['accept', 'reject'],
          default: 'accept',
          description: 'Cars whose certificates name no OCSP responder and no CRL.',
        },
        contractWithoutResponder: {
          type: 'string',
          enum: ['accept', 'reject'],
          default: 'reject',
          description:
            'Contracts of others that name no OCSP responder and no CRL; accepting one is noted in the audit trail.',
        },
        hashOfUnknownContract: {
          type: 'string',
          enum: ['accept', 'reject'],
          default: 'reject',
          description: 'Authorize by hashes alone, of a certificate that belongs to no contract here.',
        },
        routes: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          default: [],
          description:
            'Who answers for a car; the first that fits counts. E.g. "local > hosted", "pcid WBA+WVW: hosted > local", "issuer Example Motors: hosted", "emaid DE-8AA: hosted". Without any: the local pool, then the providers in their order.',
        },
        importHours: {
          type: 'integer',
          minimum: 1,
          maximum: 720,
          default: 24,
          description: 'How often the root pools of providers are read, beside the start.',
        },
        provider: {
          type: 'object',
          description: 'A hosted contract pool that speaks the Open Plug & Charge Protocol.',
          properties: {
            enabled: { type: 'boolean', default: false, description: 'Whether it is asked at all.' },
            name: {
              type: 'string',
              minLength: 1,
              default: 'hosted',
              description: 'Its name in routes, logs and the audit trail.',
            },
            baseUrl: {
              type: ['string', 'null'],
              default: null,
              pattern: '^https?://[^\\s]+$',
              description: 'Address below which the paths of the protocol begin.',
            },
            tokenUrl: {
              type: ['string', 'null'],
              default: null,
              pattern: '^https?://[^\\s]+$',
              description: 'Where client credentials become a token.',
            },
            clientId: { type: ['string', 'null'], default: null, description: 'Name of this client there.' },
            clientSecretFile: {
              type: ['string', 'null'],
              default: null,
              description: 'File with the secret of this client.',
            },
            audience: {
              type: ['string', 'null'],
              default: null,
              description: 'Audience of the token, where the provider wants one.',
            },
            tokenEncoding: {
              type: 'string',
              enum: ['json', 'form'],
              default: 'json',
              description: 'How the token is asked for.',
            },
            caFile: {
              type: ['string', 'null'],
              default: null,
              description: 'PEM roots of its TLS certificate where those are no public ones.',
            },
            roots: {
              type: 'string',
              enum: ['off', 'propose', 'trust'],
              default: 'propose',
              description:
                'What becomes of the roots that its pool lists: nothing, a proposal that an operator decides on, or trust until the pool lists them no longer.',
            },
          },
        },
        moreProviders: {
          type: 'array',
          maxItems: 20,
          default: [],
          description:
            'Further hosted pools, in the configuration file only: each with name, baseUrl, tokenUrl, clientId and clientSecretFile, and audience, tokenEncoding, caFile and roots where they differ from the defaults of contracts.provider.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['name', 'baseUrl', 'tokenUrl', 'clientId', 'clientSecretFile'],
            properties: {
              name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
              baseUrl: { type: 'string', pattern: '^https?://[^\\s]+$' },
              tokenUrl: { type: 'string', pattern: '^https?://[^\\s]+$' },
              clientId: { type: 'string' },
              clientSecretFile: { type: 'string' },
              audience: { type: ['string', 'null'] },
              tokenEncoding: { type: 'string', enum: ['json', 'form'] },
              caFile: { type: ['string', 'null'] },
              roots: { type: 'string', enum: ['off', 'propose', 'trust'] },
            },
          },
        },
      },
    },
    energy: {
      type: 'object',
      description: 'The site loop.',
      properties: {
        intervalMs: {
          type: 'integer',
          minimum: 200,
          maximum: 60000,
          default: 1000,
          description: 'How often a site is decided anew, beside the events that wake it.',
        },
        leaseS: {
          type: 'integer',
          minimum: 30,
          maximum: 3600,
          default: 240,
          description:
            'How long a granted profile holds; refreshed at half of it. What a station keeps when this service is gone.',
        },
        meterStaleS: {
          type: 'integer',
          minimum: 1,
          maximum: 3600,
          default: 60,
          description: 'A reading older than this counts as unknown.',
        },
      },
    },
    fleet: {
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
    },
    export: {
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
          description: 'A syslog server that gets security events (RFC 5424 over TCP with octet counting).',
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
          description: 'TLS (RFC 5425).',
        },
        syslogCaFile: {
          type: ['string', 'null'],
          default: null,
          description:
            'PEM of the authorities that the syslog server is trusted by; those of the system otherwise.',
        },
      },
    },
    log: {
      type: 'object',
      description: 'Structured log on standard error.',
      properties: {
        level: {
          type: 'string',
          enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
          default: 'info',
          description: 'The least level that is written.',
        },
      },
    },
    retention: {
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
          description:
            'Quarters of an hour made of meter values, and at most this long the values themselves.',
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
    },
  },
} as const
