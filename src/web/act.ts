/** What somebody does on a screen: a change, and what came of it. */

import { useState } from 'preact/hooks'
import { type ApiError, asApiError } from './api.ts'
import { toast } from './parts/toasts.tsx'

/** For a button: what came of it is said in a toast. Resolves with whether it worked. */
export async function act(work: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await work()
    toast('ok', done)
    return true
  } catch (error) {
    toast('bad', asApiError(error).message)
    return false
  }
}

export interface Submission {
  readonly busy: boolean
  readonly error: ApiError | undefined
  run(work: () => Promise<void>): Promise<void>
}

/** For a form: what was refused stays beside it until the next try. */
export function useSubmit(): Submission {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  return {
    busy,
    error,
    async run(work) {
      setBusy(true)
      setError(undefined)
      try {
        await work()
      } catch (problem) {
        setError(asApiError(problem))
      }
      setBusy(false)
    },
  }
}
