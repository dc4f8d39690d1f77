/** The listeners of the server: ws only where it is configured, wss, both in front of one gatekeeper. */

import type { Gatekeeper } from './gatekeeper.ts'
import { type ListenAddress, type Listener, listen } from './listener.ts'
import { increment, type OcppMetrics } from './metrics.ts'
import type { OcppPolicy } from './policy.ts'
import type { SecurityLog } from './security-log.ts'
import { formerMaterial, type TlsMaterial } from './tls.ts'

export interface DoorsOptions {
  readonly ws?: ListenAddress
  readonly wss?: ListenAddress & { readonly tls: TlsMaterial; readonly former?: ListenAddress }
  readonly gatekeeper: Gatekeeper
  readonly policy: OcppPolicy
  readonly metrics: OcppMetrics
  readonly securityLog: SecurityLog
}

export interface DoorUrls {
  readonly wsUrl?: string
  readonly wssUrl?: string
  /** Where the chain before the last rollover is presented. */
  readonly formerUrl?: string
}

export interface Doors {
  open(): Promise<DoorUrls>
  /** Nobody comes in any more; who is in stays. */
  close(): Promise<unknown>
  reloadTls(material: TlsMaterial): void
}

export function createDoors(options: DoorsOptions): Doors {
  const { ws, wss, gatekeeper, policy, metrics, securityLog } = options
  let plain: Listener | undefined
  let secure: Listener | undefined
  let former: Listener | undefined

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
      if (wss?.former !== undefined) former = await openOne(wss.former, formerMaterial(wss.tls))
      return {
        ...(plain === undefined ? {} : { wsUrl: plain.url }),
        ...(secure === undefined ? {} : { wssUrl: secure.url }),
        ...(former === undefined ? {} : { formerUrl: former.url }),
      }
    },
    close: () => Promise.all([plain?.close(), secure?.close(), former?.close()]),
    reloadTls(material) {
      secure?.reloadTls(material)
      former?.reloadTls(formerMaterial(material))
    },
  }
}
