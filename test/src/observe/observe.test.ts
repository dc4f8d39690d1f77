import { describe, expect, test } from 'vitest'
import { createAudit } from '../../../src/observe/audit.ts'
import { createHealth } from '../../../src/observe/health.ts'
import { createLog } from '../../../src/observe/log.ts'
import type { MetricSources } from '../../../src/observe/metrics.ts'
import { createMetrics } from '../../../src/observe/metrics.ts'
import { redact } from '../../../src/observe/redact.ts'
import * as ocppMetrics from '../../../src/ocpp/metrics.ts'
import { createSqliteStore } from '../../../src/store/sqlite/index.ts'

describe('secrets', () => {
  test('are replaced at any depth, and the rest is kept', () => {
    const value = {
      id: 'CS-1',
      password: 'p',
      nested: [{ basicAuthPassword: 'p', ok: 1 }, { apnPassword: null }],
      connection: { Authorization: 'Bearer x', passwordHash: 'kept apart' },
    }
    const text = JSON.stringify(redact(value))
    expect(text).not.toMatch(/"p"|Bearer/)
    expect(redact(value)).toMatchObject({ id: 'CS-1', nested: [{ ok: 1 }, { apnPassword: null }] })
  })

  test('are found by the name of the variable in SetVariables', () => {
    const redacted = redact({
      setVariableData: [
        { variable: { name: 'BasicAuthPassword' }, attributeValue: 'hidden' },
        { variable: { name: 'HeartbeatInterval' }, attributeValue: '60' },
      ],
    })
    expect(redacted).toMatchObject({
      setVariableData: [{ attributeValue: '[redacted]' }, { attributeValue: '60' }],
    })
  })

  test('do not reach the log', () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } })
    log.info(
      { password: 'hidden', station: { passwordHash: 'hidden' }, a: { b: { secret: 'hidden' } } },
      'hello',
    )
    log.debug('not this')
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain('hidden')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      msg: 'hello',
      service: 'gridkeep',
      password: '[redacted]',
    })
  })

  test('do not reach the audit trail', async () => {
    const store = createSqliteStore(':memory:')
    const audit = createAudit(store, { now: () => 0 })
    await audit({
      actor: 'cli',
      action: 'station.put',
      subject: 'CS-1',
      detail: { password: 'hidden', group: 'a' },
    })
    expect(await store.audit.list()).toMatchObject([
      { at: '1970-01-01T00:00:00.000Z', detail: { password: '[redacted]', group: 'a' } },
    ])
    await store.close()
  })

  test('cannot hide in a cycle: depth is bounded', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(JSON.stringify(redact(loop))).toContain('[too deep]')
  })
})

describe('readiness', () => {
  test('does not wait for a probe that hangs', async () => {
    const health = createHealth([{ name: 'slow', check: () => new Promise(() => undefined) }], {
      deadlineMs: 10,
    })
    expect(await health.readiness()).toEqual({
      ready: false,
      checks: [{ name: 'slow', ok: false, detail: 'no answer within 10 ms' }],
    })
  })
})

describe('metrics', () => {
  async function scrape(sources: MetricSources): Promise<{ text: string; errors: unknown[] }> {
    const errors: unknown[] = []
    const metrics = createMetrics(sources, (error) => errors.push(error))
    await metrics.text()
    const text = await metrics.text()
    metrics.close()
    return { text, errors }
  }

  test('show the counters of the OCPP server as they are, scrape after scrape', async () => {
    const counts = ocppMetrics.createMetrics()
    counts.messagesIn = 7
    counts.connections = 2
    ocppMetrics.increment(counts.callsIn, 'Heartbeat')
    ocppMetrics.increment(counts.callsIn, 'Heartbeat')
    for (const ms of [4, 5, 6, 40_000]) ocppMetrics.observeLatency(counts.handling, ms)
    const { text, errors } = await scrape({
      ocpp: { counts: () => counts, latencyBoundsMs: ocppMetrics.LATENCY_BOUNDS_MS },
    })
    expect(errors).toEqual([])
    expect(text).toContain('gridkeep_ocpp_messages_in_total 7\n')
    expect(text).toContain('gridkeep_ocpp_connections 2\n')
    expect(text).toContain('gridkeep_ocpp_calls_in_total{action="Heartbeat"} 2\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_bucket{le="0.005"} 2\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_bucket{le="0.01"} 3\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_bucket{le="30"} 3\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_bucket{le="+Inf"} 4\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_count 4\n')
    expect(text).toContain('gridkeep_ocpp_handling_seconds_sum 40.015\n')
  })

  test('show load and limit per node and phase, and forget what is gone', async () => {
    let loads = [
      { siteId: 'depot', nodeId: 'grid', measuredA: [10, 11.5, null], limitA: [63, 63, null] },
      { siteId: 'gone', nodeId: 'grid', measuredA: null, limitA: [1, 1, 1] },
    ]
    const metrics = createMetrics({ siteLoads: () => loads }, (error) => {
      throw error
    })
    expect(await metrics.text()).toContain('site="gone"')
    loads = loads.slice(0, 1)
    const text = await metrics.text()
    metrics.close()
    expect(text).toContain('gridkeep_site_load_amperes{site="depot",node="grid",phase="L2"} 11.5')
    expect(text).toContain('gridkeep_site_limit_amperes{site="depot",node="grid",phase="L1"} 63')
    expect(text).not.toMatch(/phase="L3"|site="gone"/)
  })

  test('show certificates that expire, sessions and the delay of the event loop', async () => {
    const { text } = await scrape({
      certificatesExpiring: async () => [{ labels: { days: '30' }, value: 4 }],
      sessionsActive: async () => 3,
      stationsOnline: () => 12,
    })
    expect(text).toContain('gridkeep_certificates_expiring{days="30"} 4')
    expect(text).toContain('gridkeep_sessions_active 3')
    expect(text).toContain('gridkeep_stations_online 12')
    expect(text).toMatch(/gridkeep_event_loop_delay_seconds\{quantile="0.99"\} \d/)
    expect(text).toContain('gridkeep_process_resident_memory_bytes')
  })

  test('stay readable when one of their sources fails', async () => {
    const { text, errors } = await scrape({
      sessionsActive: async () => {
        throw new Error('database is gone')
      },
      stationsOnline: () => 12,
    })
    expect(text).toContain('gridkeep_stations_online 12')
    expect(errors.length).toBeGreaterThan(0)
  })
})
