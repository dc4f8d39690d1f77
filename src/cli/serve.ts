import type { Command } from 'commander'
import type { ConfigFlags } from './options.ts'
import { addConfigOptions, jsonOption, readConfig } from './options.ts'
import type { CommandContext } from './parts.ts'

export function addServe(program: Command, context: CommandContext): void {
  addConfigOptions(program.command('serve'))
    .summary('run the service until Ctrl-C')
    .description(
      'Run the service: stations connect to it over OCPP, operators over HTTP.\nThe first start creates the certificate authorities and prints the first admin key, once.',
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep serve
  $ gridkeep serve --config /etc/gridkeep/gridkeep.yaml
  $ gridkeep serve --set ocpp.ws.enabled=true --log-level debug`,
    )
    .action(async (flags: ConfigFlags) => {
      const { config, warnings } = readConfig(flags, context.io)
      for (const warning of warnings) context.io.err(`warning: ${warning}\n`)
      await context.parts.runServe(config, context.io)
    })
}
