/** Liveness and readiness: is the process alive, and may it be given work? */

export interface Probe {
  readonly name: string
  /** Throws (or rejects) where the thing cannot be used now. */
  check(): Promise<void>
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string | null }[]
}

export interface Health {
  readiness(): Promise<Readiness>
  /** From now on the service is not ready: load balancers should look elsewhere before it stops. */
  drain(): void
  readonly draining: boolean
}

export function createHealth(
  probes: readonly Probe[],
  options: { readonly deadlineMs?: number } = {},
): Health {
  const deadlineMs = options.deadlineMs ?? 2000
  let draining = false
  return {
    async readiness() {
      const checks = await Promise.all(probes.map((probe) => run(probe, deadlineMs)))
      const stopping = draining ? [{ name: 'running', ok: false, detail: 'the service is stopping' }] : []
      const all = [...stopping, ...checks]
      return { ready: all.every((check) => check.ok), checks: all }
    },
    drain() {
      draining = true
    },
    get draining() {
      return draining
    },
  }
}

async function run(probe: Probe, deadlineMs: number): Promise<Readiness['checks'][number]> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    await Promise.race([probe.check(), deadline])
    return { name: probe.name, ok: true, detail: null }
  } catch (error) {
    return { name: probe.name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}
