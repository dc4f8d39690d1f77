/** What a screen reads, read again when something happened that changes it. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from './api.ts'
import { generation, type LiveEvent, onLive } from './live.ts'
import { useSignal } from './signal.ts'

export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly loading: boolean
  reload(): void
}

/** Many events at once, such as a fleet that reconnects, cost one read. */
const GATHER_MS = 400

/**
 * Reads when `key` changes, after an outage, and soon after an event that `concerns` names.
 * What was read before stays on the screen while the next answer is on its way.
 */
export function useLoaded<T>(
  key: string,
  load: () => Promise<T>,
  concerns?: (event: LiveEvent) => boolean,
): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: ApiError; loading: boolean }>({
    key,
    loading: true,
  })
  const [turn, setTurn] = useState(0)
  const era = useSignal(generation)
  const latest = useRef({ load, concerns })
  latest.current = { load, concerns }

  useEffect(() => {
    let wanted = true
    setState((before) => (before.key === key ? { ...before, loading: true } : { key, loading: true }))
    latest.current.load().then(
      (data) => wanted && setState({ key, data, loading: false }),
      (error: unknown) =>
        wanted &&
        setState((before) => ({
          ...before,
          loading: false,
          error: asApiError(error),
        })),
    )
    return () => {
      wanted = false
    }
  }, [key, turn, era])

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = onLive((event) => {
      if (timer !== undefined || !latest.current.concerns?.(event)) return
      timer = setTimeout(() => {
        timer = undefined
        setTurn((count) => count + 1)
      }, GATHER_MS)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])

  const reload = useCallback(() => setTurn((count) => count + 1), [])
  const current = state.key === key ? state : { loading: true }
  return {
    data: 'data' in current ? current.data : undefined,
    error: 'error' in current ? current.error : undefined,
    loading: current.loading,
    reload,
  }
}

/** The time, to the second or coarser, for "3 min ago". */
export function useNow(everyMs = 10_000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** Does something again and again while somebody looks; never, where `everyMs` is undefined. */
export function useEvery(work: () => void, everyMs: number | undefined): void {
  const latest = useRef(work)
  latest.current = work
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => document.hidden || latest.current(), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
}
