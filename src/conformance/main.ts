/** `npm run -s conformance -- SUITE FILE...`: runs reference suites against the cores, one JSON line per case. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { runComposite } from './composite.ts'
import { runExi } from './exi.ts'
import { runPaths } from './paths.ts'
import { runScenarios } from './scenarios.ts'

type Runner = (files: readonly string[], print: (line: string) => void) => Promise<boolean>

const one =
  (run: (file: string, print: (line: string) => void) => Promise<boolean>): Runner =>
  async (files, print) => {
    let passed = true
    for (const file of files) passed = (await run(file, print)) && passed
    return passed
  }

const suites: Readonly<Record<string, Runner>> = {
  paths: one(runPaths),
  exi: one(runExi),
  composite: one(runComposite),
  scenarios: (files, print) => runScenarios([...files], print),
}

/** npm runs scripts in the folder of the package: what does not exist from there is meant from where npm was called. */
function found(file: string): string {
  const calledFrom = process.env.INIT_CWD
  return existsSync(file) || calledFrom === undefined ? file : resolve(calledFrom, file)
}

const [suite = '', ...named] = process.argv.slice(2)
const files = named.map(found)
const runner = Object.hasOwn(suites, suite) ? suites[suite] : undefined
if (!runner || files.length === 0) {
  process.stderr.write(`Usage: npm run -s conformance -- ${Object.keys(suites).join('|')} FILE...\n`)
  process.exitCode = 2
} else {
  try {
    process.exitCode = (await runner(files, (line) => process.stdout.write(`${line}\n`))) ? 0 : 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
