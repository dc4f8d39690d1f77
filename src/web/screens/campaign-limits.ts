/** What was typed into the form of a campaign, as the API wants it. */

import type { Schemas } from '../api.ts'

export interface RoughLimits {
  readonly waves: string
  readonly perHour: string
  readonly perSite: string
  readonly maxFailuresPercent: string
  readonly soakMinutes: string
}

export function listOf(text: string): string[] {
  return text
    .split(/[,\s]+/)
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** `3, 10 %, 50 %` */
export function wavesOf(text: string): ({ stations: number } | { percent: number })[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, digits = '', sign] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(part) ?? []
      const value = Number(digits)
      if (digits === '' || value <= 0 || (sign === '' && !Number.isInteger(value)))
        throw new Error(
          `"${part}" is no wave: write a number of stations or a percentage, e.g. 3, 10 %, 50 %.`,
        )
      return sign === '%' ? { percent: value } : { stations: value }
    })
}

export function limitsOf(rough: RoughLimits): NonNullable<Schemas['CampaignOrder']['limits']> {
  return {
    waves: wavesOf(rough.waves),
    perHour: Number(rough.perHour),
    perSite: Number(rough.perSite),
    maxFailures: Number(rough.maxFailuresPercent) / 100,
    soakS: Math.round(Number(rough.soakMinutes) * 60),
  }
}

/** The id of the campaign that the service has planned. */
export function idOf(report: unknown): string {
  const campaign = typeof report === 'object' && report !== null ? Reflect.get(report, 'campaign') : undefined
  const id: unknown =
    typeof campaign === 'object' && campaign !== null ? Reflect.get(campaign, 'id') : undefined
  if (typeof id !== 'string') throw new Error('The service did not say which campaign it planned.')
  return id
}
