/** Commands that show a list of the operator API as a table, all made from one description each. */

import type { Command } from 'commander'
import type { ApiClient, ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { print, table } from './io.ts'
import { jsonOption, wholeNumber } from './options.ts'
import type { CommandContext } from './parts.ts'

type Row = Readonly<Record<string, unknown>>

interface ListDescription {
  readonly command: readonly [noun: string, verb: string]
  readonly nounSummary: string
  readonly summary: string
  readonly path: string
  /** Flag -> query parameter. */
  readonly filters: readonly (readonly [flag: string, parameter: string, meaning: string])[]
  /** Heading -> property of the item, dots go deeper. */
  readonly columns: readonly (readonly [heading: string, property: string])[]
  readonly empty: string
}

const LISTS: readonly ListDescription[] = [
  {
    command: ['session', 'list'],
    nounSummary: 'charging sessions',
    summary: 'charging sessions, newest first',
    path: 'sessions',
    filters: [
      ['--station <id>', 'stationId', 'only this station'],
      ['--active', 'active', 'only sessions that have not ended'],
    ],
    columns: [
      ['STATION', 'stationId'],
      ['TRANSACTION', 'transactionId'],
      ['EVSE', 'evseId'],
      ['STATE', 'chargingState'],
      ['TOKEN', 'idToken.idToken'],
      ['STARTED', 'startedAt'],
      ['ENDED', 'endedAt'],
      ['WH AT START', 'meterStartWh'],
      ['WH NOW', 'meterLastWh'],
    ],
    empty: 'No sessions.',
  },
  {
    command: ['certificate', 'list'],
    nounSummary: 'certificates that this service issued',
    summary: 'certificates and until when they are valid',
    path: 'certificates',
    filters: [
      ['--station <id>', 'stationId', 'only those of this station'],
      ['--profile <name>', 'profile', 'only of this profile'],
      ['--expires-before <time>', 'expiresBefore', 'only those that end before, e.g. 2026-12-31T00:00:00Z'],
    ],
    columns: [
      ['FINGERPRINT', 'fingerprint'],
      ['STATION', 'stationId'],
      ['PROFILE', 'profile'],
      ['SUBJECT', 'subject'],
      ['NOT AFTER', 'notAfter'],
      ['REVOKED', 'revokedAt'],
    ],
    empty: 'No certificates.',
  },
  {
    command: ['order', 'list'],
    nounSummary: 'orders to stations and what became of them',
    summary: 'orders, newest first',
    path: 'orders',
    filters: [
      ['--station <id>', 'stationId', 'only to this station'],
      ['--state <state>', 'state', 'sending, following, done or failed'],
    ],
    columns: [
      ['ID', 'id'],
      ['STATION', 'stationId'],
      ['ACTION', 'action'],
      ['STATE', 'state'],
      ['OUTCOME', 'outcome'],
      ['BY', 'actor'],
      ['UPDATED', 'updatedAt'],
    ],
    empty: 'No orders.',
  },
  {
    command: ['audit', 'list'],
    nounSummary: 'who did what',
    summary: 'the audit trail, oldest first',
    path: 'audit',
    filters: [
      ['--actor <name>', 'actor', 'only by this API key, or cli, system, station:ID'],
      ['--action <verb>', 'action', 'only this action, e.g. station.put'],
      ['--subject <text>', 'subject', 'only on this subject'],
    ],
    columns: [
      ['ID', 'id'],
      ['TIME', 'at'],
      ['ACTOR', 'actor'],
      ['ACTION', 'action'],
      ['SUBJECT', 'subject'],
    ],
    empty: 'Nothing was recorded.',
  },
]

export function addLists(program: Command, context: CommandContext): void {
  for (const list of LISTS) addList(program, list, context)
}

function addList(program: Command, list: ListDescription, context: CommandContext): void {
  const [noun, verb] = list.command
  const command = program.command(noun).summary(list.nounSummary).command(verb).summary(list.summary)
  for (const [flag, , meaning] of list.filters) command.option(flag, meaning)
  addApiOptions(command)
    .option('--limit <number>', 'most entries to show', wholeNumber({ min: 1, max: 100_000 }), 1000)
    .addOption(jsonOption())
    .addHelpText('after', `\nExample:\n  $ gridkeep ${noun} ${verb}`)
    .action(async (flags: ApiFlags & Row & { limit: number; json: boolean }) => {
      const client = createApiClient(flags, context.io)
      const items = await readPages(client, list.path, queryOf(list, command, flags), flags.limit)
      print(context.io, flags.json, { items }, () => (items.length === 0 ? list.empty : tableOf(list, items)))
    })
}

function queryOf(list: ListDescription, command: Command, flags: Row): Record<string, string> {
  const query: Record<string, string> = {}
  for (const [flag, parameter] of list.filters) {
    const name = command.options.find((option) => option.flags === flag)?.attributeName()
    const value = name === undefined ? undefined : flags[name]
    if (value !== undefined) query[parameter] = String(value)
  }
  return query
}

async function readPages(
  client: ApiClient,
  path: string,
  query: Record<string, string>,
  limit: number,
): Promise<readonly Row[]> {
  const items: Row[] = []
  let next: string | number | null = null
  do {
    const size = Math.min(1000, limit - items.length)
    const page: string = String(
      new URLSearchParams({ ...query, limit: String(size), ...(next !== null && { after: String(next) }) }),
    )
    // The service keeps to the contract: every list of it has this shape.
    const answer = (await client.request('GET', `${path}?${page}`)) as {
      items: Row[]
      next: string | number | null
    }
    items.push(...answer.items)
    next = answer.next
  } while (next !== null && items.length < limit)
  return items
}

function tableOf(list: ListDescription, items: readonly Row[]): string {
  return table(
    list.columns.map(([heading]) => heading),
    items.map((item) => list.columns.map(([, property]) => valueAt(item, property))),
  )
}

function valueAt(item: Row, property: string): unknown {
  let value: unknown = item
  for (const name of property.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return value
}
