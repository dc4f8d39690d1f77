/** Limits of a site: what every source says, and what operators set and lift. */

import type { Command } from 'commander'
import { Option } from 'commander'
import type { components } from '../http/api.generated.ts'
import { type ApiFlags, addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption, timeOption, wholeNumber } from './options.ts'
import type { CommandContext } from './parts.ts'

type LimitInForce = components['schemas']['LimitInForce']

interface LimitFlags extends ApiFlags {
  readonly json: boolean
  readonly node: string
  readonly value: string
  readonly unit: 'A' | 'W'
  readonly from?: string
  readonly until?: string
  readonly group?: string
  readonly priority?: number
}

export function addSiteLimits(site: Command, context: CommandContext): void {
  addList(site, context)
  addLimit(site, context)
  addLift(site, context)
}

function addList(site: Command, context: CommandContext): void {
  addApiOptions(site.command('limits <id>'))
    .summary('what every source says beside the configuration, until when, and who set it')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site limits depot')
    .action(async (id: string, flags: ApiFlags & { json: boolean }) => {
      const path = `sites/${encodeURIComponent(id)}/limits-in-force`
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', path)) as {
        items: LimitInForce[]
      }
      const rows = answer.items.map((one) => [
        one.sourceId,
        one.kind,
        one.nodeId,
        one.value === null ? null : `${one.value} ${one.unit}`,
        one.state,
        one.validFrom,
        one.validTo,
        one.setBy,
      ])
      print(context.io, flags.json, answer, () =>
        rows.length === 0
          ? 'Only the limits of the configuration apply.'
          : table(['SOURCE', 'KIND', 'NODE', 'LIMIT', 'STATE', 'FROM', 'UNTIL', 'SET BY'], rows),
      )
    })
}

function addLimit(site: Command, context: CommandContext): void {
  addApiOptions(site.command('limit <id> <limit>'))
    .summary('set a limit on a node of a site, or replace it')
    .requiredOption('--node <id>', 'node of the tree, or one EVSE as STATION#EVSE')
    .requiredOption('--value <number>', 'amperes per phase, or watts over all phases')
    .addOption(new Option('--unit <unit>', 'of the value').choices(['A', 'W']).default('A'))
    .addOption(timeOption('--from <time>', 'when it begins; at once unless said otherwise'))
    .addOption(timeOption('--until <time>', 'when it ends by itself, e.g. 2026-12-31T20:00:00Z'))
    .option('--group <name>', 'stands in for the other limits of this group, such as a weekly schedule')
    .addOption(
      new Option('--priority <0-9>', 'within its group the highest counts').argParser(
        wholeNumber({ min: 0, max: 9 }),
      ),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ gridkeep site limit depot evening --node grid --value 63 --until 2026-12-31T20:00:00Z',
    )
    .action(async (id: string, limit: string, flags: LimitFlags) => {
      const { node, unit, from, until, group, priority } = flags
      const value = Number(flags.value)
      if (flags.value.trim() === '' || !Number.isFinite(value))
        throw new CliFailure('cli.usage', `--value ${flags.value} is no number; write e.g. 63.`, 2)
      const body = {
        nodeId: node,
        value,
        unit,
        ...(from !== undefined && { validFrom: from }),
        ...(until !== undefined && { validTo: until }),
        ...(group !== undefined && { group }),
        ...(priority !== undefined && { priority }),
      }
      const path = `sites/${encodeURIComponent(id)}/limits/${encodeURIComponent(limit)}`
      const answer = await createApiClient(flags, context.io).request('PUT', path, body)
      const span = `${from ? ` from ${from}` : ''}${until ? ` until ${until}` : ''}`
      print(context.io, flags.json, answer, () => `${node} of ${id} is limited to ${value} ${unit}${span}.`)
    })
}

function addLift(site: Command, context: CommandContext): void {
  addApiOptions(site.command('lift <id> <limit>'))
    .summary('lift a limit that was set with `site limit`')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site lift depot evening')
    .action(async (id: string, limit: string, flags: ApiFlags & { json: boolean }) => {
      const path = `sites/${encodeURIComponent(id)}/limits/${encodeURIComponent(limit)}`
      await createApiClient(flags, context.io).request('DELETE', path)
      print(context.io, flags.json, { lifted: limit }, () => `The limit ${limit} of ${id} is lifted.`)
    })
}
