/** `gridkeep serve` with one data directory and one address for stations, however often it is killed. */

import { freePort } from './port.ts'
import { type RunningService, spawnService } from './service.ts'

export class ServiceUnderFire {
  readonly dataDir: string
  wssUrl = ''
  readonly #callDeadlineS: number
  #flags: Readonly<Record<string, string>> = {}
  #service: RunningService | undefined
  #key = ''

  /** `callDeadlineS`: how long a station may take to answer; the other waits follow from it. */
  constructor(dataDir: string, callDeadlineS: number) {
    this.dataDir = dataDir
    this.#callDeadlineS = callDeadlineS
  }

  /** The first time as well as after a kill. */
  async start(): Promise<void> {
    if (this.wssUrl === '') {
      const port = await freePort()
      this.wssUrl = `wss://127.0.0.1:${port}`
      this.#flags = {
        'ocpp.wss.enabled': 'true',
        'ocpp.wss.host': '127.0.0.1',
        'ocpp.wss.port': String(port),
        'pki.organisation': 'Example CPO',
        'fleet.nudgeS': String(this.#callDeadlineS / 2),
        'fleet.triggerS': String(this.#callDeadlineS * 1.5),
        'fleet.retryS': '1',
        'fleet.callDeadlineS': String(this.#callDeadlineS),
        'fleet.reconnectS': String(this.#callDeadlineS * 12),
      }
    }
    this.#service = await spawnService(this.dataDir, this.#flags)
    this.#key = this.#service.adminKey ?? this.#key
  }

  /** In the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#service?.kill('SIGKILL')
    this.#service = undefined
  }

  /** What the command line needs to reach it. */
  get environment(): Record<string, string> {
    const url = this.#service?.apiUrl.replace(/\/api\/v1$/, '') ?? ''
    return { GRIDKEEP_URL: url, GRIDKEEP_API_KEY: this.#key }
  }

  async api(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#service?.apiUrl ?? ''}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text.startsWith('{') ? JSON.parse(text) : text
  }
}
