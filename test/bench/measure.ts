import { execFileSync } from 'node:child_process'

export type Print = (line: string) => void

const RUN_SECONDS = 1.5
const WARM_UP = 300

/** CPU time of this process: what `openssl speed` counts in, too, so that neighbours on shared cores do not matter. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Calls of `work`, synchronous, per second of CPU time, after a warm-up. */
export function perSecond(work: () => void): number {
  for (let i = 0; i < WARM_UP; i++) work()
  let calls = 0
  const start = cpuSeconds()
  let now = start
  while (now - start < RUN_SECONDS) {
    for (let i = 0; i < 20; i++) work()
    calls += 20
    now = cpuSeconds()
  }
  return calls / (now - start)
}

/** What OpenSSL's own benchmark reaches on this machine, now, per second of CPU time. */
export function opensslSpeed(what: 'sign' | 'verify'): number {
  const output = execFileSync('openssl', ['speed', '-seconds', '2', 'ecdsap256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const numbers = /256 bits ecdsa \(nistp256\).*?([\d.]+)\s+([\d.]+)\s*$/m.exec(output)
  const value = Number(numbers?.[what === 'sign' ? 1 : 2])
  if (!(value > 0)) throw new Error(`openssl speed printed something unexpected: ${output}`)
  return value
}
