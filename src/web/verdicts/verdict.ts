/** What a verdict says. */

import type { Tone } from '../tone.ts'

export interface Attention {
  readonly tone: Tone
  readonly about: string
  readonly text: string
  readonly act: string
  readonly href: string
}

export interface Verdict {
  readonly about: 'Stations' | 'Trust' | 'Energy'
  readonly place: string
  readonly tone: Tone
  readonly sentence: string
  readonly detail: string
  readonly attention: readonly Attention[]
}

export function worst(attention: readonly Attention[]): Tone {
  if (attention.some((one) => one.tone === 'bad')) return 'bad'
  return attention.some((one) => one.tone === 'warn') ? 'warn' : 'ok'
}
