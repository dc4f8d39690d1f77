import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './harness.ts'

const campaign = { id: 'c-1', name: 'CSMS root', kind: 'roots', phase: 'work', waves: 2, detail: null }

/** Answers as the service would, one report after the other. */
function report(state: string, wave: number, counts: Record<string, number>): object {
  return { campaign: { ...campaign, state, wave }, counts, rest: [] }
}

describe('gridkeep campaign follow', () => {
  let server: Server
  let url: string
  let answers: object[] = []
  beforeAll(async () => {
    server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answers.length > 1 ? answers.shift() : answers[0]))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  })
  afterAll(() => server.close())
  const follow = (json = '') =>
    run(`campaign follow c-1 --every 10ms --url ${url} ${json}`, { env: { GRIDKEEP_API_KEY: 'gk_x' } })

  test('tells each change once, and ends with 0 when the campaign is finished', async () => {
    answers = [
      report('running', 0, { done: 0, pending: 3, excluded: 1 }),
      report('running', 0, { done: 0, pending: 3, excluded: 1 }),
      report('running', 1, { done: 1, running: 2, excluded: 1 }),
      report('finished', 1, { done: 3, excluded: 1 }),
    ]
    const { code, out, err } = await follow()
    expect(err.trim().split('\n')).toEqual([
      'running, work, wave 1 of 2: 0 of 3 done, 3 pending',
      'running, work, wave 2 of 2: 1 of 3 done, 2 running',
      'finished, work, wave 2 of 2: 3 of 3 done',
    ])
    expect(out).toBe('CSMS root is finished.\n')
    expect(code).toBe(0)
  })

  test('ends with 1 when the campaign halts, with the report as JSON where it is asked for', async () => {
    answers = [report('running', 0, { pending: 1 }), report('halted', 0, { failed: 1 })]
    const { code, out } = await follow('--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ campaign: { state: 'halted' }, counts: { failed: 1 } })
  })
})
