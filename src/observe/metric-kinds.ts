/** Metrics that are read from plain numbers at the moment of the scrape. */

import type { MetricConfiguration, Registry } from 'prom-client'
import { Counter, Gauge, Histogram } from 'prom-client'
import type { LatencyCounts } from './ocpp-metrics.ts'

/** Keeps one failing source from taking the others with it. */
export type Guard = (read: () => Promise<void> | void) => () => Promise<void>

/** One value of a metric with labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric whose whole set of labels is read anew: what is gone is not shown any more. */
export function addSamples(
  options: MetricOptions & { readonly labels: readonly string[]; readonly kind?: 'counter' },
  guard: Guard,
  read: (() => Promise<readonly Sample[]> | readonly Sample[]) | undefined,
): void {
  if (!read) return
  const { registry, name, help, labels, kind } = options
  const configuration = { name, help, labelNames: [...labels], registers: [registry] }
  const collect = guard(async () => {
    const samples = await read()
    metric.reset()
    for (const sample of samples) metric.inc(sample.labels, sample.value)
  })
  const metric: Counter<string> | Gauge<string> =
    kind === 'counter' ? new Counter({ ...configuration, collect }) : new Gauge({ ...configuration, collect })
}

export interface MetricOptions {
  readonly registry: Registry
  readonly name: string
  readonly help: string
  readonly label?: string
}

function base({ registry, name, help, label }: MetricOptions): MetricConfiguration<string> {
  return { name, help, labelNames: label === undefined ? [] : [label], registers: [registry] }
}

export function addCounter(
  options: MetricOptions,
  guard: Guard,
  read: () => ReadonlyMap<string, number>,
): void {
  const { label } = options
  const counter = new Counter({
    ...base(options),
    collect: guard(() => {
      const counts = read()
      counter.reset()
      for (const [key, count] of counts) counter.inc(label === undefined ? {} : { [label]: key }, count)
    }),
  })
}

export function addGauge(options: MetricOptions, guard: Guard, read: () => Promise<number> | number): void {
  const gauge = new Gauge({
    ...base(options),
    collect: guard(async () => {
      gauge.set(await read())
    }),
  })
}

/** The buckets were counted elsewhere: they are handed over as they are instead of being observed again. */
export function addLatency(
  options: MetricOptions,
  boundsMs: readonly number[],
  read: () => LatencyCounts,
): void {
  const { name, help } = options
  const histogram = new Histogram({ ...base(options), buckets: boundsMs.map((bound) => bound / 1000) })
  const values = () => {
    const { buckets, sumMs, count } = read()
    let cumulative = 0
    const upTo = boundsMs.map((bound, index) => {
      cumulative += buckets[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { le: bound / 1000 }, value: cumulative }
    })
    return [
      ...upTo,
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 },
      { metricName: `${name}_count`, labels: {}, value: count },
    ]
  }
  // The method that the registry calls for its text format.
  Object.assign(histogram, {
    getForPromString: async () => ({ name, help, type: 'histogram', values: values() }),
  })
}
