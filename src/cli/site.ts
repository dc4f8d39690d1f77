import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Option } from 'commander'
import { parse } from 'yaml'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type Site = components['schemas']['Site']
type SiteStatus = components['schemas']['SiteStatus']
type SiteReplay = components['schemas']['SiteReplay']

interface LimitFlags extends ApiFlags {
  readonly json: boolean
  readonly node: string
  readonly value: string
  readonly unit: 'A' | 'W'
  readonly until?: string
}

export function addSite(program: Command, context: CommandContext): void {
  const site = program.command('site').summary('sites, their load and their limits')
  addSiteList(site, context)
  addSiteStatus(site, context)
  addSitePut(site, context)
  addSiteLimit(site, context)
  addSiteReplay(site, context)
}

function addSiteList(site: Command, context: CommandContext): void {
  addApiOptions(site.command('list'))
    .summary('sites with the limit of their grid connection')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site list')
    .action(async (flags: ApiFlags & { json: boolean }) => {
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', 'sites')) as { items: Site[] }
      const rows = answer.items.map(({ id, config, updatedAt }) => [
        id,
        config.root.id,
        config.root.limitA === undefined ? null : [config.root.limitA].flat().join('/'),
        config.root.limitW,
        updatedAt,
      ])
      print(context.io, flags.json, answer, () =>
        rows.length === 0
          ? 'No sites. Create one with: gridkeep site put ID FILE'
          : table(['ID', 'CONNECTION', 'LIMIT A', 'LIMIT W', 'UPDATED'], rows),
      )
    })
}

function addSiteStatus(site: Command, context: CommandContext): void {
  addApiOptions(site.command('status <id>'))
    .summary('load against limit, what binds, and why each EVSE gets what it gets')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site status depot')
    .action(async (id: string, flags: ApiFlags & { json: boolean }) => {
      const path = `sites/${encodeURIComponent(id)}/status`
      // The service keeps to the contract that this type comes from.
      const status = (await createApiClient(flags, context.io).request('GET', path)) as SiteStatus
      print(context.io, flags.json, status, () => statusText(status))
    })
}

function statusText(status: SiteStatus): string {
  const phases = (values: readonly (number | null)[] | null) =>
    values === null ? null : values.map((value) => (value === null ? '-' : value.toFixed(1))).join('/')
  const nodes = status.nodes.map((node) => [
    node.nodeId,
    phases(node.measuredA),
    phases(node.grantedA),
    phases(node.limitA),
    node.binding === null ? null : (node.binding.limitId ?? node.binding.source),
    node.binding?.validTo,
  ])
  const evses = status.evses.map((evse) => [
    `${evse.stationId}#${evse.evseId}`,
    evse.online,
    evse.transactionId,
    evse.grantedA.toFixed(1),
    evse.confirmedA === null ? null : evse.confirmedA.toFixed(1),
    phases(evse.measuredA),
    evse.reason?.text,
  ])
  return [
    `${status.siteId} at ${status.at}`,
    '',
    table(['NODE', 'MEASURED A', 'GRANTED A', 'LIMIT A', 'BINDING', 'UNTIL'], nodes),
    '',
    table(['EVSE', 'ONLINE', 'TRANSACTION', 'GRANTED A', 'CONFIRMED A', 'MEASURED A', 'WHY NOT MORE'], evses),
  ].join('\n')
}

function addSitePut(site: Command, context: CommandContext): void {
  addApiOptions(site.command('put <id> <file>'))
    .summary('create a site or replace its configuration, from YAML or JSON')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site put depot depot.yaml')
    .action(async (id: string, file: string, flags: ApiFlags & { json: boolean }) => {
      const answer = await createApiClient(flags, context.io).request(
        'PUT',
        `sites/${encodeURIComponent(id)}`,
        readConfigFile(file),
      )
      print(context.io, flags.json, answer, () => `Site ${id} is held from now on.`)
    })
}

function readConfigFile(file: string): object {
  try {
    const config: unknown = parse(readFileSync(file, 'utf8'))
    if (typeof config === 'object' && config !== null) return config
  } catch (error) {
    throw new CliFailure(
      'cli.usage',
      `${file} cannot be used: ${error instanceof Error ? error.message : error}`,
      2,
    )
  }
  throw new CliFailure('cli.usage', `${file} holds no site; see PUT /sites/{siteId} in openapi.yaml.`, 2)
}

function addSiteLimit(site: Command, context: CommandContext): void {
  addApiOptions(site.command('limit <id> <limit>'))
    .summary('set a limit on a node of a site, or replace it')
    .requiredOption('--node <id>', 'node of the tree, or one EVSE as STATION#EVSE')
    .requiredOption('--value <number>', 'amperes per phase, or watts over all phases')
    .addOption(new Option('--unit <unit>', 'of the value').choices(['A', 'W']).default('A'))
    .option('--until <time>', 'when it ends by itself, e.g. 2026-12-31T20:00:00Z')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ gridkeep site limit depot evening --node grid --value 63 --until 2026-12-31T20:00:00Z',
    )
    .action(async (id: string, limit: string, flags: LimitFlags) => {
      const { node, value, unit, until } = flags
      const body = {
        nodeId: node,
        value: Number(value),
        unit,
        ...(until !== undefined && { validTo: until }),
      }
      const path = `sites/${encodeURIComponent(id)}/limits/${encodeURIComponent(limit)}`
      const answer = await createApiClient(flags, context.io).request('PUT', path, body)
      print(
        context.io,
        flags.json,
        answer,
        () => `${node} of ${id} is limited to ${value} ${unit}${until ? ` until ${until}` : ''}.`,
      )
    })
}

function addSiteReplay(site: Command, context: CommandContext): void {
  addApiOptions(site.command('replay <id>'))
    .summary('a decision of the last hours, decided again from what it came from')
    .requiredOption('--at <time>', 'the decision at or last before this time, e.g. 2026-12-31T20:00:00Z')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site replay depot --at 2026-12-31T20:00:00Z')
    .action(async (id: string, flags: ApiFlags & { json: boolean; at: string }) => {
      if (Number.isNaN(Date.parse(flags.at)))
        throw new CliFailure('cli.usage', `${flags.at} is no time; write it like 2026-12-31T20:00:00Z.`, 2)
      const at = encodeURIComponent(new Date(flags.at).toISOString())
      const path = `sites/${encodeURIComponent(id)}/replay?at=${at}`
      // The service keeps to the contract that this type comes from.
      const played = (await createApiClient(flags, context.io).request('GET', path)) as SiteReplay
      print(context.io, flags.json, played, () => replayText(played))
    })
}

function replayText(played: SiteReplay): string {
  const verdict = played.same
    ? 'This version decides the same.'
    : 'This version decides otherwise than the one that recorded it.'
  const alarms = played.status.alarms.map((alarm) => `${alarm.code} ${alarm.where}: ${alarm.detail}`)
  return [`Policy ${played.policy}. ${verdict}`, ...alarms, '', statusText(played.status)].join('\n')
}
