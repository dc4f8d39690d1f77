/** What is done to authorities over the API of the running service. */

import { readFile, writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { components } from '../../http/api.generated.ts'
import { type ApiFlags, addApiOptions, createApiClient } from '../client.ts'
import { CliFailure, print, table } from '../io.ts'
import { jsonOption } from '../options.ts'
import type { CommandContext } from '../parts.ts'

type Operation = components['schemas']['AuthorityOperation']
type Flags = ApiFlags & { readonly json: boolean }

export function addOperations(ca: Command, context: CommandContext): void {
  const submit = async (body: object, flags: Flags): Promise<void> => {
    // The service keeps to the contract that this type comes from.
    const operation = (await createApiClient(flags, context.io).request(
      'POST',
      'authority-operations',
      body,
    )) as Operation
    showOperation(context, operation, flags.json)
  }
  command(ca, 'generation <line>', 'make the next generation of an authority', 'cpo-sub2').action(
    (line: string, flags: Flags) => submit({ kind: 'new-generation', line }, flags),
  )
  command(
    ca,
    'cross-sign <subjectId> <issuerId>',
    'let one authority sign another',
    'v2g-root v2g-root-g2',
  ).action((subjectId: string, issuerId: string, flags: Flags) =>
    submit({ kind: 'cross-sign', subjectId, issuerId }, flags),
  )
  command(ca, 'retire <id>', 'let an authority issue nothing any more', 'cpo-sub2').action(
    (authorityId: string, flags: Flags) => submit({ kind: 'retire', authorityId }, flags),
  )
  command(ca, 'issue <profile> <csrFile>', 'issue a certificate for a CSR', 'secc-leaf request.pem')
    .option('--station <id>', 'the station that the certificate is for')
    .action(async (profile: string, file: string, flags: Flags & { station?: string }) => {
      const csr = await readFile(file, 'utf8')
      const stationId = flags.station === undefined ? {} : { stationId: flags.station }
      await submit({ kind: 'issue', profile, csr, ...stationId }, flags)
    })
  command(ca, 'operations', 'what was or is to be done to authorities', '')
    .option('--state <state>', 'e.g. waiting')
    .action(async (flags: Flags & { state?: string }) => {
      const query = flags.state === undefined ? '' : `?state=${encodeURIComponent(flags.state)}`
      const answer = (await createApiClient(flags, context.io).request(
        'GET',
        `authority-operations${query}`,
      )) as {
        items: Operation[]
      }
      print(context.io, flags.json, answer, () => operationTable(answer.items))
    })
  for (const decision of ['approve', 'reject'] as const)
    command(ca, `${decision} <operationId>`, `${decision} a waiting operation`, 'ID').action(
      async (id: string, flags: Flags) => {
        const path = `authority-operations/${encodeURIComponent(id)}/decision`
        const operation = (await createApiClient(flags, context.io).request('POST', path, {
          decision,
        })) as Operation
        showOperation(context, operation, flags.json)
      },
    )
}

export function addPublished(ca: Command, context: CommandContext): void {
  command(ca, 'crls', 'CRLs as they are published', '').action(async (flags: Flags) => {
    const answer = (await createApiClient(flags, context.io).request('GET', 'crls')) as {
      items: components['schemas']['Crl'][]
    }
    print(context.io, flags.json, answer, () =>
      table(
        ['AUTHORITY', 'KIND', 'NUMBER', 'THIS UPDATE', 'NEXT UPDATE'],
        answer.items.map((one) => [one.authorityId, one.kind, one.number, one.thisUpdate, one.nextUpdate]),
      ),
    )
  })
  command(ca, 'make-crl <id>', 'make a new CRL of an authority now', 'cpo-sub2').action(
    async (id: string, flags: Flags) => {
      const path = `authorities/${encodeURIComponent(id)}/crl`
      const crl = (await createApiClient(flags, context.io).request(
        'POST',
        path,
      )) as components['schemas']['Crl']
      print(
        context.io,
        flags.json,
        crl,
        () => `CRL ${crl.number} of ${crl.authorityId}, until ${crl.nextUpdate}`,
      )
    },
  )
  command(ca, 'responders', 'who signs OCSP answers', '').action(async (flags: Flags) => {
    const answer = (await createApiClient(flags, context.io).request('GET', 'ocsp-responders')) as {
      items: components['schemas']['OcspResponder'][]
    }
    print(context.io, flags.json, answer, () =>
      table(
        ['AUTHORITY', 'RESPONDER', 'NOT AFTER', 'RENEWED FROM'],
        answer.items.map((one) => [
          one.authorityId,
          one.fingerprint?.slice(0, 16),
          one.notAfter,
          one.renewAt,
        ]),
      ),
    )
  })
  command(ca, 'export <fingerprint>', 'a certificate in another form', '9f2d0c... --format text')
    .addOption(
      new Option('--format <format>', 'form')
        .choices(['pem', 'chain', 'der', 'pkcs7', 'text'])
        .default('pem'),
    )
    .option('--out <file>', 'write to a file; needed for der and pkcs7')
    .action(async (fingerprint: string, flags: Flags & { format: string; out?: string }) => {
      const path = `certificates/${encodeURIComponent(fingerprint)}/export?format=${flags.format}`
      const exported = (await createApiClient(flags, context.io).request('GET', path)) as {
        encoding: 'utf8' | 'base64'
        content: string
      }
      if (flags.out !== undefined)
        await writeFile(flags.out, Buffer.from(exported.content, exported.encoding))
      else if (exported.encoding === 'base64' && !flags.json)
        throw new CliFailure(
          'cli.binary',
          `${flags.format} is binary: add --out FILE, or --json for base64.`,
          2,
        )
      if (flags.out === undefined) print(context.io, flags.json, exported, () => exported.content.trimEnd())
    })
  command(
    ca,
    'revoke <fingerprint> <reason>',
    'revoke a certificate, or put it on hold',
    '9f2d0c... keyCompromise',
  ).action(async (fingerprint: string, reason: string, flags: Flags) => {
    const path = `certificates/${encodeURIComponent(fingerprint)}/revocation`
    const answer = await createApiClient(flags, context.io).request('POST', path, { reason })
    print(context.io, flags.json, answer, () => `Revoked: ${reason}`)
  })
  command(ca, 'release <fingerprint>', 'release a certificate from hold', '9f2d0c...').action(
    async (fingerprint: string, flags: Flags) => {
      const path = `certificates/${encodeURIComponent(fingerprint)}/revocation`
      const answer = await createApiClient(flags, context.io).request('DELETE', path)
      print(context.io, flags.json, answer, () => 'Released')
    },
  )
}

export function command(parent: Command, usage: string, summary: string, example: string): Command {
  const made = addApiOptions(parent.command(usage)).summary(summary).addOption(jsonOption())
  return made.addHelpText('after', `\nExample:\n  $ gridkeep ca ${made.name()} ${example}`.trimEnd())
}

export function showOperation(context: CommandContext, operation: Operation, json: boolean): void {
  print(context.io, json, operation, () =>
    [
      `${operation.kind} ${operation.id}: ${operation.state}`,
      ...(operation.detail === null ? [] : [operation.detail]),
      ...(operation.state === 'waiting'
        ? [`Somebody else agrees with: gridkeep ca approve ${operation.id}`]
        : []),
      ...(operation.state === 'done' ? [JSON.stringify(operation.result)] : []),
    ].join('\n'),
  )
  if (operation.state === 'failed') context.exitCode = 1
}

function operationTable(items: readonly Operation[]): string {
  return table(
    ['ID', 'KIND', 'STATE', 'ASKED BY', 'DECIDED BY', 'UPDATED', 'PARAMETERS'],
    items.map((one) => [
      one.id,
      one.kind,
      one.state,
      one.requestedBy,
      one.decidedBy,
      one.updatedAt,
      JSON.stringify(one.parameters).slice(0, 60),
    ]),
  )
}
