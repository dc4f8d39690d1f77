import { describe, expect, it } from 'vitest'
import {
  type BaseLoadInput,
  baseLoads,
  constantEnvelope,
  DEFAULT_WATCH,
  type LimitInput,
  mergeLimits,
  openSite,
  phaseRow,
  powerRow,
  reduceWatch,
  ruleOf,
  type Site,
  siteNetwork,
  startWatch,
  windowEnvelope,
} from '../../profiles/index.ts'

function site(): Site {
  const opened = openSite({
    id: 's',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: 100,
      children: [
        {
          kind: 'circuit',
          id: 'hall',
          limitA: 63,
          reserveA: 3,
          children: [
            {
              kind: 'station',
              id: 'A',
              evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
            },
          ],
        },
      ],
    },
  })
  if (!opened.ok) throw new Error('the site is fine')
  return opened.site
}

const limit = (over: Partial<LimitInput>): LimitInput => ({
  sourceId: 'dso',
  origin: 'grid',
  target: 'grid',
  unit: 'A',
  envelope: constantEnvelope(50),
  ...over,
})

function merge(inputs: readonly LimitInput[], nowMs = 0, lookaheadMs = 0) {
  const tree = site()
  return mergeLimits({ site: tree, network: siteNetwork(tree), inputs, nowMs, lookaheadMs })
}

describe('merged limits', () => {
  it('take the lowest of configuration and sources, and say whose it is', () => {
    const merged = merge([
      limit({}),
      limit({ sourceId: 'operator', origin: 'operator', envelope: constantEnvelope(80) }),
    ])
    expect(merged.rowLimits[phaseRow(0, 1)]).toBe(50)
    expect(merged.rowBinding[phaseRow(0, 1)]).toMatchObject({ sourceId: 'dso', state: 'normal' })
    expect(merged.rowBinding[phaseRow(1, 1)]).toMatchObject({ sourceId: 'site', value: 63 })
  })

  it('put watts on the power of a node, and phases on their own', () => {
    const merged = merge([limit({ unit: 'W', envelope: constantEnvelope(11_000) }), limit({ phases: [2] })])
    expect(merged.rowLimits[powerRow(0)]).toBe(11_000)
    expect(
      [1, 2, 3].map((phase) => merged.rowLimits[phaseRow(0, phase === 1 ? 1 : phase === 2 ? 2 : 3)]),
    ).toEqual([100, 50, 100])
  })

  it('meet a known cut before it starts, and know until when a limit stands', () => {
    const cut = limit({ envelope: windowEnvelope({ fromMs: 1_000, toMs: 5_000, value: 20 }) })
    expect(merge([cut], 0).rowLimits[0]).toBe(100)
    expect(merge([cut], 0, 2_000).rowLimits[0]).toBe(20)
    expect(merge([cut], 1_500).rowBinding[0]).toMatchObject({ untilMs: 5_000 })
  })

  it('let the highest valid priority of a group stand alone', () => {
    const weekly = limit({ sourceId: 'weekly', group: 'plan', priority: 1, envelope: constantEnvelope(30) })
    const exception = limit({
      sourceId: 'exception',
      group: 'plan',
      priority: 2,
      envelope: constantEnvelope(70),
      validToMs: 1_000,
    })
    expect(merge([weekly, exception], 0).rowLimits[0]).toBe(70)
    expect(merge([weekly, exception], 1_000).rowLimits[0]).toBe(30)
  })

  it('do not use a raise of the near future yet, nor hide what it follows behind it', () => {
    const weekly = limit({ sourceId: 'weekly', group: 'plan', priority: 1, envelope: constantEnvelope(30) })
    const window = windowEnvelope({ fromMs: 1_000, toMs: 5_000, value: 70 })
    const raise = limit({ sourceId: 'raise', group: 'plan', priority: 2, envelope: window })
    const at = (nowMs: number) => merge([weekly, raise], nowMs, 2_000).rowBinding[0]
    expect(at(0)).toMatchObject({ sourceId: 'weekly', value: 30 })
    expect(at(1_500)).toMatchObject({ sourceId: 'raise', value: 70 })
    expect(at(3_500)).toMatchObject({ sourceId: 'weekly', value: 30 })
  })

  it('let an exception of a group stand for its own phases alone', () => {
    const plan = limit({ sourceId: 'plan', group: 'g', envelope: constantEnvelope(30) })
    const l2 = limit({ sourceId: 'l2', group: 'g', priority: 1, phases: [2], envelope: constantEnvelope(60) })
    const { rowLimits } = merge([plan, l2])
    expect(([1, 2, 3] as const).map((phase) => rowLimits[phaseRow(0, phase)])).toEqual([30, 60, 30])
  })

  it('allow nothing where a source says what is no number', () => {
    expect(merge([limit({ envelope: constantEnvelope(Number.NaN) })]).rowLimits[phaseRow(0, 1)]).toBe(0)
  })

  it('tell when a limit begins, and when one with a duration ends', () => {
    const later = limit({ envelope: windowEnvelope({ fromMs: 7_000, toMs: 9_000, value: 20 }) })
    expect(merge([later], 0).nextChangeMs).toBe(7_000)
    let state = reduceWatch(startWatch(0), { kind: 'heartbeat', atMs: 0 }, DEFAULT_WATCH)
    state = reduceWatch(state, { kind: 'limit', atMs: 0, active: true, durationMs: 4_000 }, DEFAULT_WATCH)
    const timed = limit({ watch: { state, config: DEFAULT_WATCH, failsafeValue: 10 } })
    expect(merge([timed], 1_000)).toMatchObject({ nextChangeMs: 4_000 })
    expect(merge([timed], 1_000).rowBinding[0]).toMatchObject({ untilMs: 4_000 })
  })

  it('cap a single EVSE, and name a target that does not exist', () => {
    const merged = merge([
      limit({ target: 'A#1', unit: 'W', envelope: constantEnvelope(6_900) }),
      limit({ target: 'nowhere' }),
    ])
    expect(merged.evseCapA[0]).toBeCloseTo(10)
    expect(merged.unknownTargets).toEqual(['nowhere'])
  })

  it('fall to the failsafe value of a source whose heartbeat stopped', () => {
    let state = startWatch(0)
    state = reduceWatch(state, { kind: 'heartbeat', atMs: 1_000 }, DEFAULT_WATCH)
    state = reduceWatch(state, { kind: 'limit', atMs: 1_000, active: true }, DEFAULT_WATCH)
    const watched = limit({ watch: { state, config: DEFAULT_WATCH, failsafeValue: 10 } })
    expect(merge([watched], 100_000).rowLimits[0]).toBe(50)
    const lost = merge([watched], 130_000)
    expect(lost.rowLimits[0]).toBe(10)
    expect(lost.rowBinding[0]).toMatchObject({ state: 'failsafe', sourceId: 'dso' })
  })
})

describe('the watch of a limit source', () => {
  const run = (events: Parameters<typeof reduceWatch>[1][], config = DEFAULT_WATCH) =>
    events.reduce((watch, event) => reduceWatch(watch, event, config), startWatch(0))

  it('starts on the failsafe value and leaves it only with heartbeat and limit', () => {
    expect(ruleOf(startWatch(0))).toBe('failsafe')
    expect(run([{ kind: 'limit', atMs: 1, active: false }]).state).toBe('init')
    expect(
      run([
        { kind: 'heartbeat', atMs: 1 },
        { kind: 'limit', atMs: 2, active: true },
      ]).state,
    ).toBe('limited')
    expect(
      run([
        { kind: 'heartbeat', atMs: 1 },
        { kind: 'limit', atMs: 2, active: false },
      ]).state,
    ).toBe('unlimited-controlled')
  })

  it('ends a limit with a duration, and keeps one without', () => {
    const events = [
      { kind: 'heartbeat' as const, atMs: 1 },
      { kind: 'limit' as const, atMs: 2, active: true, durationMs: 10_000 },
    ]
    expect(run([...events, { kind: 'tick', atMs: 9_000 }]).state).toBe('limited')
    expect(run([...events, { kind: 'tick', atMs: 11_000 }]).state).toBe('unlimited-controlled')
  })

  it('counts the silence before a late heartbeat: the failsafe is not skipped', () => {
    const late = run([
      { kind: 'heartbeat', atMs: 1 },
      { kind: 'limit', atMs: 2, active: true },
      { kind: 'heartbeat', atMs: 200_000 },
    ])
    expect(late.state).toBe('failsafe')
    expect(reduceWatch(late, { kind: 'limit', atMs: 200_001, active: true }, DEFAULT_WATCH).state).toBe(
      'limited',
    )
  })

  it('takes a limit from a source it does not know yet only right after a heartbeat', () => {
    const limitAt = (atMs: number) =>
      run([
        { kind: 'heartbeat', atMs: 0 },
        { kind: 'limit', atMs, active: false },
      ]).state
    expect(limitAt(60_000)).toBe('unlimited-controlled')
    expect(limitAt(60_001)).toBe('init')
  })

  it('is lost from a source in control after two minutes, limited or not', () => {
    const controlled = (active: boolean, atMs: number) =>
      run([
        { kind: 'heartbeat', atMs: 0 },
        { kind: 'limit', atMs: 0, active },
        { kind: 'tick', atMs },
      ]).state
    expect([controlled(true, 120_000), controlled(false, 120_000)]).toEqual([
      'limited',
      'unlimited-controlled',
    ])
    expect([controlled(true, 120_001), controlled(false, 120_001)]).toEqual(['failsafe', 'failsafe'])
  })

  it('is released, where it may be, after the start, after the failsafe, or by a source that only beats', () => {
    const release = { ...DEFAULT_WATCH, afterFailsafe: 'release' as const }
    const beat = (atMs: number) => ({ kind: 'heartbeat' as const, atMs })
    const tick = (atMs: number) => ({ kind: 'tick' as const, atMs })
    expect(run([tick(119_999)], release).state).toBe('init')
    expect(run([beat(60_000), beat(110_000), tick(120_000)], release).state).toBe('unlimited-autonomous')
    const lost = [beat(0), { kind: 'limit' as const, atMs: 0, active: true }, tick(120_001)]
    expect(run([...lost, tick(7_319_999)], release).state).toBe('failsafe')
    expect(run([...lost, tick(7_320_000)], release).state).toBe('unlimited-autonomous')
    expect(run([...lost, beat(200_000), tick(319_999)], release).state).toBe('failsafe')
    expect(run([...lost, beat(200_000), tick(320_500)], release).state).toBe('unlimited-autonomous')
    const again = { kind: 'limit' as const, atMs: 250_000, active: true }
    expect(run([...lost, beat(200_000), again], release).state).toBe('limited')
  })

  it('holds the failsafe for ever unless the operator chose the release of the use case', () => {
    const events = [
      { kind: 'heartbeat' as const, atMs: 1 },
      { kind: 'limit' as const, atMs: 2, active: true },
      { kind: 'tick' as const, atMs: 130_000 },
      { kind: 'tick' as const, atMs: 10_000_000 },
    ]
    expect(run(events).state).toBe('failsafe')
    expect(run(events, { ...DEFAULT_WATCH, afterFailsafe: 'release' }).state).toBe('unlimited-autonomous')
  })
})

describe('base loads', () => {
  const input: BaseLoadInput = {
    nodeId: 'grid',
    currentA: [40, 40, 40],
    measuredAtMs: 0,
    maxAgeMs: 5_000,
    staleA: [60, 60, 60],
    marginA: 2,
    includesEvses: true,
  }

  it('take the EVSEs off a meter above them', () => {
    const [grid] = baseLoads({ site: site(), inputs: [input], evseCurrentA: [[16, 16, 16]], nowMs: 1_000 })
    expect(grid).toMatchObject({ currentA: [26, 26, 26], stale: false })
  })

  it('assume the stale value when the meter is silent, ahead of time, or broken; never zero', () => {
    const at = (over: Partial<BaseLoadInput>, nowMs: number) =>
      baseLoads({ site: site(), inputs: [{ ...input, ...over }], evseCurrentA: [[0, 0, 0]], nowMs })[0]
    expect(at({}, 6_000)).toMatchObject({ currentA: [60, 60, 60], stale: true })
    expect(at({ measuredAtMs: 60_000 }, 0)).toMatchObject({ stale: true })
    expect(at({ currentA: [Number.NaN, 0, 0] }, 0)).toMatchObject({ currentA: [60, 60, 60], stale: true })
  })

  it('carry the reserve of a node without a meter up the tree', () => {
    const loads = baseLoads({ site: site(), inputs: [], evseCurrentA: [[16, 16, 16]], nowMs: 0 })
    expect(loads.map((load) => load.currentA[0])).toEqual([3, 3, 0])
  })
})
