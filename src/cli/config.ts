import type { Command } from 'commander'
import { configReference } from './config-reference.ts'
import { print } from './io.ts'
import type { ConfigFlags } from './options.ts'
import { addConfigOptions, jsonOption, readConfig } from './options.ts'
import type { CommandContext } from './parts.ts'

export function addConfig(program: Command, context: CommandContext): void {
  const config = program.command('config').summary('check the configuration, list the settings')

  addConfigOptions(config.command('check'))
    .summary('say what is wrong with the configuration, or what it comes to')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep config check
  $ gridkeep config check --config /etc/gridkeep/gridkeep.yaml --json

Exit status 2: the configuration is wrong; each line names the field, what to do, and where it was set.`,
    )
    .action((flags: ConfigFlags & { json: boolean }) => {
      const { config: effective, warnings } = readConfig(flags, context.io)
      for (const warning of warnings) context.io.err(`warning: ${warning}\n`)
      print(
        context.io,
        flags.json,
        { ok: true, warnings, config: effective },
        () => 'The configuration is good.',
      )
    })

  config
    .command('reference')
    .summary('print every setting with its meaning, default and variable')
    .addOption(jsonOption())
    .action((flags: { json: boolean }) => {
      print(context.io, flags.json, { reference: configReference() }, configReference)
    })
}
