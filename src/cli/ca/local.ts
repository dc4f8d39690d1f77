/** What is done to a data folder itself: keys never travel over the API. */

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { print } from '../io.ts'
import { type ConfigFlags, readConfig } from '../options.ts'
import type { CommandContext } from '../parts.ts'
import { local } from './ceremony.ts'
import { addImports } from './import.ts'

type Flags = ConfigFlags & { readonly json: boolean }

export function addLocal(ca: Command, context: CommandContext): void {
  addImports(ca, context)
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

export async function firstLine(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
}
