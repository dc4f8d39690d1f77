import { execFileSync } from 'node:child_process'

export type Print = (line: string) => void

const RUN_MS = 1500
const WARM_UP = 200

/** Calls per second of `work`, synchronous, after a warm-up. */
export function perSecond(work: () => void): number {
  for (let i = 0; i < WARM_UP; i++) work()
  let calls = 0
  const start = performance.now()
  let now = start
  while (now - start < RUN_MS) {
    for (let i = 0; i < 20; i++) work()
    calls += 20
    now = performance.now()
  }
  return (calls * 1000) / (now - start)
}

/** What OpenSSL's own benchmark reaches on this machine, now: absolute numbers mean little on shared cores. */
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
