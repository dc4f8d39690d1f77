/** The site loop. */

export const energySettings = {
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
    readBackS: {
      type: 'integer',
      minimum: 1,
      maximum: 86400,
      default: 900,
      description:
        'How often every station is asked which charging profiles it holds and what it computes from them.',
    },
  },
} as const
