/** The site of the demo: a grid connection of 100 A per phase, two circuits, stations with rotated phases. */

import type { SiteNodeOptions } from '../simulator/index.ts'
import type { SiteConfig } from './operator.ts'

export const SITE_ID = 'demo'
export const GRID_LIMIT_A = 100
const CIRCUIT_LIMIT_A = 63

export interface DemoStation {
  readonly id: string
  readonly serialNumber: string
  readonly circuit: 'garage' | 'yard'
  readonly rotation: 'RST' | 'STR' | 'TRS'
  /** Profile 3 stations start with 2, get their certificate, and are upgraded. */
  readonly securityProfile: 1 | 2 | 3
  readonly password: string
}

const GRID_PHASES = { RST: [1, 2, 3], STR: [2, 3, 1], TRS: [3, 1, 2] } as const
const ROTATIONS = ['RST', 'STR', 'TRS'] as const

export function demoStations(count: number, password: (index: number) => string): DemoStation[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `DEMO-${String(index + 1).padStart(3, '0')}`
    return {
      id,
      serialNumber: `SN-${id}`,
      circuit: index % 2 === 0 ? 'garage' : 'yard',
      rotation: ROTATIONS[index % 3] ?? 'RST',
      securityProfile: index % 4 === 0 ? 1 : index % 2 === 0 ? 2 : 3,
      password: password(index),
    }
  })
}

export function siteConfig(stations: readonly DemoStation[]): SiteConfig {
  const circuit = (id: DemoStation['circuit']) => ({
    kind: 'circuit' as const,
    id,
    limitA: CIRCUIT_LIMIT_A,
    children: stations
      .filter((station) => station.circuit === id)
      .map((station) => ({
        kind: 'station' as const,
        id: station.id,
        evses: [
          {
            evseId: 1,
            supply: { kind: 'ac' as const, rotation: [...GRID_PHASES[station.rotation]], maxA: 32 },
          },
        ],
      })),
  })
  return {
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA: GRID_LIMIT_A,
      children: [circuit('garage'), circuit('yard')],
    },
  }
}

/** The same site as physics: what the simulation measures with its own meter, whatever the messages say. */
export function physicalNodes(): SiteNodeOptions[] {
  return [
    { id: 'grid', limitA: GRID_LIMIT_A },
    { id: 'garage', parent: 'grid', limitA: CIRCUIT_LIMIT_A },
    { id: 'yard', parent: 'grid', limitA: CIRCUIT_LIMIT_A },
  ]
}
