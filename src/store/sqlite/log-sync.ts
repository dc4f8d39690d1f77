import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'

type Waiter = (error: Error | null) => void

export interface LogSync {
  /** Calls back once everything that was written to the log before this call is on disk. */
  afterSync(waiter: Waiter): void
  /** Brings the rest to disk, calls back whoever waits, and lets go of the file. */
  close(): void
}

/**
 * Syncs SQLite's write-ahead log off the event loop, one sync at a time: who comes while one is running shares the next.
 * The file exists from the first write on, and stays the same one until the database is closed. SQLite keeps its
 * locks on other files, so that closing this descriptor releases none of them.
 */
export function createLogSync(path: string): LogSync {
  let fd: number | undefined
  let waiting: Waiter[] = []
  let running: Waiter[] = []

  function start(): void {
    if (waiting.length === 0 || running.length > 0) return
    try {
      fd ??= openSync(path, 'r+')
    } catch (error) {
      finish(waiting.splice(0), error instanceof Error ? error : new Error(String(error)))
      return
    }
    running = waiting
    waiting = []
    fdatasync(fd, (error) => {
      finish(running.splice(0), error)
      start()
    })
  }

  return {
    afterSync(waiter) {
      waiting.push(waiter)
      start()
    },
    close() {
      if (fd !== undefined) fdatasyncSync(fd)
      finish(running.splice(0), null)
      finish(waiting.splice(0), null)
      // A sync that still runs in the thread pool ends with EBADF at worst, and nobody waits for it.
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}

function finish(waiters: readonly Waiter[], error: Error | null): void {
  for (const waiter of waiters) waiter(error)
}
