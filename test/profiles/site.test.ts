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
})
