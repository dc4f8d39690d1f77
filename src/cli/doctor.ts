import type { Command } from 'commander'
import { ConfigError } from '../config.ts'
import { diagnose } from './diagnosis.ts'
import type { Finding } from './finding.ts'
import { print, table } from './io.ts'
import type { ConfigFlags } from './options.ts'
import { addConfigOptions, jsonOption, readConfig } from './options.ts'
import type { CommandContext } from './parts.ts'

export function addDoctor(program: Command, context: CommandContext): void {
  addConfigOptions(program.command('doctor'))
    .summary('check configuration, database, keys, certificates, ports and clock, and say what to do')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep doctor
  $ gridkeep doctor --config /etc/gridkeep/gridkeep.yaml --json

Exit status 1: something has to be done before the service can work. Nothing is repaired.`,
    )
    .action(async (flags: ConfigFlags & { json: boolean }) => {
      const findings = await examine(flags, context)
      const ok = findings.every((finding) => finding.state !== 'fail')
      context.exitCode = ok ? 0 : 1
      print(context.io, flags.json, { ok, findings }, () => text(findings))
    })
}

async function examine(flags: ConfigFlags, { io, parts }: CommandContext): Promise<readonly Finding[]> {
  try {
    const { config, warnings } = readConfig(flags, io)
    const cautions = warnings.map(
      (warning): Finding => ({
        check: 'configuration',
        state: 'warn',
        detail: warning,
        advice: 'See docs/configuration.md.',
      }),
    )
    const good: Finding = {
      check: 'configuration',
      state: 'ok',
      detail: 'every setting is known and fits',
      advice: null,
    }
    return [
      good,
      ...cautions,
      ...(await diagnose({ config, env: io.env, nowMs: Date.now(), openStore: parts.openStore })),
    ]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ path, message, origin }) => ({
      check: 'configuration',
      state: 'fail',
      detail: `${path}: ${message}`,
      advice: `Correct it in: ${origin}.`,
    }))
  }
}

function text(findings: readonly Finding[]): string {
  const words = { ok: 'ok', warn: 'WARN', fail: 'FAIL' }
  const lines = table(
    ['', 'CHECK', 'FINDING'],
    findings.map(({ state, check, detail, advice }) => [
      words[state],
      check,
      advice === null ? detail : `${detail}  -> ${advice}`,
    ]),
  )
  const failures = findings.filter((finding) => finding.state === 'fail').length
  return `${lines}\n\n${failures === 0 ? 'Nothing stands in the way.' : `${failures} to be corrected.`}`
}
