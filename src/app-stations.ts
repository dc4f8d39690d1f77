/** Stations and their energy, put together. */

import type { Foundation } from './app-foundation.ts'
import type { Trust } from './app-trust.ts'
import { foreignStatus } from './certificates/foreign/station-status.ts'
import type { Config } from './config.ts'
import { lawfulProfiles } from './energy/lawful-profiles.ts'
import { createPlanSolver } from './energy/plan-solver.ts'
import { EnergyService } from './energy/service.ts'
import { createEventSinks } from './event-sinks.ts'
import { Exporter } from './export/exporter.ts'
import { createOcppServer } from './ocpp/server.ts'
import { ocppPolicy } from './ocpp-policy.ts'

/** A station that does not answer a profile by then is booked at the worse of what it had and what it was sent. */
const PUSH_DEADLINE_MS = 10_000
/** A plan that takes longer is not worth waiting for: the next one comes in minutes. */
const PLAN_TIME_LIMIT_S = 20
/** Security events leave within this time. */
const EXPORT_SWEEP_MS = 1_000

/** The OCPP server and the loops that steer stations, which wait for `start`. */
export async function meetStations(foundation: Foundation, trust: Trust) {
  const { config, store, hub, clock, log, onStop } = foundation
  const { certificates, contracts, fleet, tlsSource } = trust
  const { ws, wss } = config.ocpp
  const ocpp = createOcppServer({
    listeners: {
      ...(ws.enabled ? { ws: { host: ws.host, port: ws.port } } : {}),
      ...(wss.enabled ? { wss: { ...secureDoor(config), tls: await tlsSource.read() } } : {}),
    },
    store,
    hub,
    clock,
    log,
    certificates: fleet.guard({
      ...certificates,
      contracts,
      certificateStatus: async (data) => {
        const own = await certificates.certificateStatus(data)
        if (own.status !== 'Failed' || own.reasonCode !== 'UnknownIssuer') return own
        const issuer = async (key: string) => fleet.statuses.issuer(key) ?? trust.trustedIssuers(key)
        return foreignStatus({ foreign: trust.foreign, issuer }, data)
      },
    }),
    guardCalls: (bus) => lawfulProfiles(bus, store.stations),
    policy: ocppPolicy(config),
    // The energy side needs the bus of this server first; nobody asks before both are there.
    plans: {
      judgeNeeds: (stationId, request) => energy.judgeNeeds(stationId, request),
      judgeSchedule: (stationId, request) => energy.judgeSchedule(stationId, request),
    },
  })
  const solver = createPlanSolver({ timeLimitS: PLAN_TIME_LIMIT_S })
  onStop(() => solver.stop())
  const energy = new EnergyService({
    store,
    bus: ocpp.bus,
    hub,
    clock,
    log,
    intervalMs: config.energy.intervalMs,
    leaseMs: config.energy.leaseS * 1000,
    meterMaxAgeMs: config.energy.meterStaleS * 1000,
    readBackEveryMs: config.energy.readBackS * 1000,
    solver: solver.solve,
    pushDeadlineMs: PUSH_DEADLINE_MS,
  })

  /** The loops know their stations before the first one connects, so that no event is missed. */
  async function start(): Promise<void> {
    trust.lateBus.set(ocpp.bus)
    await energy.start()
    onStop(() => energy.stop())
    certificates.start(ocpp.bus)
    onStop(() => certificates.stop())
    const exporter = new Exporter({
      events: store.events,
      fleet: store.fleet,
      sinks: await createEventSinks(config.export, clock),
      log,
      sweepMs: EXPORT_SWEEP_MS,
    })
    exporter.start()
    onStop(() => exporter.stop())
    fleet.start()
    onStop(() => fleet.stop())
    contracts.start()
    onStop(() => contracts.stop())
  }
  return { ocpp, energy, start }
}

export type Stations = Awaited<ReturnType<typeof meetStations>>

function secureDoor({ ocpp: { wss } }: Config) {
  const { host, port, formerPort } = wss
  return { host, port, ...(formerPort === null ? {} : { former: { host, port: formerPort } }) }
}
