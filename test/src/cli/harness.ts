import type { CliIo } from '../../../src/cli/io.ts'
import type { DemoOptions, Parts, SimulateOptions } from '../../../src/cli/parts.ts'
import { runCli } from '../../../src/cli.ts'
import type { Config } from '../../../src/config.ts'
import type { Store } from '../../../src/store/ports.ts'

export interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface TestParts extends Parts {
  readonly started: { config?: Config; demo?: DemoOptions; simulate?: SimulateOptions }
}

export function createParts(
  options: { store?: () => Store; demo?: 0 | 1; serve?: () => Promise<void> } = {},
): TestParts {
  const started: TestParts['started'] = {}
  return {
    started,
    async runServe(config) {
      started.config = config
      await options.serve?.()
    },
    async runDemo(demo) {
      started.demo = demo
      return options.demo ?? 0
    },
    async runSimulate(simulate) {
      started.simulate = simulate
      return 0
    },
    async openStore(config) {
      started.config = config
      if (!options.store) throw new Error('this test has no store')
      return options.store()
    },
  }
}

/** One command line, as the shell would run it, in this process. */
export async function run(
  line: string | readonly string[],
  options: { env?: Record<string, string>; parts?: Parts; stdin?: string } = {},
): Promise<Run> {
  let out = ''
  let err = ''
  const io: CliIo = {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: options.env ?? {},
    interactive: false,
    signal: new AbortController().signal,
    readStdin: async () => options.stdin ?? '',
  }
  const args = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
  const code = await runCli(args, io, options.parts ?? createParts())
  return { code, out, err }
}
