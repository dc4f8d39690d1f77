import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { SerialPool } from '../../../../src/certificates/contracts/serials.ts'
import { startPnc } from '../../../support/pnc.ts'

/** A store that remembers which numbers are reserved, and may refuse. */
function createDesk() {
  const reserved = new Set<string>()
  const desk = { reserved, commits: 0, fails: false, nowMs: 0 }
  const contracts = {
    reserveSerials: async ({ serialNumbers }: { serialNumbers: readonly string[] }) => {
      if (desk.fails) throw new Error('disk full')
      desk.commits++
      for (const one of serialNumbers) reserved.add(one)
    },
    releaseSerials: async (_: string, serialNumbers: readonly string[]) => {
      for (const one of serialNumbers) reserved.delete(one)
    },
  }
  const pool = new SerialPool({
    store: { contracts },
    clock: { now: () => desk.nowMs },
    random: (octets) => randomBytes(octets),
  })
  return Object.assign(desk, { take: () => pool.take('mo-sub2', 'contract'), close: () => pool.close() })
}
const hex = (serial: Uint8Array): string => Buffer.from(serial).toString('hex')

test('every number is reserved when it is given out, none twice, and few commits are needed for many', async () => {
  const desk = createDesk()
  const taken = new Set<string>()
  for (let i = 0; i < 1000; i++) {
    const serial = hex(await desk.take())
    expect(desk.reserved.has(serial)).toBe(true)
    taken.add(serial)
  }
  expect(taken.size).toBe(1000)
  expect(desk.commits).toBeLessThan(12)
})

test('what is left over is given back at the end, and what lay too long before it counts as abandoned', async () => {
  const desk = createDesk()
  const first = hex(await desk.take())
  const before = new Set(desk.reserved)
  desk.nowMs = 30 * 60_000
  const second = hex(await desk.take())
  expect(before.has(second)).toBe(false)
  await desk.close()
  expect([...desk.reserved].sort()).toEqual([first, second].sort())
})

test('nothing is given out that could not be written down', async () => {
  const desk = createDesk()
  desk.fails = true
  await expect(desk.take()).rejects.toThrow('disk full')
  desk.fails = false
  expect(desk.reserved.has(hex(await desk.take()))).toBe(true)
})

test('the certificate of a car has a number that was reserved, and is no longer when it is recorded', async () => {
  const world = await startPnc()
  try {
    const reserved: string[] = []
    const { reserveSerials } = world.store.contracts
    world.store.contracts.reserveSerials = async (serials) => {
      await reserveSerials(serials)
      reserved.push(...serials.serialNumbers)
    }
    await world.contract('WGKTESTCAR1234567X', 'DEGKP123456789')
    const ev = world.car('WGKTESTCAR1234567X')
    await world.install(ev)
    expect(reserved).toContain(ev.contract?.certificate.serialHex)
    await world.contracts.stop()
    expect(await world.store.certificates.takeOrphanedSerials('9999-01-01T00:00:00Z')).toEqual([])
  } finally {
    await world.close()
  }
})
