import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CSMS_ACTIONS } from '../../../src/ocpp/actions.ts'
import { createVehicle } from '../../../src/simulator/index.ts'
import { assertResponse, isAction } from '../../../src/simulator/wire.ts'
import { QUICK_CAR, useBench } from './bench.ts'
import { validRequest } from './payloads.ts'

const bench = useBench()
/** These take the station off the link, which is tested elsewhere. */
const DISRUPTIVE = ['Reset', 'UpdateFirmware']

describe('a station that is told anything', () => {
  it('answers every valid call with a valid answer and never with an internal error', async () => {
    const station = await bench.launch()
    station.plugIn(1, createVehicle(QUICK_CAR))
    const actions = CSMS_ACTIONS.filter((action) => !DISRUPTIVE.includes(action))
    for (const action of actions) {
      await fc.assert(
        fc.asyncProperty(validRequest(action), async (request) => {
          const answer = await bench.csms.callRaw(action, request)
          if (isAction(action)) assertResponse(action, answer)
        }),
        { numRuns: 40 },
      )
    }
    expect(station.connected).toBe(true)
  })

  it('answers what is no valid call with an error, and goes on', async () => {
    const station = await bench.launch()
    const anything = fc.jsonValue({ maxDepth: 2 })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...CSMS_ACTIONS),
        anything,
        anything,
        async (action, first, second) => {
          bench.csms.sendRaw(JSON.stringify([2, 'x', action, first]))
          bench.csms.sendRaw(JSON.stringify([first, second]))
          bench.csms.sendRaw(JSON.stringify(first))
          expect(await bench.csms.call('GetLocalListVersion', {})).toHaveProperty('versionNumber')
        },
      ),
      { numRuns: 100 },
    )
    expect(station.counters.disconnects).toBe(0)
  })
})
