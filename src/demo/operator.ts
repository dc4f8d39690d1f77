/** The operator of the demo: acts on the service over its public API only. */

import type { paths } from '../http/api.generated.ts'

type Json<T> = T extends { content: { 'application/json': infer B } } ? B : never
export type SiteStatus = Json<paths['/sites/{siteId}/status']['get']['responses'][200]>
export type SiteConfig = Json<NonNullable<paths['/sites/{siteId}']['put']['requestBody']>>

export class OperatorError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'OperatorError'
    this.status = status
  }
}

const DEADLINE_MS = 15_000

export class Operator {
  readonly #base: string
  readonly #key: string
  calls = 0

  constructor(options: { readonly apiUrl: string; readonly key: string }) {
    this.#base = `${options.apiUrl}/api/v1`
    this.#key = options.key
  }

  async request(method: 'GET' | 'PUT' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    })
    const text = await response.text()
    if (!response.ok) throw new OperatorError(response.status, `${method} ${path}: ${text}`)
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
    return text === '' ? undefined : isJson ? JSON.parse(text) : text
  }

  putStation(id: string, registration: object): Promise<unknown> {
    return this.request('PUT', `/stations/${id}`, registration)
  }

  putSite(id: string, config: SiteConfig): Promise<unknown> {
    return this.request('PUT', `/sites/${id}`, config)
  }

  async siteStatus(id: string): Promise<SiteStatus> {
    return (await this.request('GET', `/sites/${id}/status`)) as SiteStatus
  }

  /** One call to a station; its answer must be Accepted. */
  async call(stationId: string, action: string, payload: object): Promise<unknown> {
    this.calls++
    return this.request('POST', `/stations/${stationId}/calls/${action}`, payload)
  }

  /** A05: a slot for the higher profile, its priority, a restart; from then on the service refuses the lower one. */
  async upgradeToProfile3(station: {
    readonly id: string
    readonly serialNumber: string
    readonly wssUrl: string
  }): Promise<void> {
    const { id, serialNumber, wssUrl } = station
    await this.call(id, 'SetNetworkProfile', {
      configurationSlot: 2,
      connectionData: {
        ocppVersion: 'OCPP20',
        ocppTransport: 'JSON',
        ocppCsmsUrl: wssUrl,
        messageTimeout: 30,
        securityProfile: 3,
        ocppInterface: 'Wired0',
      },
    })
    await this.call(id, 'SetVariables', {
      setVariableData: [
        {
          component: { name: 'OCPPCommCtrlr' },
          variable: { name: 'NetworkConfigurationPriority' },
          attributeValue: '2,1',
        },
      ],
    })
    await this.call(id, 'Reset', { type: 'Immediate' })
    await this.putStation(id, { securityProfile: 3, serialNumber })
  }
}
