import { describe, expect, it } from 'vitest'
import {
  type CircuitSpec,
  checkSite,
  openSite,
  type SiteSpec,
  type StationSpec,
} from '../../profiles/index.ts'

const station = (id: string, over: Partial<StationSpec> = {}): StationSpec => ({
  kind: 'station',
  id,
  evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
  ...over,
})
const site = (root: Partial<CircuitSpec>, over: Partial<SiteSpec> = {}): SiteSpec => ({
  id: 's',
  voltageV: 230,
  root: { kind: 'circuit', id: 'grid', limitA: 100, children: [station('A')], ...root },
  ...over,
})
const codes = (spec: SiteSpec) =>
  checkSite(spec).map((problem) => `${problem.severity} ${problem.code} ${problem.where}`)

describe('a site configuration', () => {
  it('opens when it is right', () => {
    const opened = openSite(site({}))
    expect(opened.ok && opened.site.evses[0]).toMatchObject({
      key: 'A#1',
      maxA: 32,
      minA: 6,
      wattPerA: 690,
      path: [1, 0],
    })
  })

  it.each([
    ['two nodes of one name', site({ children: [station('A'), station('A')] }), 'error id-duplicate A'],
    ['a limit of zero', site({ limitA: 0 }), 'error limit-invalid grid'],
    ['a negative power', site({ limitW: -1 }), 'error limit-invalid grid'],
    ['a fuse that nobody makes', site({ limitA: 1e300 }), 'error limit-invalid grid'],
    ['a voltage nobody has', site({}, { voltageV: 5 }), 'error voltage-invalid s'],
    [
      'EVSE 0',
      site({
        children: [station('A', { evses: [{ evseId: 0, supply: { kind: 'ac', rotation: [1], maxA: 32 } }] })],
      }),
      'error evse-id-invalid A#0',
    ],
    [
      'one phase twice',
      site({
        children: [
          station('A', { evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 1], maxA: 32 } }] }),
        ],
      }),
      'error phase-invalid A#1',
    ],
    ['a third leg on split phase', site({}, { wiring: 'split-phase' }), 'error phase-invalid A#1'],
    [
      'an efficiency above one',
      site({
        children: [
          station('A', { evses: [{ evseId: 1, supply: { kind: 'dc', maxW: 50_000, efficiency: 1.2 } }] }),
        ],
      }),
      'error supply-invalid A#1',
    ],
    [
      'a phasor constraint on a stranger',
      site(
        {},
        {
          phasorConstraints: [
            { id: 'p', limitA: 10, terms: [{ stationId: 'Z', evseId: 1, coeff: 1, angleDeg: 30 }] },
          ],
        },
      ),
      'error reference-unknown p',
    ],
  ])('is refused for %s, with the place', (_, spec, problem) => {
    expect(codes(spec)).toContain(problem)
    expect(openSite(spec).ok).toBe(false)
  })

  it('is refused where it is deeper than anybody builds', () => {
    const deep = Array.from({ length: 5000 }).reduce<CircuitSpec | StationSpec>(
      (child, _, k) => ({ kind: 'circuit', id: `c${k}`, children: [child] }),
      station('A'),
    )
    expect(codes(site({ children: [deep] }))).toEqual(['error too-deep c4800'])
  })

  it('is refused when the configured safe defaults do not fit, naming the node', () => {
    const children = [1, 2, 3].map((k) =>
      station(`S${k}`, {
        evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 }, safeA: 10 }],
      }),
    )
    const problems = checkSite(site({ children: [{ kind: 'circuit', id: 'hall', limitA: 25, children }] }))
    expect(problems.filter((problem) => problem.where === 'hall')).toHaveLength(3)
    expect(problems[0]).toMatchObject({ code: 'safe-defaults-exceed', severity: 'error' })
    expect(problems[0]?.message).toMatch(/30\.0 on hall\/L1, above its 25\.0/)
  })

  it('says which EVSEs must fall to zero when not every minimum fits', () => {
    const opened = openSite(site({ limitA: 15, children: [station('A'), station('B'), station('C')] }))
    expect(opened.ok && opened.warnings).toMatchObject([{ code: 'safe-default-zero', where: 'C#1' }])
  })

  it('keeps the reserve of a building out of the safe sum', () => {
    const opened = openSite(site({ limitA: 20, reserveA: 10, children: [station('A'), station('B')] }))
    expect(opened.ok && opened.warnings).toMatchObject([{ code: 'safe-default-zero', where: 'B#1' }])
  })

  it('warns of EVSEs that can never charge, and of safe defaults that are pauses', () => {
    const evses = [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 }, safeA: 3 }] as const
    const problems = checkSite(site({ limitA: [20, 5, 20], children: [station('A', { evses })] }))
    expect(problems.map(({ code, where, severity }) => `${severity} ${code} ${where}`)).toEqual([
      'warning never-charges A#1',
      'warning safe-default-paused A#1',
    ])
    expect(problems[0]?.message).toMatch(/grid\/L2 cannot carry its minimum of 6\.0 A/)
  })

  it('warns of a tree without EVSEs, without a limit, and of modules that no outlet shares', () => {
    expect(codes(site({ children: [] }))).toEqual(['warning no-evse grid'])
    const { limitA: _, ...open } = site({}).root
    expect(codes({ ...site({}), root: open })).toEqual(['warning unlimited-root grid'])
    expect(codes(site({ children: [station('A', { sharedDcW: 50_000 })] }))).toEqual([
      'warning shared-dc-unused A',
    ])
  })

  it('warns where the safe defaults do not fit beside what a silent meter counts as', () => {
    const spec = site({ limitA: 63, children: [station('A')] })
    const warned = (staleA: number) =>
      checkSite(spec, { silentA: new Map([['grid', staleA]]) }).map(({ code, where }) => `${code} ${where}`)
    expect(warned(57)).toEqual([])
    expect(new Set(warned(100))).toEqual(new Set(['silent-meter-exceeds grid']))
  })

  it('counts what the reserve of a building leaves of an imbalance limit', () => {
    const single = station('A', {
      evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1], maxA: 16 } }],
    })
    const spec = (reserveA: [number, number, number]) =>
      site({ imbalanceA: 10, reserveA, children: [single] })
    expect(codes(spec([3, 0, 0]))).toEqual([])
    expect(codes(spec([6, 0, 0]))).toEqual(['warning never-charges A#1', 'warning safe-default-zero A#1'])
  })

  it('feeds a DC charger over both legs of a split phase', () => {
    const supply = { kind: 'dc', maxW: 24_000, efficiency: 1 } as const
    const spec = site({ children: [station('A', { evses: [{ evseId: 1, supply }] })] }, { voltageV: 120 })
    const split = openSite({ ...spec, wiring: 'split-phase' })
    expect(split.ok && split.site.evses[0]).toMatchObject({ maxA: 100, wattPerA: 240 })
  })
})
