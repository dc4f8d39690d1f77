import { type ChildProcess, fork } from 'node:child_process'
import type { TokenAccess, TokenAnswer, TokenCall, TokenRequest } from './pkcs11-process.ts'
import { KeyUnavailable } from './ports.ts'

export interface TokenProcessOptions {
  readonly access: TokenAccess
  /** For one call, the time to start the process included. */
  readonly deadlineMs: number
  /** The program of the process. */
  readonly program: URL
  /** After a process was given up, none is started for this long. */
  readonly pauseMs: number
}

export interface TokenProcess {
  call(call: TokenCall): Promise<Uint8Array | null>
  close(): void
}

const MAX_PENDING = 1000

interface Pending {
  readonly kind: TokenCall['kind']
  resolve(value: Uint8Array | null): void
  reject(error: Error): void
}

/**
 * Keeps a process with the token's module in it: started when it is first needed, killed when one of its calls exceeds
 * the deadline. Then everything that waits is refused at once, and for a while nothing is tried.
 */
export function createTokenProcess({
  access,
  deadlineMs,
  program,
  pauseMs,
}: TokenProcessOptions): TokenProcess {
  const pending = new Map<number, Pending>()
  let child: ChildProcess | undefined
  let nextId = 1
  let pausedUntilMs = 0

  const giveUp = (dead: ChildProcess, error: KeyUnavailable): void => {
    if (child !== dead) return
    child = undefined
    pausedUntilMs = performance.now() + error.retryAfterMs
    // A module that hangs in a call hears nothing else.
    dead.kill('SIGKILL')
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }

  const start = (): ChildProcess => {
    const started = fork(program, [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child = started
    started.on('message', (answer: TokenAnswer) => {
      const waiting = pending.get(answer.id)
      pending.delete(answer.id)
      if (answer.ok) {
        waiting?.resolve(answer.value)
        return
      }
      const error = unavailable(`The PKCS#11 token failed: ${answer.message}`, pauseMs)
      waiting?.reject(error)
      // A token that was taken out or logged out never signs again on its old sessions.
      if (waiting?.kind === 'sign') giveUp(started, error)
    })
    started.on('error', () =>
      giveUp(started, unavailable('The process of the PKCS#11 token failed', pauseMs)),
    )
    started.on('exit', () => giveUp(started, unavailable('The process of the PKCS#11 token ended', pauseMs)))
    // The token must not keep the service alive.
    started.unref()
    started.channel?.unref()
    ask(started, { kind: 'connect', access }).catch((error: unknown) => {
      const reason =
        error instanceof KeyUnavailable ? error : unavailable('The PKCS#11 token failed', pauseMs)
      giveUp(started, reason)
    })
    return started
  }

  const ask = (process: ChildProcess, call: TokenCall): Promise<Uint8Array | null> => {
    const id = nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        giveUp(process, unavailable(`The key store did not answer within ${deadlineMs} ms`, pauseMs))
      }, deadlineMs)
      const settled = <T>(settle: (value: T) => void): ((value: T) => void) => {
        return (value) => {
          clearTimeout(timer)
          settle(value)
        }
      }
      pending.set(id, { kind: call.kind, resolve: settled(resolve), reject: settled(reject) })
      process.send({ id, call } satisfies TokenRequest, (error) => {
        if (error) giveUp(process, unavailable('The process of the PKCS#11 token is gone', pauseMs))
      })
    })
  }

  return {
    call: async (call) => {
      const leftMs = pausedUntilMs - performance.now()
      if (child === undefined && leftMs > 0)
        throw unavailable('The key store does not answer; what needs it has to wait', leftMs)
      if (pending.size >= MAX_PENDING) throw unavailable('Too many calls wait for the key store', pauseMs)
      return ask(child ?? start(), call)
    },
    close: () => {
      if (child) giveUp(child, unavailable('The key store was closed', 0))
    },
  }
}

const unavailable = (message: string, retryAfterMs: number): KeyUnavailable =>
  new KeyUnavailable(message, retryAfterMs)
