/** Small sites for tests: sockets of 32 A on three phases, each of its own station, behind one grid connection. */

import { type EvseSpec, openSite, type Site, type SiteSpec, type StationSpec } from '../../profiles/index.ts'

interface Change {
  /** What a station's only EVSE is, by the station's place. */
  readonly evse?: (index: number) => Partial<EvseSpec>
  readonly station?: Partial<StationSpec>
  readonly site?: Partial<SiteSpec>
}

/** `stations`: their ids, or how many (`S1`, `S2`, ...). */
export function socketSite(limitA: number, stations: readonly string[] | number, change: Change = {}): Site {
  const ids =
    typeof stations === 'number' ? Array.from({ length: stations }, (_, k) => `S${k + 1}`) : stations
  const opened = openSite({
    id: 'depot',
    voltageV: 230,
    root: {
      kind: 'circuit',
      id: 'grid',
      limitA,
      children: ids.map((id, index) => ({
        kind: 'station' as const,
        id,
        evses: [
          {
            evseId: 1,
            supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 },
            ...change.evse?.(index),
          },
        ],
        ...change.station,
      })),
    },
    ...change.site,
  })
  if (!opened.ok) throw new Error(opened.problems.map(({ message }) => message).join('; '))
  return opened.site
}
