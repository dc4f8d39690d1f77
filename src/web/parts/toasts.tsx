/** Short messages about what was just done. */

import { createSignal, useSignal } from '../signal.ts'

interface Toast {
  readonly id: number
  readonly tone: 'ok' | 'bad'
  readonly text: string
}

const SHOWN_MS = 6_000
const toasts = createSignal<readonly Toast[]>([])
let lastId = 0

export function toast(tone: Toast['tone'], text: string): void {
  const id = ++lastId
  toasts.set([...toasts.get().slice(-3), { id, tone, text }])
  setTimeout(() => toasts.set(toasts.get().filter((one) => one.id !== id)), SHOWN_MS)
}

export function Toasts() {
  const shown = useSignal(toasts)
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, tone, text }) => (
        <div key={id} class={`notice ${tone}`}>
          {text}
        </div>
      ))}
    </div>
  )
}
