/** `npm run bench [-- NAME...]`: every script of this folder that exports `run`, or those whose name contains NAME. */

import { readdirSync } from 'node:fs'

const here = new URL('.', import.meta.url)
const wanted = process.argv.slice(2)
const names = readdirSync(here)
  .filter((file) => file.endsWith('.js') && file !== 'main.js')
  .map((file) => file.slice(0, -'.js'.length))
  // Fuzzers run for as long as they are told to: only by name.
  .filter((name) =>
    wanted.length === 0 ? !name.startsWith('fuzz') : wanted.some((part) => name.includes(part)),
  )

for (const name of names) {
  const script: { run?: (print: (line: string) => void) => Promise<void> } = await import(
    new URL(`${name}.js`, here).href
  )
  if (!script.run) continue
  process.stdout.write(`\n# ${name}\n`)
  await script.run((line) => process.stdout.write(`${line}\n`))
}
