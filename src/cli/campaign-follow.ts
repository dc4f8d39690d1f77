/** How far a campaign is, again and again until it is over. */

import type { Command } from 'commander'
import type { components } from '../http/api.generated.ts'
import { type ApiFlags, addApiOptions, createApiClient } from './client.ts'
import { print } from './io.ts'
import { durationMs, jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type Report = components['schemas']['CampaignReport']

const EVERY_MS = 2_000
/** What goes on by itself; everything else is an end, or waits for somebody. */
const GOES_ON: ReadonlySet<string> = new Set(['running', 'rolling-back'])

export function addFollow(campaign: Command, context: CommandContext): void {
  const { io } = context
  addApiOptions(campaign.command('follow <id>'))
    .summary('show its progress until it is over or waits for somebody')
    .option('--every <duration>', 'how often to look', durationMs, EVERY_MS)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExit status 0: finished or rolled back; 1: it halted, paused, or was cancelled.\n\nExample:\n  $ gridkeep campaign start ID && gridkeep campaign follow ID',
    )
    .action(async (id: string, flags: ApiFlags & { json: boolean; every: number }) => {
      const client = createApiClient(flags, io)
      let before = ''
      for (;;) {
        const report = (await client.request('GET', `campaigns/${encodeURIComponent(id)}`)) as Report
        const line = progress(report)
        // A terminal sees one line that moves; a file gets a line for every change.
        if (io.interactive) io.err(`\r\u001b[K${line}`)
        else if (line !== before) io.err(`${line}\n`)
        before = line
        if (GOES_ON.has(report.campaign.state) && (await pause(flags.every, io.signal))) continue
        if (io.interactive) io.err('\n')
        print(io, flags.json, report, () => `${report.campaign.name} is ${report.campaign.state}.`)
        context.exitCode = ['finished', 'rolled-back'].includes(report.campaign.state) ? 0 : 1
        return
      }
    })
}

function progress({ campaign, counts }: Report): string {
  const { excluded: _, ...taking } = counts
  const total = Object.values(taking).reduce((sum, count) => sum + count, 0)
  const rest = Object.entries(taking).filter(([state]) => state !== 'done')
  const words = rest.map(([state, count]) => `${count} ${state}`).join(', ')
  return `${campaign.state}, ${campaign.phase}, wave ${campaign.wave + 1} of ${campaign.waves}: ${taking.done ?? 0} of ${total} done${words === '' ? '' : `, ${words}`}`
}

/** False where the command was interrupted meanwhile. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve(!signal.aborted)
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
