import { type LinearModel, lpText, type PlanSolver } from '../../profiles/index.ts'

/** What is used of the solver. */
export interface Highs {
  solve(text: string, options?: Readonly<Record<string, string | number | boolean>>): HighsAnswer
}
export interface HighsAnswer {
  readonly Status: string
  readonly Columns: Readonly<Record<string, { readonly Primal?: number }>>
}

type Loader = () => Promise<Highs>

function isLoader(value: unknown): value is Loader {
  return typeof value === 'function'
}

/** Starts HiGHS. Its type declarations describe a CommonJS module while Node loads the ES one: look at what came. */
export async function startHighs(): Promise<Highs> {
  const module: Readonly<Record<string, unknown>> = await import('highs')
  if (!isLoader(module.default)) throw new Error('the npm package highs exports no loader: check its version')
  return await module.default()
}

/** Whole-or-nothing minimums to a five-hundredth of the best: proving the rest costs more time than it is worth. */
const MIP_GAP = 0.002

/** A solver for `plan`. Gives no answer when the time is over. */
export function highsSolver(highs: Highs, timeLimitS: number): PlanSolver {
  return async (model: LinearModel) => {
    const answer = highs.solve(lpText(model), {
      presolve: 'on',
      time_limit: timeLimitS,
      mip_rel_gap: MIP_GAP,
      output_flag: false,
    })
    if (answer.Status !== 'Optimal') return null
    return Float64Array.from(model.worth, (_, column) => answer.Columns[`x${column}`]?.Primal ?? 0)
  }
}
