import type { Site, SiteEvse, SiteSpec } from '../../profiles/index.ts'

/** Complex numbers as [real, imaginary]. */
export type Complex = readonly [number, number]
const plus = (a: Complex, b: Complex): Complex => [a[0] + b[0], a[1] + b[1]]
const times = (a: Complex, k: number): Complex => [a[0] * k, a[1] * k]
const polar = (length: number, deg: number): Complex => [
  length * Math.cos((deg * Math.PI) / 180),
  length * Math.sin((deg * Math.PI) / 180),
]
const size = (a: Complex) => Math.hypot(a[0], a[1])
const dot = (a: Complex, b: Complex) => a[0] * b[0] + a[1] * b[1]

/** What one EVSE really draws: amperes of its current, on which of its terminals, behind its voltage by `lagDeg`. */
export interface Draw {
  readonly currentA: number
  readonly terminals: readonly number[]
  readonly lagDeg: number
}

export interface NodeFlow {
  readonly id: string
  readonly lineA: readonly [number, number, number]
  /** Each line's share in the power, as amperes at the nominal voltage; negative where it feeds in. */
  readonly activeA: readonly number[]
  readonly powerW: number
}

function voltages(spec: SiteSpec): Complex[] {
  const angles = spec.wiring === 'split-phase' ? [0, 180, 0] : [0, -120, 120]
  return angles.map((deg) => polar(spec.voltageV, deg))
}

/**
 * Line currents of an EVSE as phasors, from Kirchhoff alone: no row, angle or factor of `network.ts` is used. The
 * amperes of a DC charger are those of one of its feeding lines.
 */
function lineCurrents(spec: SiteSpec, evse: SiteEvse, draw: Draw): Complex[] {
  const lines: Complex[] = [
    [0, 0],
    [0, 0],
    [0, 0],
  ]
  const volts = voltages(spec)
  const inject = (line: number, along: Complex, currentA: number) => {
    const angle = (Math.atan2(along[1], along[0]) * 180) / Math.PI - draw.lagDeg
    lines[line] = plus(lines[line] ?? [0, 0], polar(currentA, angle))
  }
  const { supply } = evse
  if (supply.kind === 'ac-line') {
    const [from, to] = supply.between
    const across = plus(volts[from - 1] ?? [0, 0], times(volts[to - 1] ?? [0, 0], -1))
    inject(from - 1, across, draw.currentA)
    inject(to - 1, times(across, -1), draw.currentA)
    return lines
  }
  const phases = supply.kind === 'ac' ? supply.rotation : spec.wiring === 'split-phase' ? [1, 2] : [1, 2, 3]
  phases.forEach((phase, terminal) => {
    if (supply.kind === 'ac' && !draw.terminals.includes(terminal)) return
    inject(phase - 1, volts[phase - 1] ?? [0, 0], draw.currentA)
  })
  return lines
}

/** Every node's lines and power, for given draws (by EVSE index) and base loads (by node index, in phase). */
export function flows(
  spec: SiteSpec,
  site: Site,
  draws: readonly Draw[],
  baseA: readonly (readonly number[])[],
): NodeFlow[] {
  const volts = voltages(spec)
  const sums = site.nodes.map((node) =>
    volts.map((volt, line): Complex => times(volt, (baseA[node.index]?.[line] ?? 0) / spec.voltageV)),
  )
  for (const evse of site.evses) {
    const draw = draws[evse.index]
    if (!draw) continue
    const own = lineCurrents(spec, evse, draw)
    for (const node of evse.path) {
      const sum = sums[node]
      own.forEach((current, line) => {
        if (sum) sum[line] = plus(sum[line] ?? [0, 0], current)
      })
    }
  }
  return site.nodes.map((node) => {
    const [a = [0, 0], b = [0, 0], c = [0, 0]] = sums[node.index] ?? []
    const powers = [a, b, c].map((current, line) => dot(current, volts[line] ?? [0, 0]))
    return {
      id: node.id,
      lineA: [size(a), size(b), size(c)],
      activeA: powers.map((powerW) => powerW / spec.voltageV),
      powerW: powers.reduce((total, powerW) => total + powerW, 0),
    }
  })
}
