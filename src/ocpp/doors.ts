/** The listeners of the server: ws only where it is configured, wss, both in front of one gatekeeper. */

import type { Gatekeeper } from './gatekeeper.ts'
import { type ListenAddress, type Listener, listen } from './listener.ts'
import { increment, type OcppMetrics } from './metrics.ts'
import type { OcppPolicy } from './policy.ts'
import type { SecurityLog } from './security-log.ts'
import type { TlsMaterial } from './tls.ts'

export interface DoorsOptions {
  readonly ws?: ListenAddress
  readonly wss?: ListenAddress & { readonly tls: TlsMaterial }
  readonly gatekeeper: Gatekeeper
  readonly policy: OcppPolicy
  readonly metrics: OcppMetrics
  readonly securityLog: SecurityLog
}

export interface Doors {
  open(): Promise<{ wsUrl?: string; wssUrl?: string }>
  /** Nobody comes in any more; who is in stays. */
  close(): Promise<unknown>
  reloadTls(material: TlsMaterial): void
}

export function createDoors(options: DoorsOptions): Doors {
  const { ws, wss, gatekeeper, policy, metrics, securityLog } = options
  let plain: Listener | undefined
  let secure: Listener | undefined

  function openOne(address: ListenAddress, tls?: TlsMaterial): Promise<Listener> {
    return listen({
      address,
      ...(tls === undefined ? {} : { tls }),
      handshakeTimeoutMs: policy.handshakeTimeoutMs,
      onUpgrade: gatekeeper.handle,
      onTlsError: (remoteAddress, code) => {
        increment(metrics.refusedConnections, 'TlsHandshake')
        securityLog.record('', 'TlsHandshakeFailed', { code, remoteAddress })
      },
    })
  }

  return {
    async open() {
      if (ws !== undefined) plain = await openOne(ws)
      if (wss !== undefined) secure = await openOne(wss, wss.tls)
      return {
        ...(plain === undefined ? {} : { wsUrl: plain.url }),
        ...(secure === undefined ? {} : { wssUrl: secure.url }),
      }
    },
    close: () => Promise.all([plain?.close(), secure?.close()]),
    reloadTls: (material) => secure?.reloadTls(material),
  }
}
