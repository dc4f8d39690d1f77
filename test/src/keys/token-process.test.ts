import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createTokenProcess, type TokenProcess } from '../../../src/keys/token-process.ts'

/** A module of the worst kind: which call hangs, fails or ends the process is in the name of the key. */
const PROGRAM = `
const perform = ({ kind, name }) => {
  if (kind === 'connect') return null
  if (name === 'hang') for (;;);
  if (name === 'crash') process.abort()
  if (name === 'fail') throw new Error('CKR_DEVICE_ERROR\\nwith the PIN in the second line')
  return Buffer.from(String(process.pid))
}
process.on('message', ({ id, call }) => {
  try { process.send({ id, ok: true, value: perform(call) }) }
  catch (error) { process.send({ id, ok: false, message: error.message.split('\\n')[0] }) }
})
process.on('disconnect', () => process.exit(0))
`

describe('the process of a token', () => {
  let folder: string
  let token: TokenProcess
  const start = (deadlineMs: number, pauseMs: number): TokenProcess => {
    const access = { library: 'x.so', tokenLabel: 'x', pin: '1234' }
    token = createTokenProcess({
      access,
      deadlineMs,
      pauseMs,
      program: pathToFileURL(join(folder, 'program.mjs')),
    })
    return token
  }
  const sign = (name: string) => token.call({ kind: 'sign', name, input: new Uint8Array(32) })
  const unavailable = { code: 'key-unavailable' }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gridkeep-token-'))
    writeFileSync(join(folder, 'program.mjs'), PROGRAM)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  afterEach(() => token.close())

  test('that hangs is killed at the deadline, never holds the event loop, and is not tried again at once', async () => {
    start(1500, 60_000)
    await sign('a')
    let turns = 0
    const ticking = setInterval(() => turns++, 5)
    const waiting = [sign('hang'), sign('a'), token.call({ kind: 'find', name: 'a' })]
    const outcomes = await Promise.allSettled(waiting)
    clearInterval(ticking)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(turns).toBeGreaterThan(20)
    const startMs = performance.now()
    await expect(sign('a')).rejects.toMatchObject(unavailable)
    expect(performance.now() - startMs).toBeLessThan(100)
  })

  test('that crashes or fails to sign is started anew after the pause', async () => {
    start(10_000, 1)
    const first = await sign('a')
    for (const trouble of ['crash', 'fail']) {
      await expect(sign(trouble)).rejects.toMatchObject(unavailable)
      await expect.poll(() => sign('a').catch(() => first), { timeout: 10_000 }).not.toEqual(first)
    }
  })

  test('says what failed, and not more', async () => {
    start(10_000, 1)
    const failure = await sign('fail').catch((error: unknown) => error)
    expect(String(failure)).toContain('CKR_DEVICE_ERROR')
    expect(String(failure)).not.toContain('PIN in the second')
  })

  test('that cannot be started is unavailable', async () => {
    token = createTokenProcess({
      access: { library: 'x.so', tokenLabel: 'x', pin: '1234' },
      deadlineMs: 10_000,
      pauseMs: 60_000,
      program: pathToFileURL(join(folder, 'absent.mjs')),
    })
    await expect(sign('a')).rejects.toMatchObject(unavailable)
    await expect(sign('a')).rejects.toMatchObject(unavailable)
  })
})
