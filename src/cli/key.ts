import type { Command } from 'commander'
import { Option } from 'commander'
import { createKey } from '../http/keys.ts'
import { createAudit } from '../observe/audit.ts'
import { systemClock } from '../observe/clock.ts'
import type { Role } from '../store/access.ts'
import type { ApiFlags } from './client.ts'
import { createApiClient } from './client.ts'
import { CliFailure, print } from './io.ts'
import type { ConfigFlags } from './options.ts'
import { addConfigOptions, jsonOption, readConfig } from './options.ts'
import type { CommandContext } from './parts.ts'

interface CreateFlags extends ConfigFlags, ApiFlags {
  readonly json: boolean
  readonly role: Role
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
const RESERVED = new Set(['cli', 'system'])

export function addKey(program: Command, context: CommandContext): void {
  const key = program.command('key').summary('API keys')
  addConfigOptions(key.command('create <name>'))
    .summary('create an API key and print it, once')
    .description(
      'Create an API key. Without --url the key is written straight into the database in dataDir, which works\nwhether the service runs or not, and is the way back in when no admin key is left.',
    )
    .addOption(
      new Option('--role <role>', 'what the key may do')
        .choices(['viewer', 'operator', 'security', 'admin'])
        .default('viewer'),
    )
    .option('--url <url>', 'create it through the API of a running service instead')
    .option('--api-key <key>', 'with --url: a key with the role security or admin (or GRIDKEEP_API_KEY)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep key create dashboard
  $ gridkeep key create night-shift --role operator --url https://gridkeep.example.com`,
    )
    .action(async (name: string, flags: CreateFlags) => {
      if (!NAME.test(name) || RESERVED.has(name))
        throw new CliFailure(
          'cli.usage',
          'A name has lower-case letters, digits, dots and dashes, and is not cli or system.',
          2,
        )
      const created =
        flags.url === undefined
          ? await createInStore(name, flags, context)
          : await createByApi(name, flags, context)
      print(
        context.io,
        flags.json,
        created,
        () => `API key ${name} (${flags.role}), shown only now:\n${created.secret}`,
      )
    })
}

interface CreatedKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly secret: string
}

async function createInStore(
  name: string,
  flags: CreateFlags,
  { io, parts }: CommandContext,
): Promise<CreatedKey> {
  const { config } = readConfig(flags, io)
  const store = await parts.openStore(config)
  try {
    const keys = await store.apiKeys.list()
    if (keys.some((key) => key.name === name && key.revokedAt === null))
      throw new CliFailure('api-key.name-taken', `There is a key "${name}" already; choose another name.`)
    const { key, secret } = await createKey(store, systemClock, { name, role: flags.role })
    await createAudit(
      store,
      systemClock,
    )({
      actor: 'cli',
      action: 'api-key.create',
      subject: name,
      detail: { id: key.id, role: key.role },
    })
    return { id: key.id, name, role: key.role, secret }
  } finally {
    await store.close()
  }
}

async function createByApi(name: string, flags: CreateFlags, { io }: CommandContext): Promise<CreatedKey> {
  const client = createApiClient(flags, io)
  // The service keeps to the contract that this type comes from.
  return (await client.request('POST', 'api-keys', { name, role: flags.role })) as CreatedKey
}
