/** How a station's certificates differ from what is wanted. */

import type { Schemas } from '../api.ts'
import type { Tone } from '../tone.ts'

export const DRIFT: Readonly<
  Record<Schemas['TrustDrift']['kind'], { readonly text: string; readonly tone: Tone }>
> = {
  missing: { text: 'wanted, not installed', tone: 'bad' },
  unknown: { text: 'installed, unknown here', tone: 'bad' },
  expired: { text: 'installed, expired', tone: 'warn' },
  'wrong-generation': { text: 'installed, not wanted', tone: 'warn' },
  'not-reported': { text: 'the station has not said', tone: 'none' },
}
