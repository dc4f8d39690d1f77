import { expect, test } from 'vitest'
import { flattenSite, writeLimit } from '../../../profiles/index.ts'
import { deviceOf } from '../../../src/energy/device.ts'

test('watts for a station that takes nothing else are amperes at the nominal voltage of its site', () => {
  const site = flattenSite({
    id: 's',
    voltageV: 120,
    root: {
      kind: 'circuit',
      id: 'grid',
      children: [
        {
          kind: 'station',
          id: 'A',
          evses: [{ evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } }],
        },
      ],
    },
  })
  const [evse] = site.evses
  if (!evse) throw new Error('the site has an EVSE')
  const device = deviceOf([], site.voltageV)
  expect(writeLimit({ evse, device, unit: 'W', limitA: 16 })).toMatchObject({ limit: 16 * 120 * 3 })
})
