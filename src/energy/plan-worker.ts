/** The thread in which HiGHS solves plans, so that the loop's thread never waits for it. */

import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { type LinearModel, lpText } from '../../profiles/index.ts'

export interface SolveRequest {
  readonly id: number
  readonly model: LinearModel
  readonly timeLimitS: number
}
export interface SolveAnswer {
  readonly id: number
  /** Null: no optimum within the time. */
  readonly values: Float64Array | null
}

interface Highs {
  solve(
    text: string,
    options: Readonly<Record<string, string | number>>,
  ): { Status: string; Columns: Readonly<Record<string, { readonly Primal?: number }>> }
}

function isLoader(value: unknown): value is () => Promise<Highs> {
  return typeof value === 'function'
}

async function start(): Promise<Highs> {
  // Its type declarations describe a CommonJS module while Node loads the ES one: look at what came.
  const module: Readonly<Record<string, unknown>> = await import('highs')
  if (!isLoader(module.default)) throw new Error('the npm package highs exports no loader: check its version')
  return module.default()
}

/** Whole-or-nothing minimums to a five-hundredth of the best: proving the rest costs more time than it is worth. */
const MIP_GAP = 0.002

let highs: Promise<Highs> | undefined

async function solve({ id, model, timeLimitS }: SolveRequest): Promise<SolveAnswer> {
  highs ??= start()
  const answer = (await highs).solve(lpText(model), {
    presolve: 'on',
    time_limit: timeLimitS,
    mip_rel_gap: MIP_GAP,
  })
  if (answer.Status !== 'Optimal') return { id, values: null }
  return {
    id,
    values: Float64Array.from(model.worth, (_, column) => answer.Columns[`x${column}`]?.Primal ?? 0),
  }
}

// Linux counts the priority by thread: on a small machine seconds of solving must not take the loop's turn.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)

parentPort?.on('message', (request: SolveRequest) => {
  solve(request).then(
    (answer) => parentPort?.postMessage(answer),
    // The solver's state is unknown after an error: this thread ends, and the next plan starts another.
    () => process.exit(1),
  )
})
