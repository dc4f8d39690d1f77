import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { readInput } from './contract.ts'
import { print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type Vehicle = components['schemas']['Vehicle']
type TrustedCertificate = components['schemas']['TrustedCertificate']

interface Flags extends ApiFlags {
  readonly json: boolean
}

export function addVehicle(program: Command, context: CommandContext): void {
  const vehicle = program.command('vehicle').summary('vehicles that may get contracts')
  addApiOptions(vehicle.command('list'))
    .summary('the vehicle pool')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep vehicle list')
    .action(async (flags: Flags) => {
      // The service keeps to the contract that this type comes from.
      const page = (await createApiClient(flags, context.io).request('GET', 'vehicles?limit=1000')) as {
        items: Vehicle[]
      }
      print(context.io, flags.json, page, () => vehicleTable(page.items))
    })
  addApiOptions(vehicle.command('put <pcid>'))
    .summary('register a vehicle, or block it')
    .option('--blocked', 'it gets no contract, whatever is on offer')
    .option('--description <text>', 'what people call it')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep vehicle put WGKTESTCAR1234567X --description "Van 7"')
    .action(async (pcid: string, flags: Flags & { blocked?: boolean; description?: string }) => {
      const body = {
        state: flags.blocked ? 'blocked' : 'active',
        ...(flags.description !== undefined && { description: flags.description }),
      }
      const path = `vehicles/${encodeURIComponent(pcid)}`
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('PUT', path, body)) as Vehicle
      print(context.io, flags.json, answer, () => vehicleTable([answer]))
    })
}

export function addTrust(program: Command, context: CommandContext): void {
  const trust = program.command('trust').summary('authorities of car makers and mobility operators')
  addApiOptions(trust.command('list'))
    .summary('whose word counts, for cars (OEM) and for contracts (MO, V2G)')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep trust list')
    .action(async (flags: Flags) => {
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', 'trusted-certificates')) as {
        items: TrustedCertificate[]
      }
      print(context.io, flags.json, answer, () => trustTable(answer.items))
    })
  addApiOptions(trust.command('add <usage> <file>'))
    .summary('trust the roots and sub-CAs of a PEM file; usage is OEM, MO or V2G')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep trust add OEM maker-roots-and-sub-cas.pem')
    .action(async (usage: string, file: string, flags: Flags) => {
      const body = { usage: usage.toUpperCase(), pem: readInput(file).toString('utf8') }
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request(
        'POST',
        'trusted-certificates',
        body,
      )) as { items: TrustedCertificate[] }
      print(context.io, flags.json, answer, () => trustTable(answer.items))
    })
  addApiOptions(trust.command('remove <usage> <fingerprint>'))
    .summary('trust it no longer')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep trust remove OEM 4f3c...')
    .action(async (usage: string, fingerprint: string, flags: Flags) => {
      const path = `trusted-certificates/${usage.toUpperCase()}/${encodeURIComponent(fingerprint)}`
      await createApiClient(flags, context.io).request('DELETE', path)
      print(context.io, flags.json, { usage, fingerprint }, () => `${fingerprint} is not trusted any more.`)
    })
}

function vehicleTable(items: readonly Vehicle[]): string {
  if (items.length === 0) return 'No vehicles. Creating a contract registers its vehicle.'
  return table(
    ['PCID', 'STATE', 'DESCRIPTION', 'CREATED'],
    items.map(({ pcid, state, description, createdAt }) => [pcid, state, description, createdAt]),
  )
}

function trustTable(items: readonly TrustedCertificate[]): string {
  if (items.length === 0) return 'Nobody yet. Add roots and sub-CAs with: gridkeep trust add OEM FILE'
  return table(
    ['USAGE', 'ROOT', 'SUBJECT', 'NOT AFTER', 'SHA-256'],
    items.map((one) => [one.usage, one.isRoot, one.subject, one.notAfter, one.fingerprint]),
  )
}
