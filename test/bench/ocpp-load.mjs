// Load generator of the OCPP benchmarks, run as a process of its own so that it does not share the server's
// event loop. Raw sockets and prebuilt frames (masked with zeros): it must never be the bottleneck.
//
// argv: JSON { url, stations, mode: 'heartbeat' | 'transaction' | 'idle', seconds, password, warmupSeconds, tlsFile? }
// tlsFile: JSON { ca, key, certificates: [one per station] }
// Prints one JSON line when all are connected, and one at the end.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { connect as connectTls } from 'node:tls'

const options = JSON.parse(process.argv[2])
const { hostname, port } = new URL(options.url)
const tls = options.tlsFile === undefined ? undefined : JSON.parse(readFileSync(options.tlsFile, 'utf8'))
const latenciesMs = []
let answers = 0
let errors = 0
let measuring = false
let stopped = false

function frame(text) {
  const body = Buffer.from(text)
  const length = body.length
  const header =
    length < 126
      ? Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0])
      : Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0])
  return Buffer.concat([header, body])
}

const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const BOOT =
  '[2,"boot","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"Bench","vendorName":"Bench"}}]'

const METERS = ['L1', 'L2', 'L3']
  .map(
    (phase) => `{"value":16.01,"measurand":"Current.Import","phase":"${phase}","unitOfMeasure":{"unit":"A"}}`,
  )
  .join(',')

class Station {
  constructor(index) {
    this.index = index
    this.id = `BENCH${index}`
    this.seqNo = 0
    this.sentAt = 0
    this.buffer = undefined
    this.open = false
    this.booted = false
  }

  connect() {
    return new Promise((resolve, reject) => {
      this.socket =
        tls === undefined
          ? connect({ host: hostname, port: Number(port), noDelay: true })
          : connectTls({
              host: hostname,
              port: Number(port),
              servername: 'csms.example.com',
              ca: tls.ca,
              key: tls.key,
              cert: tls.certificates[this.index],
            })
      this.onReady = resolve
      this.socket.on('error', reject)
      this.socket.on('close', () => {
        if (!stopped) errors++
        reject(new Error('closed'))
      })
      const authorization = Buffer.from(`${this.id}:${options.password}`).toString('base64')
      this.socket.write(
        `GET /ocpp/${this.id} HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Protocol: ocpp2.0.1\r\nAuthorization: Basic ${authorization}\r\n\r\n`,
      )
      this.socket.on('data', (data) => this.read(data))
    })
  }

  read(data) {
    let rest = this.buffer === undefined ? data : Buffer.concat([this.buffer, data])
    this.buffer = undefined
    if (!this.open) {
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) {
        this.buffer = rest
        return
      }
      if (!rest.subarray(0, 12).toString().includes('101')) {
        errors++
        this.socket.destroy()
        return
      }
      this.open = true
      rest = rest.subarray(end + 4)
      this.socket.write(frame(BOOT))
    }
    while (rest.length >= 2) {
      let length = rest[1] & 127
      let at = 2
      if (length === 126) {
        if (rest.length < 4) break
        length = rest.readUInt16BE(2)
        at = 4
      }
      if (rest.length < at + length) break
      const opcode = rest[0] & 15
      if (opcode === 1) this.answered(rest[at + 1])
      else if (opcode === 9) this.socket.write(PONG)
      rest = rest.subarray(at + length)
    }
    if (rest.length > 0) this.buffer = rest
  }

  answered(type) {
    if (!this.booted) {
      this.booted = true
      this.onReady()
      return
    }
    if (measuring) {
      answers++
      latenciesMs.push(performance.now() - this.sentAt)
    }
    // 0x33 is the digit 3: a CALLRESULT.
    if (type !== 0x33) errors++
    if (!stopped) this.send()
  }

  send() {
    this.sentAt = performance.now()
    this.seqNo++
    if (options.mode === 'heartbeat') this.socket.write(frame(`[2,"${this.seqNo}","Heartbeat",{}]`))
    else this.socket.write(frame(this.transactionEvent()))
  }

  transactionEvent() {
    const at = new Date().toISOString()
    const eventType = this.seqNo === 1 ? 'Started' : 'Updated'
    return (
      `[2,"${this.seqNo}","TransactionEvent",{"eventType":"${eventType}","timestamp":"${at}","triggerReason":"MeterValuePeriodic",` +
      `"seqNo":${this.seqNo - 1},"transactionInfo":{"transactionId":"${options.run}-${this.id}","chargingState":"Charging"},` +
      `"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":"${at}","sampledValue":[` +
      `{"value":${1000 + this.seqNo},"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},${METERS}]}]}]`
    )
  }
}

const stations = Array.from({ length: options.stations }, (_, i) => new Station(i))
const started = performance.now()
const results = await Promise.allSettled(stations.map((station) => station.connect()))
const failed = results.filter((result) => result.status === 'rejected').length
console.log(JSON.stringify({ connectedMs: performance.now() - started, failed }))

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))
if (options.mode !== 'idle') {
  for (const station of stations) if (station.booted) station.send()
  await wait(options.warmupSeconds)
}
measuring = true
const from = performance.now()
await wait(options.seconds)
measuring = false
const elapsedS = (performance.now() - from) / 1000
stopped = true
latenciesMs.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    perSecond: answers / elapsedS,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length / 2)] ?? 0,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
    maxMs: latenciesMs.at(-1) ?? 0,
    errors,
  }),
)
for (const station of stations) station.socket.destroy()
process.exit(0)
