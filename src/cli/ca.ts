import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import { addCeremony } from './ca/ceremony.ts'
import { addLocal } from './ca/local.ts'
import { addOperations, addPublished } from './ca/online.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type Authority = components['schemas']['Authority']

export function addCa(program: Command, context: CommandContext): void {
  const ca = program.command('ca').summary('certificate authorities')
  addApiOptions(ca.command('list'))
    .summary('the hierarchy, with fingerprints and ends of validity')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep ca list')
    .action(async (flags: ApiFlags & { json: boolean }) => {
      const client = createApiClient(flags, context.io)
      // The service keeps to the contract that this type comes from.
      const answer = (await client.request('GET', 'authorities')) as { items: Authority[] }
      print(context.io, flags.json, answer, () => hierarchyTable(answer.items))
    })

  addApiOptions(ca.command('show <id>'))
    .summary('print the chain of an authority as PEM, root last')
    .addHelpText('after', '\nExample:\n  $ gridkeep ca show v2g-root > roots.pem')
    .addOption(jsonOption())
    .action(async (id: string, flags: ApiFlags & { json: boolean }) => {
      const pem = await createApiClient(flags, context.io).request(
        'GET',
        `authorities/${encodeURIComponent(id)}/pem`,
      )
      print(context.io, flags.json, { id, pem }, () => String(pem).trimEnd())
    })

  addOperations(ca, context)
  addPublished(ca, context)
  addCeremony(ca, context)
  addLocal(ca, context)
}

function hierarchyTable(items: readonly Authority[]): string {
  return table(
    ['ID', 'PROFILE', 'GENERATION', 'ISSUER', 'SUBJECT', 'NOT AFTER', 'SHA-256'],
    items.map((one) => [
      one.id,
      one.profile,
      one.generation,
      one.issuerId ?? '(root)',
      one.subject,
      one.notAfter,
      one.fingerprint.slice(0, 16),
    ]),
  )
}
