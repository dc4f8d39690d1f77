import { join } from 'node:path'
import type { Command } from 'commander'
import { AUDIT_HEAD, fileAuditHead } from '../observe/audit-head.ts'
import { verifyAudit } from '../observe/audit-trail.ts'
import { print } from './io.ts'
import { addConfigOptions, type ConfigFlags, jsonOption, readConfig } from './options.ts'
import type { CommandContext } from './parts.ts'

interface VerifyFlags extends ConfigFlags {
  readonly json: boolean
  readonly key?: string
}

export function addAudit(program: Command, context: CommandContext): void {
  // The list of entries is under the same name.
  const audit =
    program.commands.find((one) => one.name() === 'audit') ??
    program.command('audit').summary('the audit trail of the service')
  addConfigOptions(audit.command('verify'))
    .summary('recompute the hash chain and check its signed checkpoints')
    .description(
      'Reads the database itself, so it may run beside the service, on a copy, or without it. Ends with 1 where the trail was tampered with.',
    )
    .option('--key <sha256>', 'the fingerprint of the signing key, as noted at the first start')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep audit verify --data-dir /var/lib/gridkeep')
    .action(async (flags: VerifyFlags) => {
      const { config } = readConfig(flags, context.io)
      const store = await context.parts.openStore(config)
      try {
        const head = await fileAuditHead(join(config.dataDir, AUDIT_HEAD)).read()
        const verdict = await verifyAudit(store, { key: flags.key, head })
        print(context.io, flags.json, verdict, () =>
          [
            `${verdict.entries} entries, ${verdict.checkpoints} checkpoints, signed up to entry ${verdict.signedUpTo}`,
            ...verdict.keyFingerprints.map((one) => `signing key ${one}`),
            ...verdict.problems.map((problem) => `PROBLEM: ${problem}`),
            verdict.ok ? 'The trail is whole.' : 'The trail was tampered with.',
          ].join('\n'),
        )
        if (!verdict.ok) context.exitCode = 1
      } finally {
        await store.close()
      }
    })
}
