/** Which grid phases the station's L1, L2, L3 are wired to, as OCPP names them (R = L1, S = L2, T = L3). */
export type PhaseRotation = 'RST' | 'RTS' | 'SRT' | 'STR' | 'TRS' | 'TSR'
export type GridPhase = 1 | 2 | 3

/** Two legs 180 degrees apart share one current as it is; between two of three phases it is turned by 30 degrees. */
export type SiteWiring = 'three-phase' | 'split-phase'

export interface Feeder {
  readonly stationId: string
  readonly evseId: number
  readonly node: string
  readonly rotation?: PhaseRotation
  /** One current (the station's L1) between two phases or legs, instead of phases against neutral. */
  readonly between?: readonly [GridPhase, GridPhase]
}

/** A sum of currents that no node carries, such as the winding of a transformer: |sum of coeff x I x e^(j angle)|. */
export interface CurrentSum {
  readonly id: string
  readonly limitA: number
  readonly terms: readonly {
    readonly stationId: string
    readonly evseId: number
    readonly coeff: number
    readonly angleDeg: number
  }[]
}

/** What one ampere on a phase of the station is on a phase of the grid, against that phase's own voltage. */
export interface Strand {
  readonly from: number
  readonly phase: number
  readonly re: number
  readonly im: number
}

export function strandsOf(feeder: Feeder, wiring: SiteWiring): readonly Strand[] {
  if (feeder.between === undefined) {
    return gridPhases(feeder.rotation ?? 'RST').map((phase, from) => ({ from, phase, re: 1, im: 0 }))
  }
  const [first, second] = feeder.between
  if (wiring === 'split-phase')
    return [first, second].map((phase) => ({ from: 0, phase: phase - 1, re: 1, im: 0 }))
  // The current follows the voltage between the two: 30 degrees before the one phase and 30 behind the other.
  const leadDeg = second === (first % 3) + 1 ? 30 : -30
  return [
    turned({ phase: first - 1, size: 1, angleDeg: leadDeg }),
    turned({ phase: second - 1, size: 1, angleDeg: -leadDeg }),
  ]
}

export function strandsOfSum(term: CurrentSum['terms'][number]): readonly Strand[] {
  return [turned({ phase: 0, size: term.coeff, angleDeg: term.angleDeg })]
}

function turned(strand: { phase: number; size: number; angleDeg: number }): Strand {
  const angle = (strand.angleDeg * Math.PI) / 180
  return {
    from: 0,
    phase: strand.phase,
    re: strand.size * Math.cos(angle),
    im: strand.size * Math.sin(angle),
  }
}

/** Position i holds the index of the grid phase that the station's phase i hangs on. */
export function gridPhases(rotation: PhaseRotation): readonly [number, number, number] {
  const indexOf = (position: number) => Math.max(0, 'RST'.indexOf(rotation.charAt(position)))
  return [indexOf(0), indexOf(1), indexOf(2)]
}
