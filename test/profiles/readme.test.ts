import { expect, it } from 'vitest'
import {
  compositeAt,
  DEFAULT_DEVICE,
  DEFAULT_SETTINGS,
  decide,
  EMPTY_SLOTS,
  openSite,
} from '../../profiles/index.ts'

it('the examples of the README run as written', () => {
  const opened = openSite({
    id: 'garage',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 100,
      children: [
        {
          kind: 'station',
          id: 'CS1',
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
        },
        {
          kind: 'station',
          id: 'CS2',
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [2, 3, 1], maxA: 32 } }],
        },
      ],
    },
  })
  if (!opened.ok)
    throw new Error(opened.problems.map((problem) => `${problem.where}: ${problem.message}`).join('\n'))
  const decision = decide({
    nowMs: Date.parse('2026-03-01T08:00:00Z'),
    site: opened.site,
    limits: [],
    baseLoads: [],
    evses: [
      {
        key: 'CS1#1',
        link: 'connected',
        measured: null,
        slots: EMPTY_SLOTS,
        device: DEFAULT_DEVICE,
        session: { transactionId: 'tx-1', startedAtMs: Date.parse('2026-03-01T07:59:00Z') },
      },
    ],
    policy: 'fair',
    settings: DEFAULT_SETTINGS,
  })
  expect(decision.pushes[0]?.slot).toBe('safe')
  const composite = compositeAt(
    {
      evseIds: [1],
      evseId: 1,
      unit: 'A',
      profiles: [],
      transactions: [],
      defaults: { limitA: 48, limitW: 33_120, numberPhases: 3, voltageV: 230 },
    },
    Date.parse('2026-03-01T08:00:00Z'),
  )
  expect(composite.limit).toBe(48)
})
