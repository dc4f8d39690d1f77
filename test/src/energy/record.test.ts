import { describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS, decide, openSite, type SiteSpec } from '../../../profiles/index.ts'
import { BaseLoads } from '../../../src/energy/base-load.ts'
import { Compliance } from '../../../src/energy/compliance.ts'
import { readJson, replay, SnapshotRecorder, writeJson } from '../../../src/energy/snapshots.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

const T0 = Date.parse('2026-11-22T10:00:00Z')
const spec: SiteSpec = {
  id: 'depot',
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 20,
    children: ['A', 'B'].map((id) => ({
      kind: 'station' as const,
      id,
      evses: [{ evseId: 1, supply: { kind: 'ac' as const, rotation: [1, 2, 3], maxA: 32 } }],
    })),
  },
}
const opened = openSite(spec)
if (!opened.ok) throw new Error('The site of this test is refused')
const { site } = opened

function snapshotAt(nowMs: number, limitA: number) {
  return {
    nowMs,
    limits: [
      {
        sourceId: 'cut',
        origin: 'operator' as const,
        target: 'grid',
        unit: 'A' as const,
        envelope: [{ fromMs: Number.NEGATIVE_INFINITY, value: limitA }],
      },
    ],
    baseLoads: [],
    evses: [],
    policy: 'fair' as const,
    settings: DEFAULT_SETTINGS,
  }
}

describe('the record for replays', () => {
  test('gives back the decision that was in force at a time, and comes to the same', async () => {
    const store = createSqliteStore(':memory:')
    const recorder = new SnapshotRecorder({ store, spec })
    for (const [second, limitA] of [
      [0, 18],
      [10, 15],
      [20, 12],
    ] as const) {
      const snapshot = snapshotAt(T0 + second * 1000, limitA)
      await recorder.observe(snapshot, decide({ ...snapshot, site }))
    }
    const played = await replay(store, 'depot', T0 + 19_000)
    expect(played?.at).toBe('2026-11-22T10:00:10.000Z')
    expect(played?.differs).toEqual([])
    expect(played?.decision.nodes[0]).toMatchObject({ nodeId: 'grid', limitA: 15 })
    expect(await replay(store, 'depot', T0 - 1)).toBeUndefined()
    expect(await replay(store, 'elsewhere', T0 + 19_000)).toBeUndefined()
    await store.close()
  })

  test('compares everything that was decided, and names what is another today', async () => {
    const store = createSqliteStore(':memory:')
    const snapshot = snapshotAt(T0, 18)
    const decision = decide({ ...snapshot, site })
    const differsFor = async (recorded: typeof decision) => {
      await new SnapshotRecorder({ store, spec }).observe(snapshot, recorded)
      return (await replay(store, 'depot', T0))?.differs
    }
    const [grant] = decision.grants
    if (!grant) throw new Error('The site of this test has EVSEs')
    const other = { ...grant, explanation: { ...grant.explanation, wantsA: 1 } }
    expect(await differsFor({ ...decision, grants: [other, ...decision.grants.slice(1)] })).toEqual([
      'grants',
    ])
    expect(await differsFor({ ...decision, pushes: [], nodes: [] })).toEqual(
      decision.pushes.length > 0 ? ['pushes', 'nodes'] : ['nodes'],
    )
    expect(await differsFor({ ...decision, memory: { ...decision.memory, safeRoomSinceMs: 1 } })).toEqual([
      'memory',
    ])
    expect(await differsFor({ ...decision, nextChangeMs: 1 })).toEqual(['nextChangeMs'])
    expect(await differsFor(decision)).toEqual([])
    await store.close()
  })

  test('is bounded in size: the newest stay', async () => {
    const store = createSqliteStore(':memory:')
    const bounds = { keepFromMs: 0, keepBytes: 250 }
    for (let index = 0; index < 5; index++)
      await store.energy.keepSnapshot('depot', { atMs: index, data: new Uint8Array(100) }, bounds)
    expect((await store.energy.snapshotAt('depot', 2))?.atMs).toBeUndefined()
    expect((await store.energy.snapshotAt('depot', 3))?.atMs).toBe(3)
    expect((await store.energy.snapshotAt('depot', 99))?.atMs).toBe(4)
    await store.close()
  })

  test('infinite limits survive it', () => {
    const value = { a: Number.POSITIVE_INFINITY, b: [Number.NEGATIVE_INFINITY, 1, null, 'x'] }
    expect(readJson(writeJson(value))).toEqual(value)
  })
})

describe('the compliance record', () => {
  test('holds what was measured against what was allowed, per node and minute', () => {
    const compliance = new Compliance(site)
    const decision = decide({ ...snapshotAt(T0, 18), site })
    const node = decision.nodes.find((report) => report.nodeId === 'grid')
    if (!node) throw new Error('The grid connection has a limit')
    const with18 = { ...decision, nodes: [{ ...node, phase: 1 as const, limitA: 18, measuredA: 20 }] }
    const below = { ...decision, nodes: [{ ...node, phase: 1 as const, limitA: 18, measuredA: 10 }] }
    const evseA = [
      [10, 10, 10],
      [0, 0, 0],
    ] as const
    for (let second = 0; second < 60; second++) {
      const now = second < 3 ? with18 : below
      const atMs = T0 + second * 1000
      expect(compliance.observe({ decision: { ...now, atMs }, evseA, pricePerKwh: 0.5 })).toEqual([])
    }
    const done = compliance.observe({ decision: { ...below, atMs: T0 + 60_000 }, evseA })
    expect(done).toHaveLength(1)
    expect(done[0]).toMatchObject({
      nodeId: 'grid',
      minuteMs: T0,
      limitA: [18, null, null],
      highestA: [20, 0, 0],
      msAbove: 3000,
      longestExcursionMs: 3000,
      ampereSecondsAbove: 6,
    })
    expect(done[0]?.meanA[0]).toBeCloseTo(10.5)
    expect(done[0]?.deliveredWh).toBeCloseTo(115, 1)
    expect(done[0]?.cost).toBeCloseTo(0.0575, 3)
  })

  test('a gap without decisions is not filled with what was measured before it', () => {
    const compliance = new Compliance(site)
    const decision = decide({ ...snapshotAt(T0, 18), site })
    const evseA = [
      [10, 10, 10],
      [0, 0, 0],
    ] as const
    compliance.observe({ decision, evseA })
    compliance.observe({ decision: { ...decision, atMs: T0 + 50_000 }, evseA })
    const [grid] = compliance.current()
    expect(grid?.deliveredWh).toBeLessThan(10)
  })

  test('shows what the meter showed: no margin, no caution, nothing counted twice', () => {
    const meters = new BaseLoads(site, [
      { nodeId: 'grid', maxAgeS: 5, staleA: 9, marginA: 2, includesEvses: true },
    ])
    const decisionAt = (nowMs: number) =>
      decide({ ...snapshotAt(nowMs, 18), baseLoads: meters.inputs(), site }).nodes[0]
    const evseA = [
      [10, 10, 10],
      [0, 0, 0],
    ] as const
    meters.read('grid', { currentA: [17, 17, 17], evseA, nowMs: T0 })
    meters.read('grid', { currentA: [12, 12, 12], evseA, nowMs: T0 + 1000 })
    expect(decisionAt(T0 + 1000)).toMatchObject({ measuredA: 12, baseA: 4 })
    // Silent: what is assumed.
    expect(decisionAt(T0 + 7000)).toMatchObject({ measuredA: 9, baseA: 9 })
  })

  test('holds the power against its limit as well', () => {
    const compliance = new Compliance(site)
    const limits = snapshotAt(T0, 5000).limits.map((cut) => ({ ...cut, unit: 'W' as const }))
    const decision = decide({ ...snapshotAt(T0, 18), limits, site })
    expect(decision.powers).toMatchObject([{ nodeId: 'grid', limitW: 5000, measuredW: 0 }])
    const powers = decision.powers.map((report) => ({ ...report, measuredW: 6000 }))
    compliance.observe({ decision: { ...decision, powers }, evseA: [] })
    compliance.observe({ decision: { ...decision, atMs: T0 + 2000 }, evseA: [] })
    expect(compliance.current()[0]).toMatchObject({
      nodeId: 'grid',
      limitW: 5000,
      highestW: 6000,
      msAbove: 2000,
      ampereSecondsAbove: 0,
      wattSecondsAbove: 2000,
    })
  })

  test('a minute is cut at its end, and goes on after a restart where it was left', () => {
    const before = new Compliance(site)
    const decision = decide({ ...snapshotAt(T0, 18), site })
    const above = { ...decision, nodes: decision.nodes.map((node) => ({ ...node, measuredA: 20 })) }
    before.observe({ decision: { ...above, atMs: T0 + 58_000 }, evseA: [] })
    const [done] = before.observe({ decision: { ...above, atMs: T0 + 61_000 }, evseA: [] })
    expect(done).toMatchObject({ minuteMs: T0, msAbove: 2000, observedMs: 2000 })
    expect(before.current()[0]).toMatchObject({ msAbove: 1000, longestExcursionMs: 3000 })

    const after = new Compliance(site)
    after.resume(before.current(), T0 + 70_000)
    after.observe({ decision: { ...decision, atMs: T0 + 70_000 }, evseA: [] })
    const [whole] = after.observe({ decision: { ...decision, atMs: T0 + 121_000 }, evseA: [] })
    expect(whole).toMatchObject({ minuteMs: T0 + 60_000, msAbove: 1000, observedMs: 6000 })
    expect(whole?.meanA[0]).toBeCloseTo(20 / 6, 2)
  })

  test('does not record what is only assumed: a silent meter leaves the minute unobserved', () => {
    const meters = new BaseLoads(site, [{ nodeId: 'grid', maxAgeS: 5, staleA: 30, includesEvses: true }])
    const compliance = new Compliance(site)
    const at = (nowMs: number) => {
      const decision = decide({ ...snapshotAt(nowMs, 18), baseLoads: meters.inputs(), site })
      compliance.observe({ decision, evseA: [] })
    }
    at(T0)
    at(T0 + 2000)
    meters.read('grid', { currentA: [5, 5, 5], evseA: [], nowMs: T0 + 2000 })
    at(T0 + 2000)
    at(T0 + 4000)
    const read = { limitA: [18, 18, 18], highestA: [5, 5, 5], meanA: [5, 5, 5], msAbove: 0, observedMs: 2000 }
    expect(compliance.current()).toMatchObject([read])
  })

  test('an uneven load counts where phases may not differ by so much', () => {
    const uneven = openSite({ ...spec, root: { ...spec.root, imbalanceA: 13 } })
    if (!uneven.ok) throw new Error('The site of this test is refused')
    const compliance = new Compliance(uneven.site)
    const decision = decide({ ...snapshotAt(T0, 18), site: uneven.site })
    const measured = [17, 3, 17]
    const nodes = decision.nodes.map((node) => ({ ...node, measuredA: measured[node.phase - 1] ?? 0 }))
    compliance.observe({ decision: { ...decision, nodes }, evseA: [] })
    compliance.observe({ decision: { ...decision, atMs: T0 + 2000 }, evseA: [] })
    const none = { ampereSecondsAbove: 0, wattSecondsAbove: 0 }
    expect(compliance.current()).toMatchObject([{ msAbove: 2000, longestExcursionMs: 2000, ...none }])
  })
})
