import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RawData, WebSocket } from 'ws'
import type { TransactionEventRequest } from '../../src/ocpp/v201/messages.generated.ts'
import { type RunningService, spawnService } from './support/service.ts'

const PASSWORD = 'a-password-of-the-station'
const STATIONS = 8
const ROUNDS = 3

let dataDir: string
let key: string
let service: RunningService | undefined

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-kill-'))
})
afterEach(async () => {
  if (service?.process.exitCode === null) await service.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${service?.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

/** A station that sends as fast as it is answered and remembers what it was answered. */
class Sender {
  readonly id: string
  readonly transactionId = randomBytes(8).toString('hex')
  readonly acknowledged = new Set<number>()
  #seqNo = 0
  #socket: WebSocket | undefined
  #target = Number.POSITIVE_INFINITY
  #reached: () => void = () => undefined

  constructor(id: string) {
    this.id = id
  }

  async connect(wsUrl: string): Promise<void> {
    const socket = new WebSocket(`${wsUrl}/${this.id}`, 'ocpp2.0.1', { headers: basicAuth(this.id) })
    this.#socket = socket
    // What the service asks a station that comes back is not this test's business, but it gets an answer.
    socket.on('message', (data) => {
      const frame: unknown = JSON.parse(String(data))
      if (Array.isArray(frame) && frame[0] === 2)
        socket.send(JSON.stringify([4, frame[1], 'NotSupported', '', {}]))
    })
    // The service dies in this test; a broken socket is the point of it.
    socket.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('close', () => reject(new Error(`${this.id} was refused`)))
    })
    await this.#call('BootNotification', {
      reason: 'PowerUp',
      chargingStation: { model: 'M', vendorName: 'V' },
    })
  }

  /** Ends when the socket does. */
  async pump(): Promise<void> {
    for (;;) {
      const seqNo = this.#seqNo
      const answered = await this.#call('TransactionEvent', this.#event(seqNo)).then(
        () => true,
        () => false,
      )
      if (!answered) return
      this.acknowledged.add(seqNo)
      this.#seqNo++
      if (this.acknowledged.size >= this.#target) this.#reached()
    }
  }

  /** Resolves when so many more events have been acknowledged. */
  progress(events: number): Promise<void> {
    this.#target = this.acknowledged.size + events
    return new Promise((resolve) => {
      this.#reached = resolve
    })
  }

  close(): void {
    this.#socket?.terminate()
  }

  #event(seqNo: number): TransactionEventRequest {
    const timestamp = new Date().toISOString()
    return {
      eventType: seqNo === 0 ? 'Started' : 'Updated',
      seqNo,
      timestamp,
      triggerReason: seqNo === 0 ? 'CablePluggedIn' : 'MeterValuePeriodic',
      transactionInfo: { transactionId: this.transactionId },
      evse: { id: 1 },
      meterValue: [{ timestamp, sampledValue: [{ value: seqNo }] }],
    }
  }

  #call(action: string, payload: object): Promise<unknown> {
    const socket = this.#socket
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error('closed'))
    const messageId = randomBytes(8).toString('hex')
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error('closed'))
      socket.once('close', closed)
      const answered = (data: RawData): void => {
        const frame: unknown = JSON.parse(String(data))
        if (!Array.isArray(frame) || frame[1] !== messageId) return
        socket.off('message', answered)
        socket.off('close', closed)
        if (frame[0] === 3) resolve(frame[2])
        else reject(new Error(`${action} was answered with ${String(data)}`))
      }
      socket.on('message', answered)
      socket.send(JSON.stringify([2, messageId, action, payload]))
    })
  }
}

function basicAuth(id: string) {
  return { authorization: `Basic ${Buffer.from(`${id}:${PASSWORD}`).toString('base64')}` }
}

describe('killed with SIGKILL while stations send', () => {
  test('everything that was acknowledged is there after the restart, and nothing is there twice', async () => {
    service = await spawnService(dataDir)
    key = service.adminKey ?? ''
    const senders = Array.from({ length: STATIONS }, (_, index) => new Sender(`KILL-${index}`))
    for (const { id } of senders)
      await api('PUT', `/stations/${id}`, { securityProfile: 1, password: PASSWORD })

    for (let round = 1; round <= ROUNDS; round++) {
      const { wsUrl } = service
      await Promise.all(senders.map((sender) => sender.connect(wsUrl)))
      // Each round is killed at another point of the stations' progress.
      const progress = senders.map((sender) => sender.progress(15 * round))
      const pumping = senders.map((sender) => sender.pump())
      await Promise.all(progress)
      await service.kill('SIGKILL')
      await Promise.all(pumping)
      for (const sender of senders) sender.close()

      service = await spawnService(dataDir)
      expect(service.adminKey).toBeUndefined()
      for (const sender of senders) {
        const { items } = (await api('GET', `/sessions/${sender.id}/${sender.transactionId}/events`)) as {
          items: { seqNo: number; event: TransactionEventRequest }[]
        }
        const stored = items.map((item) => item.seqNo)
        expect(new Set(stored).size).toBe(stored.length)
        expect([...sender.acknowledged].filter((seqNo) => !stored.includes(seqNo))).toEqual([])
        // At most the one that was on its way may be there without an answer.
        expect(stored.length - sender.acknowledged.size).toBeLessThanOrEqual(1)
        expect(items.every((item) => item.event.meterValue?.[0]?.sampledValue[0]?.value === item.seqNo)).toBe(
          true,
        )
      }
    }
  }, 120_000)
})
