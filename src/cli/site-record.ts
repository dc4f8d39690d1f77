/** What a site did and why: one EVSE explained, a decision decided again, the compliance record. */

import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import { type ApiFlags, addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print } from './io.ts'
import { jsonOption, timeOption } from './options.ts'
import type { CommandContext } from './parts.ts'
import { statusText } from './site-status.ts'

type SiteReplay = components['schemas']['SiteReplay']
type EvseExplanation = components['schemas']['EvseExplanation']

export function addSiteRecords(site: Command, context: CommandContext): void {
  addWhy(site, context)
  addReplay(site, context)
  addRecord(site, context)
}

function addWhy(site: Command, context: CommandContext): void {
  addApiOptions(site.command('why <id> <evse>'))
    .summary('why an EVSE (STATION#EVSE) gets what it gets, and what it would get otherwise')
    .addOption(timeOption('--at <time>', 'of a decision of the last hours; now unless said otherwise'))
    .addOption(jsonOption())
    .addHelpText('after', "\nExample:\n  $ gridkeep site why depot 'CS-001#1'")
    .action(async (id: string, evse: string, flags: ApiFlags & { json: boolean; at?: string }) => {
      const [, stationId, evseId] = /^(.+)#([0-9]+)$/.exec(evse) ?? []
      if (stationId === undefined || evseId === undefined)
        throw new CliFailure('cli.usage', `${evse} is no EVSE; write STATION#EVSE, e.g. 'CS-001#1'.`, 2)
      const query = flags.at === undefined ? '' : `?at=${encodeURIComponent(flags.at)}`
      const path = `sites/${encodeURIComponent(id)}/evses/${encodeURIComponent(stationId)}/${evseId}/explanation`
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request(
        'GET',
        `${path}${query}`,
      )) as EvseExplanation
      print(context.io, flags.json, answer, () => whyText(answer))
    })
}

function whyText({ at, stationId, evseId, grantedA, grantedW, reason, otherwise }: EvseExplanation): string {
  const power = (amperes: number, watts: number) =>
    `${amperes.toFixed(1)} A (${(watts / 1000).toFixed(1)} kW)`
  const lines = [
    `${stationId}#${evseId} was granted ${power(grantedA, grantedW)} at ${at}.`,
    `Why not more: ${reason.text}.`,
  ]
  if (otherwise)
    lines.push(`Otherwise: ${power(otherwise.grantedA, otherwise.grantedW)}. Then: ${otherwise.reason.text}.`)
  return lines.join('\n')
}

function addReplay(site: Command, context: CommandContext): void {
  addApiOptions(site.command('replay <id>'))
    .summary('a decision of the last hours, decided again from what it came from')
    .addOption(
      timeOption(
        '--at <time>',
        'the decision at or last before this time, e.g. 2026-12-31T20:00:00Z',
      ).makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site replay depot --at 2026-12-31T20:00:00Z')
    .action(async (id: string, flags: ApiFlags & { json: boolean; at: string }) => {
      const path = `sites/${encodeURIComponent(id)}/replay?at=${encodeURIComponent(flags.at)}`
      // The service keeps to the contract that this type comes from.
      const played = (await createApiClient(flags, context.io).request('GET', path)) as SiteReplay
      print(context.io, flags.json, played, () => replayText(played, flags.at))
    })
}

/** Decisions are recorded every minute at least: one that is older was not in force any more. */
const FRESH_MS = 60_000

function replayText(played: SiteReplay, wanted: string): string {
  const verdict = played.same
    ? 'This version decides the same.'
    : 'This version decides otherwise than the one that recorded it.'
  const agoMs = Date.parse(wanted) - Date.parse(played.at)
  const old =
    agoMs > FRESH_MS
      ? [
          `Nothing was recorded for ${Math.round(agoMs / 60_000)} min before ${wanted}: this is the last one before.`,
        ]
      : []
  const alarms = played.status.alarms.map((alarm) => `${alarm.code} ${alarm.where}: ${alarm.detail}`)
  return [`Policy ${played.policy}. ${verdict}`, ...old, ...alarms, '', statusText(played.status)].join('\n')
}

interface RecordFlags extends ApiFlags {
  readonly from: string
  readonly to: string
  readonly node?: string
  readonly json: boolean
}

function addRecord(site: Command, context: CommandContext): void {
  addApiOptions(site.command('record <id>'))
    .summary('the compliance record as CSV: measured against allowed, per node and minute')
    .addOption(timeOption('--from <time>', 'first minute').makeOptionMandatory())
    .addOption(timeOption('--to <time>', 'the minute after the last').makeOptionMandatory())
    .option('--node <id>', 'one node of the tree')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ gridkeep site record depot --from 2026-12-31T00:00:00Z --to 2027-01-01T00:00:00Z > day.csv',
    )
    .action(async (id: string, { from, to, node, json, ...flags }: RecordFlags) => {
      const client = createApiClient(flags, context.io)
      const query = { to, ...(node === undefined ? {} : { nodeId: node }) }
      const path = `sites/${encodeURIComponent(id)}/compliance`
      if (!json) {
        const csv = await client.request('GET', `${path}.csv?${new URLSearchParams({ ...query, from })}`)
        context.io.out(String(csv))
        return
      }
      const items: Page['items'] = []
      for (let next: string | null = from; next !== null; ) {
        const search = new URLSearchParams({ ...query, from: next, limit: '10000' })
        // The service keeps to the contract that this type comes from.
        const page = (await client.request('GET', `${path}?${search}`)) as Page
        items.push(...page.items)
        next = page.next
      }
      print(context.io, true, { items }, () => '')
    })
}

interface Page {
  readonly items: components['schemas']['ComplianceMinute'][]
  readonly next: string | null
}
