/** Who is signed in, and what that role may do. The service decides; this only hides what it would refuse. */

import { change, read, type Self, signIn, whenSignedOut } from './api.ts'
import { closeLive, openLive } from './live.ts'
import { createSignal } from './signal.ts'

/** Undefined while it is not known, null when nobody is. */
export const self = createSignal<Self | null | undefined>(undefined)

whenSignedOut(() => {
  closeLive()
  self.set(null)
})

export async function resume(): Promise<void> {
  try {
    self.set(await read('/self'))
    openLive()
  } catch {
    self.set(null)
  }
}

export async function enter(key: string): Promise<void> {
  await signIn(key)
  self.set(await read('/self'))
  openLive()
}

export async function leave(): Promise<void> {
  await change('DELETE', '/sign-in').catch(() => undefined)
  closeLive()
  self.set(null)
}

export type Right = 'operate' | 'secure'

export function may(right: Right): boolean {
  const role = self.get()?.role
  return role === 'admin' || role === (right === 'operate' ? 'operator' : 'security')
}
