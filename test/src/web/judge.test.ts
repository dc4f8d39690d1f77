import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { judge as Judge } from '../../../src/web/verdicts/judge.ts'

const NOW = Date.parse('2026-03-01T08:00:00Z')
const at = (days: number): string => new Date(NOW + days * 86_400_000).toISOString()
const none = {
  stations: [],
  certificates: [],
  authorities: [],
  orders: [],
  campaigns: [],
  freshness: [],
  statuses: new Map(),
}

function station(id: string, more: object = {}) {
  return {
    id,
    online: true,
    enrolment: 'active' as const,
    registration: 'Accepted' as const,
    securityProfile: 3 as const,
    hasPassword: false,
    serialNumber: null,
    organisation: null,
    group: null,
    boot: null,
    lastSeenAt: at(-1),
    createdAt: at(-9),
    updatedAt: at(-9),
    ...more,
  }
}

function certificate(endsInDays: number, more: object = {}) {
  return {
    fingerprint: 'f',
    authorityId: null,
    profile: 'station-client',
    serialNumber: '1',
    subject: 'CN=SN-1',
    stationId: 'CS-1',
    notBefore: at(endsInDays - 365),
    notAfter: at(endsInDays),
    revokedAt: null,
    revocationReason: null,
    ...more,
  }
}

describe('the verdicts of the overview', () => {
  let judge: typeof Judge
  beforeAll(async () => {
    // Addresses of screens come from the router, which listens to the browser.
    vi.stubGlobal('location', { hash: '' })
    vi.stubGlobal('addEventListener', () => undefined)
    judge = (await import('../../../src/web/verdicts/judge.ts')).judge
  })

  test('say so where nothing is there yet', () => {
    expect(judge(none, NOW).map(({ about, tone }) => [about, tone])).toEqual([
      ['Stations', 'none'],
      ['Trust', 'none'],
      ['Energy', 'none'],
    ])
  })

  test('name a campaign that has halted and revocation answers that are stale', () => {
    const campaign = {
      id: 'c-1',
      kind: 'roots' as const,
      name: 'New V2G root',
      phase: 'work',
      wave: 0,
      waves: 2,
      detail: '2 of 3 failed',
      createdBy: 'anna',
      createdAt: at(-1),
      updatedAt: at(0),
      deadline: null,
      parameters: {},
      limits: {},
    }
    const trust = judge(
      {
        ...none,
        campaigns: [
          { ...campaign, state: 'halted' },
          { ...campaign, id: 'c-2', state: 'finished' },
        ],
        freshness: [
          { what: 'The CRL of v2g-root', until: at(1) },
          { what: 'The OCSP responder of cpo-sub2', until: at(-1) },
        ],
      },
      NOW,
    ).find(({ about }) => about === 'Trust')
    expect(trust?.attention.map(({ tone, text }) => [tone, text])).toEqual([
      ['bad', 'The campaign New V2G root has halted: 2 of 3 failed'],
      ['bad', 'The OCSP responder of cpo-sub2 is stale: cars and stations refuse what they cannot check.'],
    ])
  })

  test('count the stations that are offline, and name them with the time they were seen', () => {
    const [stations] = judge({ ...none, stations: [station('A'), station('B', { online: false })] }, NOW)
    expect(stations).toMatchObject({ tone: 'bad', sentence: '1 of 2 stations are online.' })
    expect(stations?.attention.map(({ text }) => text)).toEqual(['B is offline; last seen 24 h ago.'])
  })

  test('make one line of many stations that are offline', () => {
    const many = Array.from({ length: 40 }, (_, index) => station(`S${index}`, { online: false }))
    const [stations] = judge({ ...none, stations: many }, NOW)
    expect(stations?.attention.map(({ text }) => text)).toEqual(['40 stations are offline.'])
  })

  test('warn of certificates that end within a month, but not of revoked ones', () => {
    const certificates = [certificate(20), certificate(200), certificate(3, { revokedAt: at(-1) })]
    const [, trust] = judge({ ...none, certificates }, NOW)
    expect(trust?.attention.map(({ tone, text }) => [tone, text])).toEqual([
      ['warn', '1 certificate expires within 30 days.'],
    ])
  })

  test('a site that draws more than its limit is to be acted upon now', () => {
    const status = {
      siteId: 'depot',
      at: at(0),
      alarms: [],
      evses: [],
      nodes: [
        {
          nodeId: 'grid',
          kind: 'circuit' as const,
          parentId: null,
          limitA: [100, 100, 100],
          limitW: null,
          measuredA: [90, 101, 90],
          grantedA: [90, 90, 90],
          binding: null,
        },
      ],
    }
    const [, , energy] = judge({ ...none, statuses: new Map([['depot', status]]) }, NOW)
    expect(energy).toMatchObject({ tone: 'bad', sentence: 'A site draws more than its limit.' })
  })
})
