import assert from 'node:assert/strict'
import crypto, { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import * as contract from '../../pki/contract/index.ts'
import * as exi from '../../pki/exi/index.ts'
import * as pki from '../../pki/index.ts'
import { encodeCsr } from '../bench/csr-maker.ts'

const readme = readFileSync(new URL('../../pki/README.md', import.meta.url), 'utf8')
const code = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '').join('\n')

/** The examples as one function body: imports become destructuring of what is passed in. */
function asBody(source: string): string {
  return source
    .replace(/^import assert from 'node:assert\/strict'$/m, '')
    .replace(/^import \{([^}]*)\} from 'node:crypto'$/gm, 'const {$1} = crypto')
    .replace(/^import \{([^}]*)\} from 'gridkeep\/pki'$/gm, 'const {$1} = pki')
}

it('runs every example of the README, in order', async () => {
  expect(code).not.toBe('')
  const AsyncFunction: FunctionConstructor = Object.getPrototypeOf(async () => undefined).constructor
  const run = new AsyncFunction('assert', 'crypto', 'pki', 'exampleCsr', asBody(code))
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  await run(assert, crypto, pki, encodeCsr(key, { commonName: 'DE*EXA*E1', organization: 'Example' }))
})

it('has an example for every public function and class of this folder', () => {
  const calls = code.replace(/^import .*$/gm, '')
  // Messages and contracts have folders, and READMEs, of their own.
  const elsewhere = new Set(Object.keys({ ...exi, ...contract }))
  const isShown = (name: string): boolean => new RegExp(`\\b${name}[(.]|instanceof ${name}\\b`).test(calls)
  const callable = Object.entries(pki).filter(
    ([name, value]) => typeof value === 'function' && !elsewhere.has(name),
  )
  expect(callable.length).toBeGreaterThan(60)
  expect(callable.map(([name]) => name).filter((name) => !isShown(name))).toEqual([])
})

it('names every file of the folder', () => {
  const files = readdirSync(new URL('../../pki/', import.meta.url)).filter(
    (name) => name.endsWith('.ts') && name !== 'index.ts',
  )
  expect(files.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
})
