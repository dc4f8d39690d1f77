import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { readInput } from './contract.ts'
import { print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type TrustedCertificate = components['schemas']['TrustedCertificate']
type TrustProposal = components['schemas']['TrustProposal']
type ProviderImport = components['schemas']['ProviderImport']

interface Flags extends ApiFlags {
  readonly json: boolean
}

/** What the root pools of providers list: `trust proposals`, `trust accept`, `trust reject`, `trust import`. */
function addProposals(trust: Command, context: CommandContext): void {
  addApiOptions(trust.command('proposals'))
    .summary('roots that providers list, and what was decided about them')
    .option('--state <state>', 'only open, accepted, rejected or withdrawn ones')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep trust proposals --state open')
    .action(async (flags: Flags & { state?: string }) => {
      const query = flags.state === undefined ? '' : `?${new URLSearchParams({ state: flags.state })}`
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', `trust-proposals${query}`)) as {
        items: TrustProposal[]
      }
      print(context.io, flags.json, answer, () => proposalTable(answer.items))
    })
  for (const [name, decision, summary] of [
    ['accept', 'accepted', 'trust a root that a provider lists'],
    ['reject', 'rejected', 'trust it not, or no longer, and do not show it again'],
  ] as const)
    addApiOptions(trust.command(`${name} <usage> <fingerprint>`))
      .summary(summary)
      .addOption(jsonOption())
      .addHelpText('after', `\nExample:\n  $ gridkeep trust ${name} OEM 4f3c...`)
      .action(async (usage: string, fingerprint: string, flags: Flags) => {
        const path = `trust-proposals/${usage.toUpperCase()}/${encodeURIComponent(fingerprint)}/decision`
        // The service keeps to the contract that this type comes from.
        const answer = (await createApiClient(flags, context.io).request('PUT', path, {
          decision,
        })) as TrustProposal
        print(context.io, flags.json, answer, () => proposalTable([answer]))
      })
  addApiOptions(trust.command('import'))
    .summary('read the root pools of all providers now')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep trust import')
    .action(async (flags: Flags) => {
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('POST', 'provider-imports')) as {
        items: ProviderImport[]
      }
      print(context.io, flags.json, answer, () => importTable(answer.items))
    })
}

function proposalTable(items: readonly TrustProposal[]): string {
  if (items.length === 0) return 'No proposals. Providers are configured in contracts.provider.'
  return table(
    ['USAGE', 'STATE', 'PROVIDER', 'SUBJECT', 'NOT AFTER', 'SHA-256'],
    items.map((one) => [one.usage, one.state, one.provider, one.subject, one.notAfter, one.fingerprint]),
  )
}

function importTable(items: readonly ProviderImport[]): string {
  if (items.length === 0) return 'No provider is configured, or none has its roots read.'
  return table(
    ['PROVIDER', 'USAGE', 'LISTED', 'NEW', 'WITHDRAWN', 'REFUSED', 'FAILURE'],
    items.map((one) => [
      one.provider,
      one.usage,
      one.listed,
      one.added,
      one.withdrawn,
      one.refused.length,
      one.failure,
    ]),
  )
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
  addProposals(trust, context)
}

export function trustTable(items: readonly TrustedCertificate[]): string {
  if (items.length === 0) return 'Nobody yet. Add roots and sub-CAs with: gridkeep trust add OEM FILE'
  return table(
    ['USAGE', 'ROOT', 'SUBJECT', 'NOT AFTER', 'SHA-256'],
    items.map((one) => [one.usage, one.isRoot, one.subject, one.notAfter, one.fingerprint]),
  )
}
