import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import type { CliIo } from './io.ts'
import { CliFailure, print } from './io.ts'
import { durationMs, jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

interface CallFlags extends ApiFlags {
  readonly json: boolean
  readonly payload: string
  readonly deadline?: number
}

/** `gridkeep station call`: any OCPP message to a station. */
export function addStationCall(station: Command, context: CommandContext): void {
  addApiOptions(station.command('call <id> <action>'))
    .summary('send an OCPP call to a station and print its answer')
    .option('--payload <json>', 'the OCPP payload; @FILE reads a file, - reads standard input', '{}')
    .option('--deadline <time>', 'how long to wait for the answer, e.g. 10s', durationMs)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ gridkeep station call CS-001 Reset --payload '{"type":"OnIdle"}'
  $ gridkeep station call CS-001 SetVariables --payload @variables.json
  $ gridkeep station call CS-001 ClearCache --json`,
    )
    .action(async (id: string, action: string, flags: CallFlags) => {
      const client = createApiClient(flags, context.io)
      const payload = await readPayload(flags.payload, context.io)
      const query = flags.deadline === undefined ? '' : `?deadlineMs=${flags.deadline}`
      const path = `stations/${encodeURIComponent(id)}/calls/${encodeURIComponent(action)}${query}`
      const answer = await client.request('POST', path, payload)
      print(context.io, flags.json, answer, () => JSON.stringify(answer, null, 2))
    })
}

async function readPayload(source: string, io: CliIo): Promise<object> {
  const text =
    source === '-' ? await io.readStdin() : source.startsWith('@') ? readText(source.slice(1)) : source
  try {
    const payload: unknown = JSON.parse(text)
    if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return payload
  } catch {
    // Said below, in the same words.
  }
  throw new CliFailure(
    'cli.usage',
    'The payload must be a JSON object, e.g. --payload \'{"type":"OnIdle"}\'.',
    2,
  )
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliFailure(
      'cli.usage',
      `${path} cannot be read: ${error instanceof Error ? error.message : error}`,
      2,
    )
  }
}
