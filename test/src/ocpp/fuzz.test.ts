import { expect, it } from 'vitest'
import { fuzz } from '../../bench/fuzz-ocpp.ts'

it('frames that were damaged in any way are accepted or refused with a reason, and nothing throws', () => {
  const { accepted, refused } = fuzz(20_000, 20261122)
  expect(accepted).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(10_000)
})
