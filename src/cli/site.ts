import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parse } from 'yaml'
import type { components } from '../http/api.generated.ts'
import type { ApiFlags } from './client.ts'
import { addApiOptions, createApiClient } from './client.ts'
import { CliFailure, print, table } from './io.ts'
import { jsonOption } from './options.ts'
import type { CommandContext } from './parts.ts'
import { addSiteLimits } from './site-limits.ts'
import { addSiteRecords } from './site-record.ts'
import { statusText } from './site-status.ts'

type Site = components['schemas']['Site']
type SiteStatus = components['schemas']['SiteStatus']

export function addSite(program: Command, context: CommandContext): void {
  const site = program.command('site').summary('sites, their load and their limits')
  addSiteList(site, context)
  addSiteStatus(site, context)
  addSitePut(site, context)
  addSiteLimits(site, context)
  addSiteRecords(site, context)
}

function addSiteList(site: Command, context: CommandContext): void {
  addApiOptions(site.command('list'))
    .summary('sites with the limit of their grid connection')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site list')
    .action(async (flags: ApiFlags & { json: boolean }) => {
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('GET', 'sites')) as { items: Site[] }
      const rows = answer.items.map(({ id, config, updatedAt }) => [
        id,
        config.root.id,
        config.root.limitA === undefined ? null : [config.root.limitA].flat().join('/'),
        config.root.limitW,
        updatedAt,
      ])
      print(context.io, flags.json, answer, () =>
        rows.length === 0
          ? 'No sites. Create one with: gridkeep site put ID FILE'
          : table(['ID', 'CONNECTION', 'LIMIT A', 'LIMIT W', 'UPDATED'], rows),
      )
    })
}

function addSiteStatus(site: Command, context: CommandContext): void {
  addApiOptions(site.command('status <id>'))
    .summary('load against limit, what binds, and why each EVSE gets what it gets')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site status depot')
    .action(async (id: string, flags: ApiFlags & { json: boolean }) => {
      const path = `sites/${encodeURIComponent(id)}/status`
      // The service keeps to the contract that this type comes from.
      const status = (await createApiClient(flags, context.io).request('GET', path)) as SiteStatus
      print(context.io, flags.json, status, () => statusText(status))
    })
}

function addSitePut(site: Command, context: CommandContext): void {
  addApiOptions(site.command('put <id> <file>'))
    .summary('create a site or replace its configuration, from YAML or JSON')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ gridkeep site put depot depot.yaml')
    .action(async (id: string, file: string, flags: ApiFlags & { json: boolean }) => {
      const path = `sites/${encodeURIComponent(id)}`
      const config = readConfigFile(file)
      // The service keeps to the contract that this type comes from.
      const answer = (await createApiClient(flags, context.io).request('PUT', path, config)) as Site
      const warnings = answer.warnings.map((one) => `warning: ${one.path}: ${one.message}`)
      print(context.io, flags.json, answer, () => [`Site ${id} is held from now on.`, ...warnings].join('\n'))
    })
}

function readConfigFile(file: string): object {
  try {
    const config: unknown = parse(readFileSync(file, 'utf8'))
    if (typeof config === 'object' && config !== null) return config
  } catch (error) {
    throw new CliFailure(
      'cli.usage',
      `${file} cannot be used: ${error instanceof Error ? error.message : error}`,
      2,
    )
  }
  throw new CliFailure('cli.usage', `${file} holds no site; see PUT /sites/{siteId} in openapi.yaml.`, 2)
}
