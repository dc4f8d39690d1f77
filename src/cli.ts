/** The command line: arguments in, exit code out. */

import { Command, CommanderError } from 'commander'
import { addAudit } from './cli/audit.ts'
import { addCa } from './cli/ca.ts'
import { addCampaign } from './cli/campaign.ts'
import { addCompletion } from './cli/completion.ts'
import { addConfig } from './cli/config.ts'
import { addContract } from './cli/contract.ts'
import { addDemo } from './cli/demo.ts'
import { addDoctor } from './cli/doctor.ts'
import type { CliIo, ExitCode } from './cli/io.ts'
import { CliFailure } from './cli/io.ts'
import { addKey } from './cli/key.ts'
import { addLists } from './cli/lists.ts'
import type { CommandContext, Parts } from './cli/parts.ts'
import { addServe } from './cli/serve.ts'
import { addSimulate } from './cli/simulate.ts'
import { addSite } from './cli/site.ts'
import { addStation } from './cli/station.ts'
import { addTrust } from './cli/trust.ts'
import { addVehicle } from './cli/vehicle.ts'
import { ConfigError } from './config.ts'
import { readContractText } from './http/contract.ts'

/** In the order of the help. */
const COMMANDS = [
  addServe,
  addDemo,
  addCampaign,
  addSimulate,
  addConfig,
  addDoctor,
  addStation,
  addSite,
  addContract,
  addVehicle,
  addTrust,
  addKey,
  addCa,
  addAudit,
  addLists,
  addCompletion,
]

const EXAMPLES = `
First steps:
  $ gridkeep demo                                 see it work with simulated stations and cars
  $ gridkeep serve                                run the service; prints the first admin key once
  $ export GRIDKEEP_API_KEY=gk_...
  $ gridkeep station add CS-001 --generate-password
  $ gridkeep station list

Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
Results go to standard output, everything else to standard error.`

/** Runs one command line (without the interpreter and script) to its end. */
export async function runCli(args: readonly string[], io: CliIo, parts: Parts): Promise<ExitCode> {
  const context: CommandContext = { io, parts, exitCode: 0 }
  const program = createProgram(context)
  try {
    await program.parseAsync(args, { from: 'user' })
    return context.exitCode
  } catch (error) {
    return report(error, io, args.includes('--json'))
  }
}

function createProgram(context: CommandContext): Command {
  const { io } = context
  const program = new Command('gridkeep')
    .description('Plug & Charge certificates and smart charging for OCPP stations')
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      const [, version = 'unknown'] = /^ {2}version: (.+)$/m.exec(readContractText()) ?? []
      io.out(`${version}\n`)
      throw new CommanderError(0, 'commander.version', 'version')
    })
    .addHelpText('after', EXAMPLES)
  for (const add of COMMANDS) add(program, context)
  inherit(program)
  return program
}

/** Commander hands these settings only to commands that are created after them, one level deep. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inherit(child)
  }
}

/** The one mapping from errors to exit codes. */
function report(error: unknown, io: CliIo, json: boolean): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof ConfigError) {
    if (json) io.err(`${JSON.stringify({ error: { code: error.code, issues: error.issues } })}\n`)
    else io.err(`The configuration is wrong:\n${error.message.replaceAll(/^/gm, '  ')}\n`)
    return 2
  }
  const failure = error instanceof CliFailure ? error : undefined
  const message = error instanceof Error ? error.message : String(error)
  if (json) io.err(`${JSON.stringify({ error: { code: failure?.code ?? 'internal', message } })}\n`)
  else io.err(`error: ${message}\n`)
  return failure?.exitCode ?? 1
}
