/** Both halves of a ceremony: request and answer over the API, signing on the machine that has the key. */

import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { components } from '../../http/api.generated.ts'
import type { LocalAuthorities } from '../../local-authorities.ts'
import { type ApiFlags, createApiClient } from '../client.ts'
import { CliFailure, print } from '../io.ts'
import { addConfigOptions, type ConfigFlags, jsonOption, readConfig } from '../options.ts'
import type { CommandContext } from '../parts.ts'
import { command, showOperation } from './online.ts'

type Operation = components['schemas']['AuthorityOperation']
type OnlineFlags = ApiFlags & { readonly json: boolean }
type LocalFlags = ConfigFlags & { readonly json: boolean }

export function addCeremony(ca: Command, context: CommandContext): void {
  const ceremony = ca.command('ceremony').summary('an authority whose key is on a machine of its own')
  addOnline(ceremony, context)
  addOffline(ceremony, context)
}

function addOnline(ceremony: Command, context: CommandContext): void {
  command(
    ceremony,
    'request <what> <subject>',
    'write the file for the offline machine',
    'authority cpo-sub1 --out request.json',
  )
    .description(
      'WHAT is authority (SUBJECT: the line of a sub-CA), ocsp-responder or crl (SUBJECT: the id of an authority).',
    )
    .requiredOption('--out <file>', 'where to write it')
    .option('--csr-out <file>', 'also write it as PKCS#10, for an authority that is not Gridkeep')
    .action(async (what: string, subject: string, flags: RequestFlags) => {
      const body = { kind: 'ceremony', what, subject }
      // The service keeps to the contract that this type comes from.
      const operation = (await createApiClient(flags, context.io).request(
        'POST',
        'authority-operations',
        body,
      )) as Operation
      const request = operation.result?.request
      if (request !== undefined) await writeFile(flags.out, `${JSON.stringify(request, null, 2)}\n`)
      const csr = fieldOf(operation, 'csr')
      if (flags.csrOut !== undefined && typeof csr === 'string') await writeFile(flags.csrOut, csr)
      showOperation(context, operation, flags.json)
    })
  command(
    ceremony,
    'accept <file>',
    'take in the file that came back, or the PEM of another authority',
    'answer.json',
  ).action(async (file: string, flags: OnlineFlags) => {
    const answer = await readFile(file, 'utf8')
    const client = createApiClient(flags, context.io)
    const { items } = (await client.request(
      'GET',
      'authority-operations?state=awaiting-answer&limit=1000',
    )) as {
      items: Operation[]
    }
    const found = items.find(answeredBy(answer))
    if (!found)
      throw new CliFailure(
        'cli.no-request',
        'No request waits for this answer; see "gridkeep ca operations".',
      )
    const path = `authority-operations/${encodeURIComponent(found.id)}/answer`
    showOperation(context, (await client.request('POST', path, { answer })) as Operation, flags.json)
  })
}

interface RequestFlags extends OnlineFlags {
  readonly out: string
  readonly csrOut?: string
}

function fieldOf({ result }: Operation, name: string): unknown {
  const request: unknown = result?.request
  return typeof request === 'object' && request !== null
    ? Object.entries(request).find(([key]) => key === name)?.[1]
    : undefined
}

/** Which request a file answers: by its id, or where it is plain PEM by the key that is certified. */
function answeredBy(answer: string): (operation: Operation) => boolean {
  if (answer.trimStart().startsWith('{')) {
    const id = idOf(answer)
    return (operation) => fieldOf(operation, 'id') === id
  }
  const certificates = answer.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const keys = certificates.map((pem) =>
    new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  )
  return (operation) => keys.some((key) => key === fieldOf(operation, 'publicKey'))
}

function idOf(answer: string): unknown {
  try {
    const value: unknown = JSON.parse(answer)
    return typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined
  } catch {
    throw new CliFailure('cli.no-answer', 'The file is no answer of a ceremony: it is neither JSON nor PEM.')
  }
}

function addOffline(ceremony: Command, context: CommandContext): void {
  local(
    ceremony,
    'init <line>',
    'make a root on this machine, which stays offline',
    'v2g-root --data-dir /mnt/root',
  ).action(async (line: string, flags: LocalFlags) =>
    withAuthorities(flags, context, async ({ authorities, options }) => {
      const { createGeneration, planOf } = await import('../../certificates/hierarchy.ts')
      const plan = planOf(line)
      if (plan?.issuerLine !== null) throw new CliFailure('cli.no-root', `There is no root ${line}`, 2)
      const { certificate, record } = await createGeneration(options, authorities, {
        plan,
        parent: undefined,
        actor: 'cli',
      })
      const made = { id: record.id, fingerprint: certificate.fingerprint, pem: certificate.toPem() }
      print(context.io, flags.json, made, () => made.pem.trimEnd())
    }),
  )
  local(
    ceremony,
    'sign <file>',
    'sign a request on the machine that has the key',
    'request.json --out answer.json --data-dir /mnt/root',
  )
    .requiredOption('--out <file>', 'where to write the answer')
    .option('--yes', 'do not ask')
    .action(async (file: string, flags: LocalFlags & { out: string; yes?: true }) =>
      withAuthorities(flags, context, async ({ authorities, options, store }) => {
        const { readRequest } = await import('../../certificates/ceremony/documents.ts')
        const { describeRequest, signRequest } = await import('../../certificates/ceremony/signing.ts')
        const request = readRequest(await readFile(file, 'utf8'))
        const description = describeRequest(request, authorities)
        context.io.err(`${description.join('\n')}\n`)
        if (!flags.yes) await expectYes(context)
        const answer = await signRequest(
          { store, clock: options.clock, authorities, issuance: options.issuance },
          request,
        )
        await writeFile(flags.out, `${JSON.stringify(answer, null, 2)}\n`)
        print(
          context.io,
          flags.json,
          { id: answer.id, out: flags.out },
          () => `Signed; take ${flags.out} back`,
        )
      }),
    )
}

async function expectYes({ io }: CommandContext): Promise<void> {
  io.err('Type yes to sign: ')
  if ((await io.readStdin()).trim() !== 'yes') throw new CliFailure('cli.not-agreed', 'Nothing was signed.')
}

export function local(parent: Command, usage: string, summary: string, example: string): Command {
  const made = addConfigOptions(parent.command(usage)).summary(summary).addOption(jsonOption())
  return made.addHelpText(
    'after',
    `\nExample:\n  $ gridkeep ca ${parent.name() === 'ca' ? '' : 'ceremony '}${made.name()} ${example}`,
  )
}

/** Opens the data folder, and closes it whatever happens. Refusals become messages. */
export async function withAuthorities(
  flags: ConfigFlags,
  context: CommandContext,
  work: (opened: LocalAuthorities) => Promise<void>,
): Promise<void> {
  const { openLocalAuthorities } = await import('../../local-authorities.ts')
  const { config } = readConfig(flags, context.io)
  const opened = await openLocalAuthorities(config, context.io.env)
  try {
    await work(opened)
  } finally {
    await opened.close()
  }
}
