import { expect, test } from 'vitest'
import { createGate } from '../../../src/keys/gate.ts'

const never = () => new Promise<never>(() => undefined)

test('at most so many operations run at once, each in a slot of its own', async () => {
  const gate = createGate({ deadlineMs: 1000, maxInFlight: 2 })
  const slots = new Set<number>()
  let running = 0
  let most = 0
  await Promise.all(
    Array.from({ length: 20 }, () =>
      gate.run(async (slot) => {
        slots.add(slot)
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setImmediate(resolve))
        running -= 1
      }),
    ),
  )
  expect(most).toBe(2)
  expect([...slots].sort()).toEqual([0, 1])
})

test('one that stalls is given up at its deadline, and everybody else is refused at once until it comes back', async () => {
  const gate = createGate({ deadlineMs: 20, maxInFlight: 2 })
  let comeBack: (value: string) => void = () => undefined
  const stalled = gate.run(
    () =>
      new Promise<string>((resolve) => {
        comeBack = resolve
      }),
  )
  await expect(stalled).rejects.toMatchObject({ code: 'key-unavailable' })
  const startMs = performance.now()
  await expect(gate.run(async () => 'work')).rejects.toMatchObject({ code: 'key-unavailable' })
  expect(performance.now() - startMs).toBeLessThan(15)
  comeBack('late')
  await new Promise((resolve) => setImmediate(resolve))
  expect(await gate.run(async () => 'work')).toBe('work')
})

test('those who wait are told when it takes too long, and nobody waits without end', async () => {
  const gate = createGate({ deadlineMs: 20, maxInFlight: 1, maxWaiting: 1 })
  const outcomes = await Promise.allSettled([gate.run(never), gate.run(never), gate.run(never)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
})

test('a failure is passed on, and the slot is free again', async () => {
  const gate = createGate({ deadlineMs: 1000, maxInFlight: 1 })
  await expect(gate.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(await gate.run(async () => 1)).toBe(1)
})
