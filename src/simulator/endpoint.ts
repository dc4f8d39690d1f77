import { checkServerIdentity, type DetailedPeerCertificate } from 'node:tls'
import { WebSocket } from 'ws'

/** Where and how to connect; asked for anew at each attempt, because certificates and slots change. */
export interface Endpoint {
  /** Base address; the station id is appended as the last path segment. */
  readonly url: string
  readonly securityProfile: 1 | 2 | 3
  /** Basic authentication of security profiles 1 and 2. */
  readonly password?: string
  /** PEM certificates that the server's chain may end in (profiles 2 and 3). */
  readonly trustedPems?: readonly string[]
  /** Client certificate chain and key in PEM (profile 3). */
  readonly clientChainPem?: string
  readonly clientKeyPem?: string
  /** Name to expect in the server's certificate, when the address is not that name. */
  readonly serverName?: string
  /** As in small TLS libraries: a path with more certificates, leaf and root included, is refused. */
  readonly maxPathLength?: number
}

export const MAX_FRAME_BYTES = 1 << 20
const HANDSHAKE_TIMEOUT_MS = 20_000

/** Begins a connection. Throws when the address or the credentials cannot be used at all. */
export function openSocket(endpoint: Endpoint, stationId: string): WebSocket {
  const address = `${endpoint.url.replace(/\/+$/, '')}/${encodeURIComponent(stationId)}`
  const authorization =
    endpoint.securityProfile < 3 && endpoint.password !== undefined
      ? { Authorization: `Basic ${Buffer.from(`${stationId}:${endpoint.password}`).toString('base64')}` }
      : {}
  return new WebSocket(address, ['ocpp2.0.1'], {
    headers: authorization,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(endpoint.trustedPems === undefined ? {} : { ca: [...endpoint.trustedPems] }),
    ...(endpoint.securityProfile === 3 ? clientCredentials(endpoint) : {}),
    ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
    ...(endpoint.maxPathLength === undefined
      ? {}
      : { checkServerIdentity: limitedTo(endpoint.maxPathLength) }),
  })
}

function limitedTo(maxPathLength: number): typeof checkServerIdentity {
  return (host, certificate) => {
    let last = certificate as DetailedPeerCertificate
    let length = 1
    // A root names itself as its issuer; a path that ends without one has none.
    while (
      last.issuerCertificate !== undefined &&
      last.issuerCertificate !== last &&
      length <= maxPathLength
    ) {
      last = last.issuerCertificate
      length++
    }
    return length > maxPathLength
      ? new Error(`The server's path has more than ${maxPathLength} certificates`)
      : checkServerIdentity(host, certificate)
  }
}

/** Only profile 3 shows a certificate: below it the password is what identifies the station. */
function clientCredentials({ clientChainPem, clientKeyPem }: Endpoint): { cert?: string; key?: string } {
  return {
    ...(clientChainPem === undefined ? {} : { cert: clientChainPem }),
    ...(clientKeyPem === undefined ? {} : { key: clientKeyPem }),
  }
}
