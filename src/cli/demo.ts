import type { Command } from 'commander'
import { durationMs, jsonOption, wholeNumber } from './options.ts'
import type { CommandContext } from './parts.ts'

interface DemoFlags {
  readonly duration?: number
  readonly json: boolean
  readonly httpPort: number
  readonly seed: number
  readonly stations: number
  readonly rollover: boolean
}

export function addDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .summary('see it work: service, simulated stations and cars in one')
    .description(
      'Start a service with a new, temporary database, a site behind 100 A per phase and simulated stations;\ncars arrive, certificates are issued, and the load stays under the limit.',
    )
    .option('--duration <time>', 'stop after this time, e.g. 60s; without it: until Ctrl-C', durationMs)
    .option(
      '--http-port <port>',
      'port of the operator API, 0 for any',
      wholeNumber({ min: 0, max: 65535 }),
      8080,
    )
    .option('--seed <number>', 'same seed, same cars', wholeNumber({ min: 0, max: 2 ** 31 - 1 }), 7)
    .option('--stations <number>', 'simulated stations', wholeNumber({ min: 1, max: 200 }), 12)
    .option('--rollover', 'rotate the CSMS root of the fleet while cars charge', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep demo
  $ gridkeep demo --duration 60s --json
  $ gridkeep demo --rollover --duration 120s

With --json the last line is the summary. Exit status 1: the limit was exceeded or something failed.`,
    )
    .action(async ({ duration, ...flags }: DemoFlags) => {
      context.exitCode = await context.parts.runDemo({ ...flags, durationMs: duration ?? null }, context.io)
    })
}
