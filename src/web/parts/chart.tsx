/** A line chart over time. uPlot is loaded when the first chart is shown. */

import { useEffect, useRef } from 'preact/hooks'
import { useSignal } from '../signal.ts'
import { theme } from '../theme.ts'

export interface Line {
  readonly name: string
  /** Name of a colour of the style sheet, e.g. `--l1`. */
  readonly color: string
  readonly stepped?: boolean
  readonly dashed?: boolean
  readonly width?: number
}

export interface ChartProps {
  readonly label: string
  readonly unit: string
  readonly lines: readonly Line[]
  /** Seconds since 1970, then one row per line. */
  readonly data: readonly (readonly (number | null)[])[]
  readonly height?: number
}

type Plot = {
  setData(data: unknown): void
  setSize(size: { width: number; height: number }): void
  destroy(): void
}

export function Chart({ label, unit, lines, data, height = 240 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | undefined>(undefined)
  const latest = useRef(data)
  latest.current = data
  const shown = useSignal(theme)
  const shape = JSON.stringify(lines)

  useEffect(() => {
    let wanted = true
    const element = box.current
    if (!element) return
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }))
    void import('./plot.ts').then(({ createPlot }) => {
      if (!wanted) return
      plot.current = createPlot(element, { lines: JSON.parse(shape), unit, height, data: latest.current })
      resize.observe(element)
    })
    return () => {
      wanted = false
      resize.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shape, unit, height, shown])

  useEffect(() => plot.current?.setData(data), [data])

  return <div class="chart" ref={box} role="img" aria-label={label} />
}
