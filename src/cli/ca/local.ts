/** What is done to a data folder itself: keys never travel over the API. */

import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { CliFailure, print } from '../io.ts'
import { type ConfigFlags, readConfig } from '../options.ts'
import type { CommandContext } from '../parts.ts'
import { local, withAuthorities } from './ceremony.ts'

type Flags = ConfigFlags & { readonly json: boolean }

interface ImportFlags extends Flags {
  readonly cert?: string
  readonly key?: string
  readonly p12?: string
  readonly passwordFile?: string
}

export function addLocal(ca: Command, context: CommandContext): void {
  local(
    ca,
    'import <line>',
    'take in an authority that exists, with or without its key',
    'station-ca --p12 ca.p12 --password-file pw',
  )
    .description(
      'Roots first. Without a key the authority is known here and signs elsewhere. A running service notices within a minute.',
    )
    .addOption(new Option('--cert <file>', 'its certificate, PEM or DER').conflicts('p12'))
    .addOption(
      new Option('--key <file>', 'its private key: PKCS#8 (encrypted or not), PKCS#1, SEC 1').conflicts(
        'p12',
      ),
    )
    .option('--p12 <file>', 'certificate and key as PKCS#12')
    .option('--password-file <file>', 'password of the key or the PKCS#12 file (first line)')
    .action(async (line: string, flags: ImportFlags) =>
      withAuthorities(flags, context, async ({ authorities, options }) => {
        const { adoptAuthority } = await import('../../certificates/adopting.ts')
        const identity = await readIdentity(flags)
        const { authority, findings } = await adoptAuthority(options, authorities, {
          line,
          ...identity,
          origin: 'imported',
          actor: 'cli',
        })
        const { id, issuerId, keyName } = authority.record
        const result = {
          id,
          issuerId,
          hasKey: keyName !== null,
          fingerprint: authority.certificate.fingerprint,
          findings,
        }
        print(context.io, flags.json, result, () =>
          [
            `${id}: ${authority.certificate.subjectText}${keyName === null ? ' (without its key)' : ''}`,
            ...findings.map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`),
          ].join('\n'),
        )
      }),
    )
  local(ca, 'rotate-passphrase', 'put every key under a new passphrase', '--new-passphrase-file new')
    .description('Stop the service first, and start it with the new passphrase afterwards.')
    .requiredOption('--new-passphrase-file <file>', 'file with the new passphrase (first line)')
    .action(async (flags: Flags & { newPassphraseFile: string }) => {
      const { changePassphrase } = await import('../../local-authorities.ts')
      const { config } = readConfig(flags, context.io)
      const done = await changePassphrase(config, context.io.env, await firstLine(flags.newPassphraseFile))
      print(context.io, flags.json, done, () => `${done.keys} keys are under the new passphrase`)
    })
}

async function readIdentity({ cert, key, p12, passwordFile }: ImportFlags) {
  const { Certificate, importPkcs12, importPrivateKey, pairIdentity } = await import('../../../pki/index.ts')
  const password = passwordFile === undefined ? undefined : await firstLine(passwordFile)
  if (p12 !== undefined) {
    const { certificate, privateKey } = importPkcs12(await readFile(p12), password ?? '')
    return { certificate, privateKey }
  }
  if (cert === undefined)
    throw new CliFailure('cli.no-certificate', 'Name the certificate: --cert FILE or --p12 FILE.', 2)
  const bytes = await readFile(cert)
  const certificate = Certificate.parse(bytes[0] === 0x2d ? bytes.toString() : bytes)
  if (key === undefined) return { certificate }
  const { privateKey } = pairIdentity(importPrivateKey(await readFile(key), password), [certificate])
  return { certificate, privateKey }
}

async function firstLine(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
}
