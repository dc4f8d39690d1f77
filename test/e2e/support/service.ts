import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'

/** From the root of the repository, where npm runs tests and scripts; both may run this file from different depths. */
const main = resolvePath('dist/src/main.js')

export interface RunningService {
  readonly process: ChildProcess
  readonly apiUrl: string
  readonly wsUrl: string
  /** Only of a first start. */
  readonly adminKey: string | undefined
  kill(signal: NodeJS.Signals): Promise<void>
}

/** `gridkeep serve` as a process of its own, as an operator runs it: what is killed here is really gone. */
export async function spawnService(
  dataDir: string,
  flags: Readonly<Record<string, string>> = {},
): Promise<RunningService> {
  if (!existsSync(main)) throw new Error('dist/ is missing: run `npm run build` first (npm test does)')
  const settings = {
    dataDir,
    'http.port': '0',
    'pkiHttp.port': '0',
    'ocpp.ws.enabled': 'true',
    'ocpp.ws.port': '0',
    'ocpp.wss.enabled': 'false',
    'log.level': 'error',
    ...flags,
  }
  const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const child = spawn(process.execPath, [main, 'serve', ...set], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const text = await started(child)
  const find = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1]
  return {
    process: child,
    apiUrl: find(/API +(\S+)/) ?? '',
    wsUrl: find(/stations +(ws:\/\/[^/\s]+)/) ?? '',
    adminKey: find(/(gk_\S+)/),
    kill: async (signal) => {
      child.kill(signal)
      await ended
    },
  }
}

function started(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = ''
    let err = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      // What a first start prints beside it comes before.
      if (/^ +PKI +\S+\n/m.test(out)) resolve(out)
    })
    child.once('exit', (code) => reject(new Error(`gridkeep serve ended with ${code}: ${err}${out}`)))
  })
}
