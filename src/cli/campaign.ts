import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parse } from 'yaml'
import type { components } from '../http/api.generated.ts'
import { addFollow } from './campaign-follow.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'

type Campaign = components['schemas']['Campaign']
type Report = components['schemas']['CampaignReport']
type Flags = ApiFlags & { readonly json: boolean }

const ACTIONS = {
  start: 'start a planned campaign',
  pause: 'let no further station start; steps under way end',
  resume: 'go on after a pause or a halt',
  rollback: 'take back what can be taken back',
  cancel: 'end it where it is',
} as const

/** Certificates across the fleet: plan, read, start, follow. */
export function addCampaign(program: Command, context: CommandContext): void {
  const campaign = program
    .command('campaign')
    .summary('rotate certificates, roots, passwords and profiles of a fleet')
  addList(campaign, context)
  addPlan(campaign, context)
  addShow(campaign, context)
  for (const [action, summary] of Object.entries(ACTIONS)) addAction(campaign, context, action, summary)
  addFollow(campaign, context)
  addCompromise(campaign, context)
}

function addList(campaign: Command, context: CommandContext): void {
  addApiOptions(campaign.command('list'))
    .summary('campaigns, newest first')
    .addOption(jsonOption())
    .action(async (flags: Flags) => {
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', 'campaigns')) as {
        items: Campaign[]
      }
      const rows = answer.items.map(({ id, kind, name, state, phase, wave, waves }) => [
        id,
        kind,
        name,
        state,
        phase,
        `${wave + 1}/${waves}`,
      ])
      print(context.io, flags.json, answer, () =>
        rows.length === 0
          ? 'No campaigns. Plan one with: gridkeep campaign plan FILE'
          : table(['ID', 'KIND', 'NAME', 'STATE', 'PHASE', 'WAVE'], rows),
      )
    })
}

function addPlan(campaign: Command, context: CommandContext): void {
  addApiOptions(campaign.command('plan <file>'))
    .summary('plan a campaign from a YAML or JSON file; nothing is sent to stations')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Example of a file:
  kind: csms-root-rollover
  name: CSMS root 2027
  targets: { all: true }
  limits: { waves: [{ stations: 3 }, { percent: 10 }], perHour: 500, maxFailures: 0.05 }

Example:
  $ gridkeep campaign plan rollover.yaml`,
    )
    .action(async (file: string, flags: Flags) => {
      const order = readOrder(file)
      const report = (await createApiClient(flags, context.io).request('POST', 'campaigns', order)) as Report
      print(
        context.io,
        flags.json,
        report,
        () => `${describe(report)}\nStart it with: gridkeep campaign start ${report.campaign.id}`,
      )
    })
}

function readOrder(file: string): object {
  try {
    const order: unknown = parse(readFileSync(file, 'utf8'))
    if (typeof order === 'object' && order !== null) return order
  } catch (error) {
    throw new CliFailure(
      'campaign.file',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      2,
    )
  }
  throw new CliFailure('campaign.file', `${file} holds no campaign: see gridkeep campaign plan --help`, 2)
}

function addShow(campaign: Command, context: CommandContext): void {
  addApiOptions(campaign.command('show <id>'))
    .summary('how far it is, and everyone who is not done')
    .addOption(jsonOption())
    .action(async (id: string, flags: Flags) => {
      const report = (await createApiClient(flags, context.io).request(
        'GET',
        `campaigns/${encodeURIComponent(id)}`,
      )) as Report
      print(context.io, flags.json, report, () => describe(report))
    })
}

function addAction(campaign: Command, context: CommandContext, action: string, summary: string): void {
  addApiOptions(campaign.command(`${action} <id>`))
    .summary(summary)
    .addOption(jsonOption())
    .action(async (id: string, flags: Flags) => {
      const path = `campaigns/${encodeURIComponent(id)}/actions`
      const answer = (await createApiClient(flags, context.io).request('POST', path, { action })) as Campaign
      print(context.io, flags.json, answer, () => `${answer.name} is ${answer.state}.`)
    })
}

function addCompromise(campaign: Command, context: CommandContext): void {
  addApiOptions(campaign.command('compromised <station>'))
    .summary('the keys of a station are in wrong hands: revoke, block, report what to do next')
    .option('--no-block', 'let it connect again with new credentials')
    .option('--new-password', 'make a password for the way back; it is shown once', false)
    .addOption(jsonOption())
    .action(async (station: string, flags: Flags & { block: boolean; newPassword: boolean }) => {
      const path = `stations/${encodeURIComponent(station)}/compromise`
      const report = (await createApiClient(flags, context.io).request('POST', path, {
        block: flags.block,
        rekey: flags.newPassword,
      })) as components['schemas']['CompromiseReport']
      print(context.io, flags.json, report, () =>
        [
          `${report.revoked.length} certificates revoked now, ${report.alreadyRevoked.length} before; ${report.blocked ? 'blocked' : 'not blocked'}.`,
          ...(report.newPassword === null ? [] : [`New password, shown only now: ${report.newPassword}`]),
          ...report.nextSteps.map((step, index) => `${index + 1}. ${step}`),
        ].join('\n'),
      )
    })
}

function describe({ campaign, counts, rest }: Report): string {
  const head = `${campaign.name}: ${campaign.kind}, ${campaign.state}, phase ${campaign.phase}, wave ${campaign.wave + 1} of ${campaign.waves}${campaign.detail === null ? '' : ` (${campaign.detail})`}`
  const sums = Object.entries(counts).map(([state, count]) => `${state} ${count}`)
  const rows = rest
    .slice(0, 100)
    .map(({ stationId, state, step, reason }) => [stationId, state, step, reason])
  const more = rest.length > 100 ? `\n... and ${rest.length - 100} more (--json for all)` : ''
  return `${head}\n${sums.join(', ')}${rows.length === 0 ? '' : `\n${table(['STATION', 'STATE', 'STEP', 'REASON'], rows)}${more}`}`
}
