/** The suites of issuing and administration once more, with the keys of all authorities on SoftHSM tokens. */

import { afterAll, describe } from 'vitest'
import { useTokens } from '../../support/key-stores.ts'
import { hasSoftHsm, startSoftHsm } from '../../support/soft-hsm.ts'

if (hasSoftHsm()) {
  const hsm = await startSoftHsm()
  useTokens(hsm)
  afterAll(() => hsm.close())
  await import('./service.test.ts')
  await import('./operations.test.ts')
} else describe.skip('issuing on a token', () => undefined)
