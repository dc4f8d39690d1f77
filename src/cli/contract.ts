import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption } from './options.ts'
import { readPages } from './pages.ts'
import type { CommandContext } from './parts.ts'

type Contract = components['schemas']['Contract']

interface Flags extends ApiFlags {
  readonly json: boolean
}

interface TermFlags extends Flags {
  readonly priority?: string
  readonly until?: string
}

interface ImportFlags extends TermFlags {
  readonly p12?: string
  readonly certificate?: string
  readonly key?: string
  readonly passphraseStdin?: boolean
}

interface ListFlags extends Flags {
  readonly pcid?: string
  readonly emaid?: string
  readonly state?: string
}

export function addContract(program: Command, context: CommandContext): void {
  const contract = program.command('contract').summary('charging contracts of cars')
  addCreate(contract, context)
  addImport(contract, context)
  addList(contract, context)
  addMove(contract, context, 'suspend', 'nobody charges with it until it is resumed', 'PUT', 'suspension')
  addMove(contract, context, 'resume', 'let a suspended contract be used again', 'DELETE', 'suspension')
  addMove(contract, context, 'terminate', 'end it for good and revoke its certificates', 'PUT', 'termination')
}

function withTerms(command: Command): Command {
  return addApiOptions(command)
    .option('--priority <number>', 'smaller numbers are offered first; 100 unless said otherwise')
    .option('--until <time>', 'end of the contract, e.g. 2030-12-31T23:59:59Z')
    .addOption(jsonOption())
}

function termsOf({ priority, until }: TermFlags): object {
  if (priority !== undefined && !/^\d{1,4}$/.test(priority))
    throw new CliFailure('cli.usage', `--priority ${priority} is not a number from 0 to 1000.`, 2)
  return {
    ...(priority !== undefined && { priority: Number(priority) }),
    ...(until !== undefined && { validUntil: until }),
  }
}

function addCreate(contract: Command, context: CommandContext): void {
  withTerms(contract.command('create <emaid> <pcid>'))
    .summary('offer a contract to a car, which fetches it at a station')
    .addHelpText('after', '\nExample:\n  $ gridkeep contract create DE-GKP-123456789 WGKTESTCAR1234567X')
    .action(async (emaid: string, pcid: string, flags: TermFlags) => {
      const body = { emaid, pcid, ...termsOf(flags) }
      await show(context, flags, createApiClient(flags, context.io).request('POST', 'contracts', body))
    })
}

function addImport(contract: Command, context: CommandContext): void {
  withTerms(contract.command('import <pcid>'))
    .summary('bring in a contract certificate with its key; destroyed here once the car has it')
    .option('--p12 <file>', 'PKCS#12 file with key and certificates')
    .option('--certificate <file>', 'PEM: the contract certificate and its sub-CAs')
    .option('--key <file>', 'PEM: its private key, encrypted or not')
    .option('--passphrase-stdin', 'read the passphrase of the file from standard input')
    .addHelpText(
      'after',
      `
Examples:
  $ pass contract | gridkeep contract import WGKTESTCAR1234567X --p12 contract.p12 --passphrase-stdin
  $ gridkeep contract import WGKTESTCAR1234567X --certificate chain.pem --key key.pem --passphrase-stdin < secret`,
    )
    .action(async (pcid: string, flags: ImportFlags) => {
      const passphrase = flags.passphraseStdin ? (await context.io.readStdin()).trim() : undefined
      const body = {
        pcid,
        ...termsOf(flags),
        ...identityOf(flags),
        ...(passphrase !== undefined && { passphrase }),
      }
      await show(
        context,
        flags,
        createApiClient(flags, context.io).request('POST', 'contracts/imports', body),
      )
    })
}

function identityOf({ p12, certificate, key }: ImportFlags): object {
  if (p12 !== undefined && certificate === undefined && key === undefined)
    return { pkcs12: readInput(p12).toString('base64') }
  if (p12 === undefined && certificate !== undefined && key !== undefined)
    return {
      certificatesPem: readInput(certificate).toString('utf8'),
      privateKeyPem: readInput(key).toString('utf8'),
    }
  throw new CliFailure('cli.usage', 'Give either --p12, or --certificate and --key.', 2)
}

export function readInput(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliFailure('cli.unreadable', `${file} cannot be read: ${reason}`, 2)
  }
}

function addList(contract: Command, context: CommandContext): void {
  addApiOptions(contract.command('list'))
    .summary('contracts, whose they are and how far they got')
    .option('--pcid <id>', 'only of this vehicle')
    .option('--emaid <id>', 'only of this account')
    .option('--state <state>', 'only offered, installed, updated, suspended or terminated ones')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep contract list --state offered')
    .action(async (flags: ListFlags) => {
      const client = createApiClient(flags, context.io)
      const { pcid, emaid, state } = flags
      const filter = { ...(pcid && { pcid }), ...(emaid && { emaid }), ...(state && { state }) }
      const items = await readPages<Contract>(client, 'contracts', filter)
      print(context.io, flags.json, { items }, () =>
        items.length === 0
          ? 'No contracts. Create one with: gridkeep contract create EMAID PCID'
          : contractTable(items),
      )
    })
}

function addMove(
  contract: Command,
  context: CommandContext,
  name: string,
  summary: string,
  method: 'PUT' | 'DELETE',
  resource: string,
): void {
  addApiOptions(contract.command(`${name} <id>`))
    .summary(summary)
    .addOption(jsonOption())
    .addHelpText('after', `\nExample:\n  $ gridkeep contract ${name} 0b9a6f5e-8a51-4a1e-9a52-5f1d8f7a9c11`)
    .action(async (id: string, flags: Flags) => {
      const path = `contracts/${encodeURIComponent(id)}/${resource}`
      await show(context, flags, createApiClient(flags, context.io).request(method, path))
    })
}

async function show(context: CommandContext, flags: Flags, answer: Promise<unknown>): Promise<void> {
  // The service keeps to the contract that this type comes from.
  const contract = (await answer) as Contract
  print(context.io, flags.json, contract, () => contractTable([contract]))
}

function contractTable(items: readonly Contract[]): string {
  return table(
    ['ID', 'EMAID', 'PCID', 'STATE', 'PRIORITY', 'SOURCE', 'UNTIL', 'CERTIFICATE UNTIL'],
    items.map((one) => [
      one.id,
      one.emaid,
      one.pcid,
      one.state,
      one.priority,
      one.source,
      one.validUntil,
      one.certificateNotAfter,
    ]),
  )
}
