/** Contract certificates for cars. */

export const contractsSettings = {
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
} as const
