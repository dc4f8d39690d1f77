import { type Counters, createCounters, type StationEvents } from './context.ts'
import { type Cancel, createRealScheduler, type RunningScheduler, type Scheduler } from './scheduler.ts'
import { SiteModel, type SiteModelOptions } from './site-model.ts'
import { createStation, type Station } from './station.ts'
import type { StationOptions } from './station-options.ts'

export interface FleetOptions {
  readonly stations: readonly StationOptions[]
  /** Simulated time of all stations; the wall clock unless said otherwise. */
  readonly scheduler?: Scheduler
  /**
   * Simulated milliseconds per real one, when no scheduler is given. Deadlines and reconnects stay in real
   * time, and stations stop following the CSMS's clock.
   */
  readonly acceleration?: number
  /** Connections begun per second, as a feeder that comes back would not spread them: Infinity for all at once. */
  readonly connectsPerS?: number
  readonly seed?: number
  /** The wires between the stations and the grid. */
  readonly site?: Omit<SiteModelOptions, 'scheduler'>
}

export interface Fleet {
  readonly stations: readonly Station[]
  readonly scheduler: Scheduler
  /** The physical truth, when the fleet was given a site. */
  readonly site: SiteModel | undefined
  station(id: string): Station
  start(): void
  stop(): Promise<void>
  /** Sum over all stations. */
  counters(): Counters
  /** How many are connected and accepted. */
  online(): number
  on<Name extends keyof StationEvents>(
    name: Name,
    listener: (station: Station, event: StationEvents[Name]) => void,
  ): Cancel
}

const DEFAULT_CONNECTS_PER_S = 200
const STOP_BATCH = 200

/** Many stations in one process on one clock. */
export function createFleet(options: FleetOptions): Fleet {
  const owned: RunningScheduler[] = []
  const own = (acceleration: number) => {
    const scheduler = createRealScheduler({ acceleration })
    owned.push(scheduler)
    return scheduler
  }
  const acceleration = options.scheduler === undefined ? (options.acceleration ?? 1) : 1
  const scheduler = options.scheduler ?? own(acceleration)
  const networkScheduler = acceleration === 1 ? scheduler : own(1)
  const site = options.site && new SiteModel({ scheduler, ...options.site })
  const stations = options.stations.map((station) => {
    const created = createStation({
      scheduler,
      networkScheduler,
      followCsmsTime: acceleration === 1,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...station,
    })
    if (site !== undefined) {
      created.on('draw', ({ evseId, currents }) => site.setDraw(created.id, evseId, currents))
    }
    return created
  })
  const byId = new Map(stations.map((station) => [station.id, station]))
  const starts: Cancel[] = []

  return {
    stations,
    scheduler,
    site,
    station: (id) => {
      const station = byId.get(id)
      if (station === undefined) throw new RangeError(`The fleet has no station ${id}.`)
      return station
    },
    start: () => {
      const gapMs = 1000 / (options.connectsPerS ?? DEFAULT_CONNECTS_PER_S)
      for (const [index, station] of stations.entries()) {
        if (gapMs === 0) station.start()
        else starts.push(networkScheduler.after(index * gapMs, () => station.start()))
      }
    },
    stop: async () => {
      for (const cancel of starts.splice(0)) cancel()
      for (let from = 0; from < stations.length; from += STOP_BATCH) {
        await Promise.all(stations.slice(from, from + STOP_BATCH).map((station) => station.stop()))
      }
      for (const each of owned) each.stop()
    },
    counters: () => sumCounters(stations),
    online: () =>
      stations.filter((station) => station.connected && station.registration === 'Accepted').length,
    on: (name, listener) => {
      const offs = stations.map((station) => station.on(name, (event) => listener(station, event)))
      return () => {
        for (const off of offs) off()
      }
    },
  }
}

function sumCounters(stations: readonly Station[]): Counters {
  const total = createCounters()
  for (const { counters } of stations) {
    for (const name of COUNTER_NAMES) total[name] += counters[name]
  }
  return total
}

const COUNTER_NAMES: readonly (keyof Counters)[] = [
  'callsSent',
  'callsReceived',
  'callErrors',
  'timeouts',
  'connects',
  'disconnects',
  'connectFailures',
  'reboots',
  'transactions',
  'energyWh',
  'certificatesSigned',
  'rootsInstalled',
  'profilesAccepted',
  'profilesRejected',
  'transactionEventsLost',
  'problems',
]
