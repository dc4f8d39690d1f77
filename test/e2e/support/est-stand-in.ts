/** Another operator's EST server: our own one, behind a front that has the paths of a deployment and fails on demand. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { PkiTestService } from './pki-service.ts'

/** `lost`: the certificate is issued, and the answer never arrives. */
export type Fault =
  | 'none'
  | 'lost'
  | 'stall'
  | { readonly status: number; readonly headers?: Record<string, string> }

export interface EstStandIn {
  readonly url: string
  /** What happens to the next requests, one each; afterwards everything goes through. */
  readonly faults: Fault[]
  /** Paths asked for, as they came. */
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[]
  close(): Promise<void>
}

/** Every path that ends like an EST operation goes to the V2G label of the server behind, whatever is around it. */
export async function startEstStandIn(behind: PkiTestService): Promise<EstStandIn> {
  const faults: Fault[] = []
  const requests: EstStandIn['requests'] = []
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? '', authorization: request.headers.authorization })
    const fault = faults.shift() ?? 'none'
    if (typeof fault === 'object') {
      response.writeHead(fault.status, fault.headers)
      response.end('the stand-in says no')
    } else if (fault !== 'stall') forward(behind, request, response, fault === 'lost')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forward(
  behind: PkiTestService,
  request: IncomingMessage,
  response: ServerResponse,
  lost: boolean,
): void {
  const operation = /simpleenroll|simplereenroll|cacerts|csrattrs/.exec(request.url ?? '')?.[0] ?? 'unknown'
  const outgoing = httpsRequest(
    `${behind.estUrl}/.well-known/est/v2g/${operation}`,
    { method: request.method, headers: { ...request.headers, host: 'localhost' }, rejectUnauthorized: false },
    (answer) => {
      if (lost) {
        answer.resume()
        answer.on('end', () => response.destroy())
        return
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    },
  )
  request.pipe(outgoing)
}
