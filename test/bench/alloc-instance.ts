import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type AllocationRequest,
  buildNetwork,
  type Entry,
  type Network,
  type Row,
} from '../../profiles/index.ts'

interface Generated {
  readonly root: { readonly limitA: readonly number[] }
  readonly boards: readonly { readonly id: string; readonly limitA: readonly number[] }[]
  readonly panels: readonly { readonly id: string; readonly limitA: readonly number[] }[]
  readonly evses: readonly {
    readonly id: number
    readonly panel: number
    readonly board: number
    readonly rotation: readonly number[]
  }[]
  readonly evs: readonly { readonly phases: number; readonly minA: number; readonly maxA: number }[]
}

export interface Instance {
  readonly network: Network
  readonly request: AllocationRequest
}

/** The generator is in the sources; compiled code runs from another folder below the repository. */
function generator(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const path = join(folder, 'test/fixtures/scenarios/alloc-gen.mjs')
    if (existsSync(path)) return path
    const above = dirname(folder)
    if (above === folder) throw new Error('alloc-gen.mjs is in test/fixtures/scenarios: run from a checkout')
    folder = above
  }
}

/** One instance of the generator: EVSEs on panels on boards on a root, limits per phase at every level. */
export function instanceOf(evseCount: number, seed: number): Instance {
  const text = execFileSync(process.execPath, [generator(), String(evseCount), String(seed)], {
    maxBuffer: 1 << 28,
  })
  const made: Generated = JSON.parse(text.toString())
  const rows: Row[] = []
  const limits: number[] = []
  const addNode = (id: string, limitA: readonly number[]) => {
    const first = rows.length
    for (const phase of [1, 2, 3] as const) {
      rows.push({ id: `${id}/L${phase}`, kind: 'phase', node: null, phase })
      limits.push(limitA[phase - 1] ?? 0)
    }
    return first
  }
  const root = addNode('root', made.root.limitA)
  const boards = made.boards.map((board) => addNode(board.id, board.limitA))
  const panels = made.panels.map((panel) => addNode(panel.id, panel.limitA))
  const entries: Entry[] = []
  for (const evse of made.evses) {
    evse.rotation.forEach((phase, terminal) => {
      for (const first of [panels[evse.panel] ?? 0, boards[evse.board] ?? 0, root]) {
        entries.push({ load: evse.id, row: first + phase - 1, re: 1, im: 0, mask: 1 << terminal })
      }
    })
  }
  const { evs } = made
  return {
    network: buildNetwork({ loadCount: evseCount, rows, entries }),
    request: {
      limits: Float64Array.from(limits),
      mask: Uint8Array.from(evs, (ev) => (1 << ev.phases) - 1),
      minA: Float64Array.from(evs, (ev) => ev.minA),
      maxA: Float64Array.from(evs, (ev) => ev.maxA),
      weight: new Float64Array(evseCount).fill(1),
      tier: new Int32Array(evseCount),
      order: Float64Array.from(evs, (_, index) => index),
    },
  }
}
