/** Builds the configured sinks of security events. */

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { exchange } from './certificates/outbound.ts'
import { type Config, ConfigError } from './config.ts'
import type { Sink } from './export/exporter.ts'
import { createSyslog, createUdpSyslog } from './export/syslog.ts'
import { createWebhook } from './export/webhook.ts'
import type { Clock } from './observe/clock.ts'
import { refusePrivate } from './private-address.ts'

const SHORTEST_SECRET = 32

export async function createEventSinks(config: Config['export'], clock: Clock): Promise<Sink[]> {
  const sinks: Sink[] = []
  if (config.webhookUrl !== null) {
    const file = config.webhookSecretFile
    if (file === null) throw problem('webhookSecretFile', 'is needed beside webhookUrl')
    const secret = async (): Promise<string> => {
      const text = (await readFile(file, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
      if (text.length < SHORTEST_SECRET)
        throw problem('webhookSecretFile', `must hold at least ${SHORTEST_SECRET} characters`)
      return text
    }
    // Wrong settings end the start, and are not found out at the first event.
    await secret()
    sinks.push(
      createWebhook({
        url: config.webhookUrl,
        secret,
        allowPrivate: config.webhookPrivateAddress,
        refuseAddress: refusePrivate,
        exchange,
        clock,
      }),
    )
  }
  if (config.syslogHost !== null) {
    const server = { host: config.syslogHost, port: config.syslogPort, ownName: hostname() }
    const ca = config.syslogCaFile === null ? {} : { ca: await readFile(config.syslogCaFile, 'utf8') }
    sinks.push(
      config.syslogUdp
        ? createUdpSyslog(server)
        : createSyslog({ ...server, tls: config.syslogTls ? ca : undefined }),
    )
  }
  return sinks
}

function problem(setting: string, message: string): ConfigError {
  return new ConfigError([{ path: `export.${setting}`, message, origin: 'configuration' }])
}
