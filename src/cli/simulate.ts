import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { CliFailure } from './io.ts'
import { durationMs, jsonOption, wholeNumber } from './options.ts'
import type { CommandContext } from './parts.ts'

interface SimulateFlags {
  readonly url: string
  readonly stations: number
  readonly idPrefix: string
  readonly securityProfile: 1 | 2 | 3
  readonly password?: string
  readonly ca?: string
  readonly seed: number
  readonly duration?: number
  readonly json: boolean
}

export function addSimulate(program: Command, context: CommandContext): void {
  program
    .command('simulate')
    .summary('connect simulated stations to a running service')
    .description('Connect simulated OCPP 2.0.1 stations to a service, this one or any other CSMS.')
    .requiredOption('--url <url>', 'where stations connect, e.g. wss://localhost:9443', socketUrl)
    .option('--stations <number>', 'how many', wholeNumber({ min: 1, max: 10_000 }), 1)
    .option('--id-prefix <text>', 'station ids are PREFIX-001 and so on', 'SIM')
    .option('--security-profile <1|2|3>', 'OCPP security profile', securityProfile, 2)
    .option(
      '--password <text>',
      'password of every station, for profiles 1 and 2 (or GRIDKEEP_STATION_PASSWORD)',
    )
    .option('--ca <file>', "PEM file with the roots of the server's certificate")
    .option('--seed <number>', 'same seed, same behaviour', wholeNumber({ min: 0, max: 2 ** 31 - 1 }), 1)
    .option('--duration <time>', 'stop after this time; without it: until Ctrl-C', durationMs)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep simulate --url ws://localhost:9000 --security-profile 1 --password a-random-string-of-24-chars
  $ gridkeep simulate --url wss://csms.example.com:9443 --stations 20 --ca roots.pem --password ...

Register the stations first: gridkeep station add SIM-001 --security-profile 2 --generate-password`,
    )
    .action(async ({ ca, duration, password, ...flags }: SimulateFlags) => {
      const secret = password ?? context.io.env.GRIDKEEP_STATION_PASSWORD ?? null
      if (flags.securityProfile !== 3 && secret === null)
        throw new CliFailure('cli.no-password', 'Security profiles 1 and 2 need --password.', 2)
      context.exitCode = await context.parts.runSimulate(
        { ...flags, password: secret, caFile: ca ?? null, durationMs: duration ?? null },
        context.io,
      )
    })
}

export function securityProfile(text: string): 1 | 2 | 3 {
  if (text === '1') return 1
  if (text === '2') return 2
  if (text === '3') return 3
  throw new InvalidArgumentError('1, 2 or 3 is needed.')
}

function socketUrl(text: string): string {
  if (/^wss?:/i.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('Write ws://host:port/path or wss://host:port/path.')
}
