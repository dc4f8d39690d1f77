import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import { addStationCall } from './call.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption } from './options.ts'
import { readPages } from './pages.ts'
import type { CommandContext } from './parts.ts'
import { securityProfile } from './simulate.ts'

type Station = components['schemas']['Station']
type Connector = components['schemas']['Connector']

interface AddFlags extends ApiFlags {
  readonly json: boolean
  readonly securityProfile: 1 | 2 | 3
  readonly generatePassword?: boolean
  readonly passwordStdin?: boolean
  readonly serial?: string
  readonly organisation?: string
  readonly group?: string
}

interface ListFlags extends ApiFlags {
  readonly json: boolean
  readonly group?: string
  readonly online?: boolean
  readonly offline?: boolean
}

export function addStation(program: Command, context: CommandContext): void {
  const station = program
    .command('station')
    .summary('register, list and look at stations of the running service')
  addStationAdd(station, context)
  addStationList(station, context)
  addStationShow(station, context)
  addStationCall(station, context)
}

function addStationAdd(station: Command, context: CommandContext): void {
  addApiOptions(station.command('add <id>'))
    .summary('register a station, or replace what was decided about it')
    .option(
      '--security-profile <1|2|3>',
      '1 password, 2 TLS and password, 3 TLS on both sides',
      securityProfile,
      2,
    )
    .option('--generate-password', 'make a password and print it, once')
    .option('--password-stdin', 'read the password from standard input')
    .option('--serial <text>', 'serial number: CN of the certificate of the station')
    .option('--organisation <text>', 'O of the certificate of the station')
    .option('--group <text>', 'any name under which stations are listed together')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep station add CS-001 --generate-password
  $ pass stations/CS-002 | gridkeep station add CS-002 --password-stdin --group depot-north
  $ gridkeep station add CS-003 --security-profile 3 --serial SN-7781 --organisation "Example CPO"`,
    )
    .action(async (id: string, flags: AddFlags) => {
      const client = createApiClient(flags, context.io)
      const password = await choosePassword(flags, context)
      const { serial, organisation, group } = flags
      const body = {
        securityProfile: flags.securityProfile,
        ...(password !== undefined && { password }),
        ...(serial !== undefined && { serialNumber: serial }),
        ...(organisation !== undefined && { organisation }),
        ...(group !== undefined && { group }),
      }
      const added = await client.request('PUT', `stations/${encodeURIComponent(id)}`, body)
      const secret = flags.generatePassword ? { password } : {}
      print(context.io, flags.json, { ...toObject(added), ...secret }, () =>
        [
          `Station ${id} may connect with security profile ${flags.securityProfile}.`,
          ...(flags.generatePassword ? [`Password (shown only now): ${password}`] : []),
        ].join('\n'),
      )
    })
}

async function choosePassword(flags: AddFlags, { io }: CommandContext): Promise<string | undefined> {
  if (flags.generatePassword && flags.passwordStdin)
    throw new CliFailure('cli.usage', 'Use either --generate-password or --password-stdin.', 2)
  // 30 random bytes make 40 characters, the longest that A00.FR.205 allows.
  if (flags.generatePassword) return randomBytes(30).toString('base64url')
  return flags.passwordStdin ? (await io.readStdin()).trim() : undefined
}

function addStationList(station: Command, context: CommandContext): void {
  addApiOptions(station.command('list'))
    .summary('stations and whether they are connected')
    .option('--group <text>', 'only this group')
    .option('--online', 'only connected ones')
    .option('--offline', 'only those without a connection')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ gridkeep station list --offline\n  $ gridkeep station list --json | jq -r .items[].id',
    )
    .action(async (flags: ListFlags) => {
      if (flags.online && flags.offline)
        throw new CliFailure('cli.usage', 'Use either --online or --offline.', 2)
      const client = createApiClient(flags, context.io)
      const filter = {
        ...(flags.group !== undefined && { group: flags.group }),
        ...(flags.online && { online: 'true' }),
        ...(flags.offline && { online: 'false' }),
      }
      const items = await readPages<Station>(client, 'stations', filter)
      print(context.io, flags.json, { items }, () => stationTable(items))
    })
}

function stationTable(items: readonly Station[]): string {
  if (items.length === 0) return 'No stations. Register one with: gridkeep station add ID --generate-password'
  return table(
    ['ID', 'ONLINE', 'PROFILE', 'ENROLMENT', 'GROUP', 'MODEL', 'FIRMWARE', 'LAST SEEN'],
    items.map((item) => [
      item.id,
      item.online,
      item.securityProfile,
      item.enrolment,
      item.group,
      item.boot?.model,
      item.boot?.firmwareVersion,
      item.lastSeenAt,
    ]),
  )
}

function addStationShow(station: Command, context: CommandContext): void {
  addApiOptions(station.command('show <id>'))
    .summary('one station with its connectors')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep station show CS-001')
    .action(async (id: string, flags: ApiFlags & { json: boolean }) => {
      const client = createApiClient(flags, context.io)
      const path = `stations/${encodeURIComponent(id)}`
      // The service keeps to the contract that these types come from.
      const found = (await client.request('GET', path)) as Station
      const { items } = (await client.request('GET', `${path}/connectors`)) as { items: Connector[] }
      print(context.io, flags.json, { ...found, connectors: items }, () => stationText(found, items))
    })
}

function stationText(station: Station, connectors: readonly Connector[]): string {
  const { boot, ...plain } = station
  const lines = table(
    ['FIELD', 'VALUE'],
    [...Object.entries(plain), ...Object.entries(boot ?? {}).map(([key, value]) => [`boot.${key}`, value])],
  )
  const rows = connectors.map((one) => [one.evseId, one.connectorId, one.status, one.receivedAt])
  return rows.length === 0 ? lines : `${lines}\n\n${table(['EVSE', 'CONNECTOR', 'STATUS', 'SINCE'], rows)}`
}

function toObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}
