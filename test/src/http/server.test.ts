import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { BASE_PATH } from '../../../src/http/index.ts'
import { PROBLEM_CODES } from '../../../src/http/problems.ts'
import { createHealth } from '../../../src/observe/health.ts'
import { contract, createTestApi } from './harness.ts'

describe('probes and metrics', () => {
  test('need no key and live outside of the base path', async () => {
    const api = await createTestApi()
    const get = (url: string) => api.app.inject({ url })
    expect((await get('/healthz')).json()).toEqual({ status: 'alive' })
    expect((await get('/readyz')).json()).toMatchObject({
      ready: true,
      checks: [{ name: 'store', ok: true }],
    })
    expect((await get('/metrics')).body).toBe('# none\n')
    expect((await get(`${BASE_PATH}/healthz`)).statusCode).toBe(404)
    await api.close()
  })

  test('say not ready while something fails or the service is stopping, and stay alive', async () => {
    let broken = true
    const health = createHealth([
      {
        name: 'keys',
        check: async () => {
          if (broken) throw new Error('the passphrase is wrong')
        },
      },
    ])
    const api = await createTestApi({ health })
    const ready = () => api.app.inject({ url: '/readyz' })
    expect(await ready()).toMatchObject({ statusCode: 503 })
    expect((await ready()).json().checks).toEqual([
      { name: 'keys', ok: false, detail: 'the passphrase is wrong' },
    ])
    broken = false
    expect((await ready()).statusCode).toBe(200)
    health.drain()
    expect((await ready()).statusCode).toBe(503)
    expect((await api.app.inject({ url: '/healthz' })).statusCode).toBe(200)
    await api.close()
  })
})

describe('the listener', () => {
  test('says the address it took, and tells browsers and caches to keep their hands off', async () => {
    const api = await createTestApi()
    const url = await api.listen()
    const response = await fetch(`${url}/api/v1/self`, {
      headers: { authorization: `Bearer ${api.keys.viewer}` },
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    await response.text()
    await api.close()
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })
})

describe('the listener with TLS', () => {
  test('speaks HTTPS, and marks its cookie as secure', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gridkeep-https-'))
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    const line = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout ${key} -out ${cert}`
    execFileSync('openssl', line.split(' '), { stdio: 'ignore' })
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
    rmSync(dir, { recursive: true })
    const api = await createTestApi({ tls })
    const url = await api.listen()
    expect(url).toMatch(/^https:/)
    const headers = { authorization: `Bearer ${api.keys.viewer}` }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: 'POST', ca: tls.cert, servername: 'localhost', headers }
      httpsRequest(`${url}/api/v1/sign-in`, options, resolve).on('error', reject).end()
    })
    expect(answer.statusCode).toBe(204)
    expect(String(answer.headers['set-cookie'])).toContain('; Secure')
    answer.destroy()
    await api.close()
  })
})

describe('stopping', () => {
  test('finishes a request that is being handled, and waits for nobody who only keeps a connection open', async () => {
    const api = await createTestApi()
    const { hostname, port } = new URL(await api.listen())
    const silent = connect(Number(port), hostname)
    await once(silent, 'connect')
    let release = () => {}
    api.bus.answering = new Promise((resolve) => {
      release = resolve
    })
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
    await api.request('PUT', '/api/v1/stations/CS-1', { body: { securityProfile: 3 } })
    const answer = fetch(`http://${hostname}:${port}/api/v1/stations/CS-1/calls/ClearCache`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/json' },
    })
    await vi.waitFor(() => expect(api.bus.calls).toHaveLength(1))
    const closed = api.close()
    release()
    expect(await (await answer).json()).toEqual({ status: 'Accepted' })
    await closed
    silent.destroy()
  }, 4000)
})

describe('the documentation of the API', () => {
  const readme = readFileSync(new URL('../../../src/http/README.md', import.meta.url), 'utf8')

  test('names every problem code with its status', () => {
    for (const { code, status } of PROBLEM_CODES)
      expect(readme).toMatch(new RegExp(`\\| \`${code}\` +\\| ${status} +\\|`))
  })

  test('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
    expect(contract.document.info.version).toBe(version)
  })
})
