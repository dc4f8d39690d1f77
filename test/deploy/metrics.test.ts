import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const source = readFileSync('src/observe/metrics.ts', 'utf8')
const known = new Set([...source.matchAll(/'(gridkeep_[a-z_]+)'/g)].map(([, name]) => name))

function unknown(text: string): string[] {
  return [...text.matchAll(/gridkeep_[a-z_]+/g)]
    .map(([name]) => name.replace(/_bucket$/, ''))
    .filter((name) => !known.has(name))
}

describe('what is watched exists', () => {
  test('every metric of the alert rules is one that the service has', () => {
    const text = readFileSync('deploy/prometheus-alerts.yaml', 'utf8')
    const { groups } = parse(text)
    const rules: { expr: string; annotations: { summary: string } }[] = groups[0].rules
    expect(rules.length).toBeGreaterThan(5)
    expect(rules.flatMap(({ expr }) => unknown(expr))).toEqual([])
    for (const { annotations } of rules) expect(annotations.summary).toBeTruthy()
  })

  test('every metric of the Grafana dashboard is one that the service has', () => {
    const dashboard = JSON.parse(readFileSync('deploy/grafana-dashboard.json', 'utf8'))
    const panels: { targets: { expr: string }[] }[] = dashboard.panels
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    expect(expressions.length).toBeGreaterThan(10)
    expect(expressions.flatMap(unknown)).toEqual([])
  })
})
