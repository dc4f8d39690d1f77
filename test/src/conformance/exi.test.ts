import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runExi } from '../../../src/conformance/exi.ts'

const FIXTURE = fileURLToPath(new URL('../../fixtures/exi-pnc.json', import.meta.url))

async function runFile(file: string) {
  const lines: Record<string, unknown>[] = []
  const ok = await runExi(file, (line) => lines.push(JSON.parse(line)))
  return { ok, lines, last: lines.at(-1) }
}

async function runWith(change: (file: { vectors: Record<string, unknown>[]; e2e: unknown[] }) => void) {
  const file = JSON.parse(await readFile(FIXTURE, 'utf8'))
  change(file)
  const folder = await mkdtemp(join(tmpdir(), 'exi-'))
  try {
    const path = join(folder, 'vectors.json')
    await writeFile(path, JSON.stringify(file))
    return await runFile(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe('the EXI conformance run', () => {
  it('passes every reference stream in both directions and every end-to-end case', async () => {
    const { ok, lines, last } = await runFile(FIXTURE)
    expect(lines.filter((line) => line.pass === false)).toEqual([])
    expect(ok).toBe(true)
    expect(last).toEqual({ vectors: 48, cases: 3, passed: 99, failed: 0, contestedFailed: 0 })
  })

  it('gives the answer of every accepted case, and the response code the hint asks for', async () => {
    const { lines } = await runFile(FIXTURE)
    const cases = lines.filter((line) => line.direction === 'end-to-end')
    expect(cases.map((line) => [line.name, line.responseCode, typeof line.exiResponse])).toEqual([
      ['e2e2-install-1', 'OK', 'string'],
      ['e2e2-neg-tampered-body', 'FAILED_SignatureError', 'string'],
      ['e2e20-install-p521-1', 'OK', 'string'],
    ])
  })

  it('fails on a wrong byte, and only reports it when the vector is contested', async () => {
    const spoil = (contested: boolean) =>
      runWith(({ vectors, e2e }) => {
        e2e.length = 0
        vectors.length = 1
        const [first] = vectors
        if (first !== undefined)
          Object.assign(first, { contested, exi_hex: String(first.exi_hex).replace('8098', '8099') })
      })
    const plain = await spoil(false)
    expect(plain).toMatchObject({ ok: false, last: { failed: 2 } })
    expect(await spoil(true)).toMatchObject({ ok: true, last: { failed: 0, contestedFailed: 2 } })
  })
})
