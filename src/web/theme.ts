/** Light or dark: the system's wish, until somebody chooses. */

import { createSignal } from './signal.ts'

export type Theme = 'light' | 'dark'

const KEY = 'gridkeep-theme'
const systemDark = matchMedia('(prefers-color-scheme: dark)')

function chosen(): Theme | undefined {
  const value = localStorage.getItem(KEY)
  return value === 'light' || value === 'dark' ? value : undefined
}

export const theme = createSignal<Theme>(chosen() ?? (systemDark.matches ? 'dark' : 'light'))

systemDark.addEventListener('change', () => {
  if (chosen() === undefined) theme.set(systemDark.matches ? 'dark' : 'light')
})

const stored = chosen()
if (stored) document.documentElement.dataset.theme = stored

export function switchTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark'
  localStorage.setItem(KEY, next)
  document.documentElement.dataset.theme = next
  theme.set(next)
}
