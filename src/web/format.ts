/** Numbers, times and durations as people read them. */

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
const DATE_TIME = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })

export const amperes = (value: number): string => `${NUMBER.format(value)} A`
export const number = (value: number): string => NUMBER.format(value)
export const whole = (value: number): string => WHOLE.format(value)
export const kilowatts = (watts: number): string => `${NUMBER.format(watts / 1000)} kW`
export const kilowattHours = (wattHours: number): string => `${(wattHours / 1000).toFixed(2)} kWh`

export const date = (iso: string): string => DATE.format(new Date(iso))
export const dateTime = (iso: string): string => DATE_TIME.format(new Date(iso))
export const time = (iso: string): string => TIME.format(new Date(iso))

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

export function duration(ms: number): string {
  const abs = Math.abs(ms)
  if (abs < MINUTE_MS) return `${Math.round(abs / 1000)} s`
  if (abs < 90 * MINUTE_MS) return `${Math.round(abs / MINUTE_MS)} min`
  if (abs < 36 * HOUR_MS) return `${Math.round(abs / HOUR_MS)} h`
  return `${Math.round(abs / DAY_MS)} days`
}

export function since(iso: string | null, nowMs: number): string {
  if (iso === null) return 'never'
  const ms = nowMs - Date.parse(iso)
  return ms < 5_000 ? 'just now' : `${duration(ms)} ago`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${WHOLE.format(count)} ${count === 1 ? one : many}`
}

/** `CN=SN-7781,O=Example CPO` -> `SN-7781` */
export function commonName(subject: string): string {
  return /(?:^|,\s*)CN=((?:\\.|[^,\\])+)/.exec(subject)?.[1] ?? subject
}
