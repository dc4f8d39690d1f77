/** What is watched exists: alert rules and the Grafana dashboard against the metrics that a running service shows. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type RunningService, spawnService } from '../e2e/support/service.ts'

const RULES = 'deploy/prometheus-alerts.yaml'
const PROMTOOL = [process.env.PROMTOOL ?? '', '/usr/bin/promtool', '/usr/local/bin/promtool'].find(existsSync)
if (PROMTOOL === undefined) {
  const reason =
    'Prometheus does not read the alert rules here: promtool is missing (apt-get install prometheus)'
  if (process.env.GRIDKEEP_REQUIRE_ALL === '1') throw new Error(`${reason}, and GRIDKEEP_REQUIRE_ALL is set`)
  console.warn(reason)
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

describe('what is watched exists', () => {
  let service: RunningService
  let dataDir: string
  let known: ReadonlySet<string>

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gridkeep-metrics-'))
    service = await spawnService(dataDir)
    const text = await (await fetch(new URL('/metrics', service.apiUrl))).text()
    known = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].flatMap(([, name]) => name ?? []))
  })
  afterAll(async () => {
    await service?.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  })

  const unknown = (expression: string): string[] =>
    [...expression.matchAll(/gridkeep_[a-z_]+/g)]
      .map(([name]) => name.replace(/_(bucket|sum|count)$/, ''))
      .filter((name) => !known.has(name))

  test('every metric of the alert rules is shown by a running service', () => {
    expect(rules.flatMap(({ expr }) => unknown(expr))).toEqual([])
  })

  test('every metric of the Grafana dashboard is shown by a running service', () => {
    const dashboard = JSON.parse(readFileSync('deploy/grafana-dashboard.json', 'utf8'))
    const panels: { targets?: { expr: string }[] }[] = dashboard.panels
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    expect(expressions.length).toBeGreaterThan(10)
    expect(expressions.flatMap(unknown)).toEqual([])
  })

  test('there is a rule for everything that somebody must be woken or told for', () => {
    const watched = rules.map(({ alert }) => alert)
    for (const wanted of [
      'GridkeepDown',
      'GridkeepSiteAboveLimit',
      'GridkeepLimitSourceSilent',
      'GridkeepStationsOffline',
      'GridkeepCertificatesExpireSoon',
      'GridkeepAuthorityExpires',
      'GridkeepOcspStale',
      'GridkeepCrlStale',
      'GridkeepRotationHalted',
      'GridkeepIssuanceFails',
    ])
      expect(watched, wanted).toContain(wanted)
  })

  test('every rule says how bad it is, what happened and what to do', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity)
      expect(annotations.summary, alert).toBeTruthy()
      expect(annotations.description, alert).toBeTruthy()
    }
  })

  test.skipIf(PROMTOOL === undefined)('Prometheus reads the rules, and they fire when they should', () => {
    expect(String(execFileSync(PROMTOOL ?? '', ['check', 'rules', RULES]))).toContain(
      `${rules.length} rules found`,
    )
  })
})
