import { Worker } from 'node:worker_threads'
import type { LinearModel, PlanSolver } from '../../profiles/index.ts'
import type { SolveAnswer, SolveRequest } from './plan-worker.ts'

/** Beyond the solver's own time limit: reading and writing large models. */
const GRACE_MS = 3_000

export interface RunningSolver {
  readonly solve: PlanSolver
  stop(): Promise<void>
}

/**
 * HiGHS in a thread of its own, started when it is first needed. Whatever goes wrong there is "no answer": the thread
 * is ended, and the next question starts another.
 */
export function createPlanSolver(options: { readonly timeLimitS: number }): RunningSolver {
  const { timeLimitS } = options
  let worker: Worker | undefined
  let nextId = 1

  const drop = (dead: Worker): void => {
    if (worker === dead) worker = undefined
    void dead.terminate()
  }

  const solve = (model: LinearModel): Promise<Float64Array | null> =>
    new Promise((resolve) => {
      const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
      const current = worker ?? new Worker(new URL(`./plan-worker.${extension}`, import.meta.url))
      worker = current
      // Planning must not keep the process alive.
      current.unref()
      const id = nextId++
      const finish = (values: Float64Array | null): void => {
        clearTimeout(timer)
        current.off('message', onMessage)
        current.off('error', onEnd)
        current.off('exit', onEnd)
        resolve(values)
      }
      const onMessage = (answer: SolveAnswer): void => {
        if (answer.id === id) finish(answer.values)
      }
      const onEnd = (): void => {
        drop(current)
        finish(null)
      }
      const timer = setTimeout(onEnd, timeLimitS * 1000 + GRACE_MS)
      current.on('message', onMessage)
      current.once('error', onEnd)
      current.once('exit', onEnd)
      current.postMessage({ id, model, timeLimitS } satisfies SolveRequest)
    })

  return {
    solve,
    stop: async () => {
      await worker?.terminate()
      worker = undefined
    },
  }
}
