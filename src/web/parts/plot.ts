import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Line } from './chart.tsx'

export interface PlotOptions {
  readonly lines: readonly Line[]
  readonly unit: string
  readonly height: number
  readonly data: readonly (readonly (number | null)[])[]
}

export function createPlot(element: HTMLElement, { lines, unit, height, data }: PlotOptions): uPlot {
  const style = getComputedStyle(document.documentElement)
  const font = `12px ${style.fontFamily}`
  const color = (name: string): string => resolved(element, name)
  const axis = {
    stroke: color('--text-soft'),
    font,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1 },
  }
  const stepped = uPlot.paths.stepped?.({ align: 1 })
  return new uPlot(
    {
      width: element.clientWidth || 600,
      height,
      cursor: { y: false },
      legend: { live: false },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 1) * 1.08)] } },
      axes: [
        {
          ...axis,
          values: (_plot, splits) =>
            splits.map((second) => clock(second, (splits.at(-1) ?? 0) - (splits[0] ?? 0) < 300)),
        },
        { ...axis, size: 52, values: (_plot, splits) => splits.map((value) => `${value} ${unit}`) },
      ],
      series: [
        { label: 'Time', value: (_plot, second) => (second === null ? '' : clock(second, true)) },
        ...lines.map((line) => ({
          label: line.name,
          stroke: color(line.color),
          width: line.width ?? 2,
          points: { show: false },
          value: (_plot: uPlot, value: number | null) =>
            value === null ? '' : `${Math.round(value * 10) / 10} ${unit}`,
          ...(line.dashed ? { dash: [6, 4] } : {}),
          ...(line.stepped && stepped ? { paths: stepped } : {}),
        })),
      ],
    },
    data as uPlot.AlignedData,
    element,
  )
}

/** The colour that a name of the style sheet stands for now; a canvas knows no names. */
function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function clock(second: number, seconds = false): string {
  return new Date(second * 1000).toLocaleTimeString('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    ...(seconds ? { second: '2-digit' } : {}),
  })
}
