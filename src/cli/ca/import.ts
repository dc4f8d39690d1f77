/** Authorities that exist are taken into a data folder: one, or a whole hierarchy. */

import type { KeyObject } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import type { Certificate } from '../../../pki/index.ts'
import type { Adopted } from '../../certificates/adopting.ts'
import { CliFailure, print } from '../io.ts'
import type { ConfigFlags } from '../options.ts'
import type { CommandContext } from '../parts.ts'
import { local, withAuthorities } from './ceremony.ts'
import { firstLine } from './local.ts'

interface Flags extends ConfigFlags {
  readonly json: boolean
  readonly passwordFile?: string
}

interface IdentityFiles {
  readonly cert?: string
  readonly key?: string
  readonly p12?: string
}

interface Identity {
  readonly certificate: Certificate
  readonly privateKey?: KeyObject
}

const CERTIFICATES = ['.pem', '.crt', '.cer']
const KEYS = ['.key', '.p8']

export function addImports(ca: Command, context: CommandContext): void {
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
    .action(async (line: string, flags: Flags & IdentityFiles) => {
      const identity = await readIdentity(flags, await password(flags))
      const [made] = await adopt(context, flags, [{ line, identity }])
      print(context.io, flags.json, made && resultOf(made), () => (made ? linesOf(made).join('\n') : ''))
    })
  local(ca, 'import-folder <folder>', 'take in a whole hierarchy', './our-pki --password-file pw')
    .description(
      'Files are named after the lines: cpo-sub1.pem (or .crt, .cer), with cpo-sub1.key (or .p8) beside it where its key is to sign here, or cpo-sub1.p12. All of them are read, and keys matched with certificates, before the first is taken in; issuers come first whatever the order of the files.',
    )
    .option('--password-file <file>', 'password of all keys and PKCS#12 files (first line)')
    .action(async (folder: string, flags: Flags) => {
      const made = await adopt(context, flags, await readFolder(folder, await password(flags)))
      print(context.io, flags.json, made.map(resultOf), () => made.flatMap(linesOf).join('\n'))
    })
}

async function password({ passwordFile }: Flags): Promise<string | undefined> {
  return passwordFile === undefined ? undefined : firstLine(passwordFile)
}

async function adopt(
  context: CommandContext,
  flags: Flags,
  wanted: readonly { readonly line: string; readonly identity: Identity }[],
): Promise<Adopted[]> {
  const made: Adopted[] = []
  await withAuthorities(flags, context, async ({ authorities, options }) => {
    const { adoptAuthority } = await import('../../certificates/adopting.ts')
    for (const { line, identity } of wanted) {
      const order = { line, ...identity, origin: 'imported', actor: 'cli' } as const
      made.push(await adoptAuthority(options, authorities, order))
    }
  })
  return made
}

/** In the order of the hierarchy, in which every issuer comes before what it issued. */
async function readFolder(folder: string, secret: string | undefined) {
  const { HIERARCHY } = await import('../../certificates/hierarchy.ts')
  const names = await readdir(folder)
  const find = (line: string, endings: readonly string[]): string | undefined =>
    endings.map((ending) => `${line}${ending}`).find((name) => names.includes(name))
  const wanted: { readonly line: string; readonly identity: Identity }[] = []
  const used = new Set<string>()
  for (const { line } of HIERARCHY) {
    const found = { cert: find(line, CERTIFICATES), key: find(line, KEYS), p12: find(line, ['.p12']) }
    const files = Object.fromEntries(
      Object.entries(found).flatMap(([what, name]) =>
        name === undefined ? [] : [[what, join(folder, name)]],
      ),
    )
    for (const name of Object.values(found)) if (name !== undefined) used.add(name)
    if (found.cert === undefined && found.p12 === undefined) continue
    wanted.push({ line, identity: await readIdentity(files, secret) })
  }
  const stray = names.filter((name) => !used.has(name) && !name.startsWith('.'))
  // A misspelt name would leave an authority out, and nobody would notice before it is needed.
  if (stray.length > 0)
    throw new CliFailure(
      'cli.unknown-file',
      `No line of the hierarchy is called as in ${stray.join(', ')}: rename or remove it.`,
      2,
    )
  if (wanted.length === 0)
    throw new CliFailure('cli.no-certificate', `There is no certificate of an authority in ${folder}.`, 2)
  return wanted
}

async function readIdentity(
  { cert, key, p12 }: IdentityFiles,
  secret: string | undefined,
): Promise<Identity> {
  const { Certificate, importPkcs12, importPrivateKey, pairIdentity } = await import('../../../pki/index.ts')
  if (p12 !== undefined) {
    const { certificate, privateKey } = importPkcs12(await readFile(p12), secret ?? '')
    return { certificate, privateKey }
  }
  if (cert === undefined)
    throw new CliFailure('cli.no-certificate', 'Name the certificate: --cert FILE or --p12 FILE.', 2)
  const bytes = await readFile(cert)
  const certificate = Certificate.parse(bytes[0] === 0x2d ? bytes.toString() : bytes)
  if (key === undefined) return { certificate }
  const { privateKey } = pairIdentity(importPrivateKey(await readFile(key), secret), [certificate])
  return { certificate, privateKey }
}

function resultOf({ authority, findings }: Adopted) {
  const { id, issuerId, keyName } = authority.record
  const { fingerprint } = authority.certificate
  return { id, issuerId, hasKey: keyName !== null, fingerprint, findings }
}

function linesOf({ authority, findings }: Adopted): string[] {
  const { id, keyName } = authority.record
  return [
    `${id}: ${authority.certificate.subjectText}${keyName === null ? ' (without its key)' : ''}`,
    ...findings.map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`),
  ]
}
