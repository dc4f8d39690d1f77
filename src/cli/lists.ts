/** Commands that show a list of the operator API as a table, all made from one description each. */

import type { Command } from 'commander'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { print, table } from './io.ts'
import { jsonOption, wholeNumber } from './options.ts'
import { readPages } from './pages.ts'
import type { CommandContext } from './parts.ts'

type Row = Readonly<Record<string, unknown>>

/** Flag, query parameter, meaning. */
const FILTERS = {
  station: ['--station <id>', 'stationId', 'only of this station'],
  active: ['--active', 'active', 'only what has not ended'],
  profile: ['--profile <name>', 'profile', 'only of this profile'],
  expires: ['--expires-before <time>', 'expiresBefore', 'only what ends before, e.g. 2026-12-31T00:00:00Z'],
  state: ['--state <state>', 'state', 'only in this state'],
  actor: ['--actor <name>', 'actor', 'only by this API key, or cli, system, station:ID'],
  action: ['--action <name>', 'action', 'only this action, e.g. station.put or BootNotification'],
  subject: ['--subject <text>', 'subject', 'only on this subject'],
  kind: ['--kind <kind>', 'kind', 'security, csms-security, monitoring or the name of a message'],
  type: ['--type <type>', 'type', 'only of this type, e.g. TamperDetectionActivated'],
  critical: ['--critical', 'critical', 'only what is critical'],
  text: ['--text <text>', 'text', 'only with this in the payload'],
  direction: ['--direction <which>', 'direction', 'from-station or to-station'],
} as const

interface ListDescription {
  /** Noun and verb. */
  readonly command: string
  readonly noun: string
  readonly summary: string
  readonly path: string
  readonly filters: readonly (keyof typeof FILTERS)[]
  /** Properties of an item, dots go deeper; `=HEADING` where the property's name says too little. */
  readonly columns: string
  /** Query parameter of the next page; `limit`: only the first one can be had; empty: always all. */
  readonly pages: string
}

function list(command: string, texts: string, from: string, columns: string): ListDescription {
  const [noun = '', summary = ''] = texts.split(' | ')
  const [source = '', ...names] = from.split(' ')
  const [path = '', pages = ''] = source.split('?')
  const filters = names.map((name) => {
    if (!isFilter(name)) throw new Error(`There is no filter ${name}.`)
    return name
  })
  return { command, noun, summary, path, pages, filters, columns }
}

const isFilter = (name: string): name is keyof typeof FILTERS => name in FILTERS

const LISTS: readonly ListDescription[] = [
  list(
    'session list',
    'charging sessions | charging sessions, newest first',
    'sessions?after station active',
    'stationId transactionId evseId chargingState=STATE idToken.idToken=TOKEN startedAt endedAt meterStartWh=WH_AT_START meterLastWh=WH_NOW',
  ),
  list(
    'certificate list',
    'certificates that this service issued | certificates and until when they are valid',
    'certificates?after station profile expires',
    'fingerprint stationId profile subject notAfter=NOT_AFTER revokedAt',
  ),
  list(
    'issuance list',
    'requests of stations for certificates | requests, newest first, and how far each got',
    'signing-orders?limit station state',
    'id stationId certificateType=TYPE state attempts detail updatedAt',
  ),
  list(
    'order list',
    'orders to stations and what became of them | orders, newest first',
    'orders?after station state',
    'id stationId action state outcome actor=BY updatedAt',
  ),
  list(
    'trust drift',
    'trusted authorities | where stations hold other roots than they should',
    'trust/drift?limit station',
    'stationId kind use subject certificate',
  ),
  list(
    'key list',
    'API keys | API keys, without their secrets',
    'api-keys',
    'id name role createdAt revokedAt',
  ),
  list(
    'message list',
    'what was said between stations and the service | OCPP messages, newest first',
    'messages?before station action direction text',
    'at stationId direction kind action errorCode=ERROR payload',
  ),
  list(
    'event list',
    'what stations reported | security and other events of all stations, oldest first',
    'station-events?after station kind type critical',
    'id at=TIME stationId kind type critical detail',
  ),
  list(
    'audit list',
    'who did what | the audit trail, oldest first',
    'audit?after actor action subject',
    'id at=TIME actor action subject',
  ),
]

export function addLists(program: Command, context: CommandContext): void {
  for (const list of LISTS) addList(program, list, context)
}

function addList(program: Command, list: ListDescription, context: CommandContext): void {
  const [noun = '', verb = ''] = list.command.split(' ')
  const parent =
    program.commands.find((one) => one.name() === noun) ?? program.command(noun).summary(list.noun)
  const command = parent.command(verb).summary(list.summary)
  for (const name of list.filters) command.option(FILTERS[name][0], FILTERS[name][2])
  addApiOptions(command)
    .option('--limit <number>', 'most entries to show', wholeNumber({ min: 1, max: 100_000 }), 1000)
    .addOption(jsonOption())
    .addHelpText('after', `\nExample:\n  $ gridkeep ${list.command}`)
    .action(async (flags: ApiFlags & Row & { limit: number; json: boolean }) => {
      const client = createApiClient(flags, context.io)
      const query = queryOf(list, command, flags)
      const { path, pages } = list
      const items = await readPages<Row>(client, path, query, { pages, limit: flags.limit })
      print(context.io, flags.json, { items }, () =>
        items.length === 0 ? 'Nothing to show.' : tableOf(list, items),
      )
    })
}

function queryOf(list: ListDescription, command: Command, flags: Row): Record<string, string> {
  const query: Record<string, string> = {}
  for (const filter of list.filters) {
    const [flag, parameter] = FILTERS[filter]
    const name = command.options.find((option) => option.flags === flag)?.attributeName()
    const value = name === undefined ? undefined : flags[name]
    if (value !== undefined) query[parameter] = String(value)
  }
  return query
}

function tableOf({ columns }: ListDescription, items: readonly Row[]): string {
  const parts = columns.split(' ').map((column) => column.split('='))
  return table(
    parts.map(([property = '', heading]) => heading?.replaceAll('_', ' ') ?? headingOf(property)),
    items.map((item) => parts.map(([property = '']) => valueAt(item, property))),
  )
}

/** `stationId` -> STATION, `updatedAt` -> UPDATED */
function headingOf(property: string): string {
  return property.replace(/(?<=.)(Id|At)$/, '').toUpperCase()
}

function valueAt(item: Row, property: string): unknown {
  let value: unknown = item
  for (const name of property.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
