/** `gridkeep simulate`: stations for any CSMS. */

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CliFailure, type CliIo } from './cli/io.ts'
import type { SimulateOptions } from './cli/parts.ts'
import { createStation, type Station } from './simulator/index.ts'

const SHOW_EVERY_MS = 5_000
/** Stations come up a few at a time, as they do after a power cut that was repaired. */
const START_GAP_MS = 20

export async function runSimulate(options: SimulateOptions, io: CliIo): Promise<0 | 1> {
  const trustedPem = options.caFile === null ? undefined : await readCa(options.caFile)
  if (options.securityProfile === 3) {
    throw new CliFailure(
      'simulate.profile-3',
      'A station of profile 3 needs a certificate first: start it with profile 2, let it ask for one, and upgrade it as `gridkeep demo` does.',
      2,
    )
  }
  const stations = Array.from({ length: options.stations }, (_, index) =>
    simulated(options, index, trustedPem),
  )
  const problems: string[] = []
  for (const station of stations) {
    station.on('problem', ({ where, error }) => problems.push(`${station.id} ${where}: ${error.message}`))
    station.on('connectionFailed', ({ error }) => {
      if (problems.length < 20) problems.push(`${station.id} cannot connect: ${error.message}`)
    })
    station.start()
    await sleep(START_GAP_MS)
  }
  await watch(options, io, stations, problems)
  const accepted = stations.filter((station) => station.registration === 'Accepted').length
  await Promise.all(stations.map((station) => station.stop()))
  const total = (pick: (station: Station) => number): number =>
    stations.reduce((sum, station) => sum + pick(station), 0)
  const summary = {
    stations: stations.length,
    accepted,
    calls: total(({ counters }) => counters.callsSent + counters.callsReceived),
    errors: problems.length,
  }
  for (const problem of problems.slice(0, 20)) io.err(`problem: ${problem}\n`)
  io.out(
    options.json
      ? `${JSON.stringify(summary)}\n`
      : `${accepted} of ${stations.length} stations were accepted; ${summary.calls} calls, ${summary.errors} errors\n`,
  )
  return accepted === stations.length && problems.length === 0 ? 0 : 1
}

async function watch(
  options: SimulateOptions,
  io: CliIo,
  stations: readonly Station[],
  problems: readonly string[],
): Promise<void> {
  const endMs = options.durationMs === null ? Number.POSITIVE_INFINITY : Date.now() + options.durationMs
  while (!io.signal.aborted && Date.now() < endMs) {
    const online = stations.filter((station) => station.connected).length
    io.err(`${online} of ${stations.length} stations connected, ${problems.length} problems\n`)
    await sleep(Math.min(SHOW_EVERY_MS, Math.max(1, endMs - Date.now())), undefined, {
      signal: io.signal,
    }).catch(() => undefined)
  }
}

function simulated(options: SimulateOptions, index: number, trustedPem: string | undefined): Station {
  return createStation({
    id: `${options.idPrefix}-${String(index + 1).padStart(3, '0')}`,
    endpoint: {
      url: options.url,
      securityProfile: options.securityProfile,
      ...(options.password === null ? {} : { password: options.password }),
      ...(trustedPem === undefined ? {} : { trustedPems: [trustedPem] }),
    },
    seed: options.seed,
  })
}

async function readCa(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CliFailure(
      'simulate.ca',
      `--ca ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      2,
    )
  })
}
