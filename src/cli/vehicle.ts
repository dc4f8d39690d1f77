import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'
import { trustTable } from './trust.ts'

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
  addLookup(vehicle, context)
}

function addLookup(vehicle: Command, context: CommandContext): void {
  addApiOptions(vehicle.command('lookup <pcid>'))
    .summary("ask providers for a car's certificate, and trust the sub-CAs of its maker below a trusted root")
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep vehicle lookup WGKTESTCAR1234567X')
    .action(async (pcid: string, flags: Flags) => {
      const path = `vehicles/${encodeURIComponent(pcid)}/lookups`
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('POST', path)) as {
        provider: string
        items: TrustedCertificate[]
      }
      print(context.io, flags.json, answer, () =>
        answer.items.length === 0
          ? `${answer.provider} knows ${pcid}; its authorities are known here already.`
          : trustTable(answer.items),
      )
    })
}

function vehicleTable(items: readonly Vehicle[]): string {
  if (items.length === 0) return 'No vehicles. Creating a contract registers its vehicle.'
  return table(
    ['PCID', 'STATE', 'DESCRIPTION', 'CREATED'],
    items.map(({ pcid, state, description, createdAt }) => [pcid, state, description, createdAt]),
  )
}
