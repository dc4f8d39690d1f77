/** The composition root, with app-*.ts: the only place that knows which adapters stand behind the ports. */

import type { Logger } from 'pino'
import { type Foundation, layFoundation, type StartOptions } from './app-foundation.ts'
import { serveOperators } from './app-operators.ts'
import { meetStations } from './app-stations.ts'
import { establishTrust } from './app-trust.ts'
import { ensureFirstAdminKey } from './http/index.ts'
import type { TlsMaterial } from './ocpp/tls.ts'
import { RetentionLoop } from './retention-loop.ts'
import type { TlsSource } from './tls-source.ts'

export type { StartOptions } from './app-foundation.ts'

/** Calls being handled get this long to finish at shutdown. */
const STOP_DEADLINE_MS = 5_000
/** How often the server certificate is looked at: renewed by our CA, or replaced on disk by the operator. */
const TLS_CHECK_MS = 60_000
/** Quarters of an hour are this far behind the meter values that they are made of. */
const RETENTION_MS = 30_000

export interface Gridkeep {
  readonly urls: {
    readonly api: string
    readonly pki?: string
    readonly est?: string
    readonly ws?: string
    readonly wss?: string
    /** Where the chain before the last rollover is presented. */
    readonly former?: string
  }
  /** PEM of the root that stations need to trust our wss listener, where its certificate is from our own CA. */
  readonly csmsRootPem: string
  /** Only at a first start; printed once and never stored. */
  readonly firstAdminKey: { readonly name: string; readonly secret: string } | undefined
  readonly warnings: readonly string[]
  stop(): Promise<void>
}

/** Starts everything. What fails on the way up is taken down again before the error is passed on. */
export async function startGridkeep(options: StartOptions): Promise<Gridkeep> {
  const undo: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const foundation = await layFoundation(options, (step) => undo.push(step))
    return { ...(await start(foundation)), warnings: foundation.warnings, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(foundation: Foundation): Promise<Omit<Gridkeep, 'warnings' | 'stop'>> {
  const { config, store, clock, log, onStop } = foundation
  const trust = await establishTrust(foundation)
  const stations = await meetStations(foundation, trust)
  await stations.start()
  const { http, health } = await serveOperators(foundation, trust, stations)
  const { ocpp } = stations
  const ocppUrls = await ocpp.start()
  onStop(() => ocpp.stop(STOP_DEADLINE_MS))
  const reloadTls = (material: TlsMaterial): void => {
    if (config.ocpp.wss.enabled) ocpp.reloadTls(material)
    trust.pki.reloadTls(material)
  }
  if (config.ocpp.wss.enabled || trust.pki.urls.est !== undefined) {
    const fresh = keepTlsFresh(trust.tlsSource, reloadTls, log)
    trust.fleet.chains.onChange(fresh.check)
    onStop(async () => fresh.stop())
  }
  const api = await http.listen({ host: config.http.host, port: config.http.port })
  // Only now: a start that fails before must not have made a key that nobody was shown.
  const firstAdminKey = await ensureFirstAdminKey(store, clock)
  const retention = new RetentionLoop({
    store: store.retention,
    policy: config.retention,
    clock,
    log,
    intervalMs: RETENTION_MS,
  })
  onStop(() => retention.stop())
  retention.start()
  // Stopping starts here: look elsewhere, accept nothing more, finish, close, flush.
  onStop(async () => health.drain())

  const urls = {
    api,
    ...trust.pki.urls,
    ...(ocppUrls.wsUrl === undefined ? {} : { ws: ocppUrls.wsUrl }),
    ...(ocppUrls.wssUrl === undefined ? {} : { wss: ocppUrls.wssUrl }),
    ...(ocppUrls.formerUrl === undefined ? {} : { former: ocppUrls.formerUrl }),
  }
  log.info({ urls }, 'Gridkeep is running')
  const csmsRootPem = trust.certificates.authorities.current('csms-root')?.certificate.toPem() ?? ''
  return { urls, csmsRootPem, firstAdminKey }
}

function keepTlsFresh(
  source: TlsSource,
  reload: (material: Awaited<ReturnType<TlsSource['read']>>) => void,
  log: Logger,
): { check(): Promise<void>; stop(): void } {
  let presented: string | undefined
  const check = async (): Promise<void> => {
    try {
      const material = await source.read()
      const chains = material.identities.map((identity) => identity.certificateChainPem)
      const former = material.former?.identities.map((identity) => identity.certificateChainPem)
      const now = JSON.stringify([chains, former, material.clientAuthoritiesPem])
      if (presented !== undefined && presented !== now) {
        reload(material)
        log.info('The wss listener presents a new certificate; connections stay')
      }
      presented = now
    } catch (error) {
      log.error({ err: error }, 'The server certificate cannot be read; the one in use stays')
    }
  }
  void check()
  const timer = setInterval(() => void check(), TLS_CHECK_MS)
  return { check, stop: () => clearInterval(timer) }
}
