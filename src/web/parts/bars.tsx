/** Load against limit. */

import { number } from '../format.ts'
import type { NodeStatus } from '../site-facts.ts'

const PHASES = [0, 1, 2] as const

/** One bar per phase: what is measured, what may be drawn at worst, and where the limit is. */
export function PhaseBars({ node, scaleA }: { readonly node: NodeStatus; readonly scaleA: number }) {
  return (
    <div class="bars">
      {PHASES.map((index) => {
        const measuredA = node.measuredA?.[index] ?? null
        const limitA = node.limitA[index] ?? null
        const grantedA = node.grantedA[index] ?? 0
        return (
          <div class="bar" key={index}>
            <span class="phase-name">L{index + 1}</span>
            <div class="track" aria-hidden="true">
              <div class="granted" style={{ width: share(grantedA, scaleA) }} />
              <div class={`measured phase-${index + 1}`} style={{ width: share(measuredA ?? 0, scaleA) }} />
              {limitA !== null && <div class="limit" style={{ left: share(limitA, scaleA) }} />}
            </div>
            <span class="value">
              {measuredA === null ? '?' : number(measuredA)}
              <span class="soft"> {limitA === null ? 'A' : `of ${number(limitA)} A`}</span>
            </span>
          </div>
        )
      })}
    </div>
  )
}

export function BarsLegend() {
  return (
    <p class="legend" aria-hidden="true">
      <span>
        <i class="phase-1" />
        <i class="phase-2" />
        <i class="phase-3" /> measured
      </span>
      <span>
        <i /> may be drawn at worst
      </span>
      <span>
        <i class="tick" /> limit in force
      </span>
    </p>
  )
}

/** Draw inside grant, of the most that the EVSE can. */
export function MiniBar(props: {
  readonly measuredA: number
  readonly grantedA: number
  readonly maxA: number
}) {
  const { measuredA, grantedA, maxA } = props
  return (
    <div class="mini" aria-hidden="true">
      <div class="granted" style={{ width: share(grantedA, maxA) }} />
      <div class="measured" style={{ width: share(measuredA, maxA) }} />
    </div>
  )
}

function share(value: number, of: number): string {
  return `${of > 0 ? Math.max(0, Math.min(100, (value / of) * 100)) : 0}%`
}
