/** A hosted contract pool as OPCP describes it, on loopback: its answers come from our own CPS over a pool of its own. */

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Certificate, decodeCommonMessage, decodeV2gMessage, protocolOf } from '../../pki/index.ts'
import type { PncWorld } from './pnc.ts'

export const CLIENT = { clientId: 'gridkeep', clientSecret: 'a secret of the provider' }

export interface OpcpStandIn {
  readonly url: string
  readonly tokenUrl: string
  /** What happened, e.g. `POST /v1/ccp/signedContractData`. */
  readonly seen: string[]
  connections: number
  /** Root pool by `oem`, `mo` or `v2g`; without an entry it holds the roots of the world. */
  readonly roots: Map<string, readonly Uint8Array[]>
  /** Provisioning certificates by PCID, leaf first. */
  readonly vehicles: Map<string, readonly Uint8Array[]>
  /** Applied to contract requests: wait, fail so many times, or answer this instead. */
  faults: { delayMs: number; failures: number; drops: number; instead: object | undefined }
  /** Every token given out so far is refused from now on. */
  expireTokens(): void
  close(): Promise<void>
}

export async function startOpcpStandIn(
  world: PncWorld,
  tokenEncoding: 'json' | 'form' = 'json',
): Promise<OpcpStandIn> {
  const tokens = new Set<string>()
  const sockets = new Set<Socket>()
  const state = {
    seen: [] as string[],
    roots: new Map<string, readonly Uint8Array[]>(),
    vehicles: new Map<string, readonly Uint8Array[]>(),
    connections: 0,
    faults: { delayMs: 0, failures: 0, drops: 0, instead: undefined as object | undefined },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
    const url = new URL(request.url ?? '/', 'http://stand.in')
    state.seen.push(`${request.method} ${url.pathname}`)
    const body = await read(request)
    if (url.pathname === '/oauth/token') return token(body, request, response)
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (!tokens.has(bearer)) return send(response, 401, { error: 'invalid_token' })
    if (url.pathname === '/v1/ccp/signedContractData') return contract(JSON.parse(body), request, response)
    if (url.pathname === '/v1/root/rootCerts') return roots(url.searchParams.get('rootType'), response)
    if (url.pathname.startsWith('/v1/oem/provCerts/'))
      return provisioning(url.pathname.split('/').at(-1) ?? '', response)
    return send(response, 404, { errorMessages: ['no such resource'], traceId: '1' })
  }

  function token(body: string, request: IncomingMessage, response: ServerResponse): undefined {
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded'
    if (isForm !== (tokenEncoding === 'form')) return send(response, 400, { error: 'invalid_request' })
    const fields = isForm ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body)
    if (fields.client_id !== CLIENT.clientId || fields.client_secret !== CLIENT.clientSecret)
      return send(response, 401, { error: 'invalid_client', error_description: 'unknown client' })
    if (fields.grant_type !== 'client_credentials')
      return send(response, 400, { error: 'unsupported_grant_type' })
    const value = randomBytes(16).toString('hex')
    tokens.add(value)
    send(response, 200, { access_token: value, token_type: 'Bearer', expires_in: 3600, scope: 'ccp' })
  }

  async function contract(
    body: { certificateInstallationReq: string; xsdMsgDefNamespace: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<undefined> {
    const { faults } = state
    if (faults.drops > 0) {
      faults.drops--
      request.socket.destroy()
      return undefined
    }
    if (faults.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.delayMs))
    if (faults.failures > 0) {
      faults.failures--
      return send(response, 503, { errorMessages: ['busy'], traceId: '2' })
    }
    if (faults.instead) return send(response, 200, faults.instead)
    const [first, ...others] = await answersTo(body)
    if (!first || first.status === 'Failed')
      return send(response, 400, { errorMessages: [first?.detail ?? 'unreadable'], traceId: '3' })
    const emaidContent = [first, ...others].map(({ exiResponse }) => ({
      messageDef: { certificateInstallationRes: exiResponse, ...accountOf(exiResponse, body) },
    }))
    const content = { CCPResponse: { emaidContent } }
    if (emaidContent.some(({ messageDef }) => 'emaid' in messageDef)) return send(response, 200, content)
    const wantsExi = request.headers.alwaysreturnexi === 'true'
    send(response, 404, { errorMessages: ['no contract'], traceId: '4', ...(wantsExi ? content : {}) })
  }

  /** One EXI answer per contract: the walk that a station of OCPP 2.1 makes. */
  async function answersTo(body: { certificateInstallationReq: string; xsdMsgDefNamespace: string }) {
    const answers = []
    for (let left = 1; left > 0; left--) {
      const answer = await world.contracts.provide('opcp', {
        action: 'Install',
        iso15118SchemaVersion: body.xsdMsgDefNamespace,
        exiRequest: body.certificateInstallationReq,
        ...(protocolOf(body.xsdMsgDefNamespace) === '15118-20'
          ? { maximumContractCertificateChains: 255 }
          : {}),
      })
      answers.push(answer)
      if (answers.length === 1) left += answer.remainingContracts ?? 0
    }
    return answers
  }

  function ownRoots(type: string | null): readonly Uint8Array[] {
    if (type === 'oem') return [world.oem['15118-2'].root.certificate.der]
    const lines = type === 'v2g' ? ['v2g-root'] : type === 'mo' ? ['mo-root'] : []
    return lines
      .flatMap((line) => world.certificates.authorities.generations(line))
      .map(({ certificate }) => certificate.der)
  }

  function roots(type: string | null, response: ServerResponse): undefined {
    const rootCertificates = (state.roots.get(type ?? '') ?? ownRoots(type)).map((der, index) => ({
      rootCertificateId: `root-${index}`,
      rootType: type,
      caCertificate: Buffer.from(der).toString('base64'),
    }))
    send(response, 200, { RootCertificateCollection: { rootCertificates } })
  }

  function provisioning(pcid: string, response: ServerResponse): undefined {
    const chain = state.vehicles.get(pcid)
    if (!chain) return send(response, 404, { errorMessages: ['no such vehicle'], traceId: '5' })
    const [certificate, ...certificateChain] = chain.map((der) => Buffer.from(der).toString('base64'))
    send(response, 200, { pcid, certificate, certificateChain })
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    state.connections++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(state, {
    url,
    tokenUrl: `${url}/oauth/token`,
    expireTokens: () => tokens.clear(),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

/** The account of a successful answer; nothing for a refusal in the car's language. */
function accountOf(
  exiResponse: string,
  { xsdMsgDefNamespace }: { xsdMsgDefNamespace: string },
): { emaid?: string } {
  if (protocolOf(xsdMsgDefNamespace) === '15118-20') {
    const message = decodeCommonMessage(Buffer.from(exiResponse, 'base64'))
    if (!('CertificateInstallationRes' in message)) return {}
    const { ResponseCode, SignedInstallationData } = message.CertificateInstallationRes
    if (ResponseCode !== 'OK') return {}
    return {
      emaid: Certificate.parse(SignedInstallationData.ContractCertificateChain.Certificate).commonName ?? '',
    }
  }
  const { Body } = decodeV2gMessage(Buffer.from(exiResponse, 'base64'))
  if (!('CertificateInstallationRes' in Body)) return {}
  const { ResponseCode, eMAID } = Body.CertificateInstallationRes
  return ResponseCode === 'OK' ? { emaid: eMAID.value } : {}
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, status: number, body: object): undefined {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
