import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerDashboard } from '../../src/http/dashboard.ts'

const PAGE = 'dist/web/index.html'
const LIMIT_BYTES = 100_000

describe('the files of the dashboard', () => {
  const app = Fastify()
  beforeAll(async () => {
    if (!existsSync(PAGE)) throw new Error('dist/web is missing: run `npm run build` first (npm test does)')
    await registerDashboard(app)
    await app.ready()
  })
  afterAll(() => app.close())

  const assets = (): string[] =>
    [...readFileSync(PAGE, 'utf8').matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(
      ([, path]) => `/${path}`,
    )

  test('the first page is under 100 kB gzipped', async () => {
    let bytes = gzipSync(readFileSync(PAGE)).length
    for (const url of assets()) {
      const { statusCode, rawPayload, headers } = await app.inject({
        url,
        headers: { 'accept-encoding': 'gzip' },
      })
      expect(statusCode, url).toBe(200)
      expect(headers['cache-control']).toContain('immutable')
      bytes += rawPayload.length
    }
    process.stdout.write(`first page of the dashboard: ${(bytes / 1000).toFixed(1)} kB gzipped\n`)
    expect(assets().length).toBeGreaterThanOrEqual(3)
    expect(bytes).toBeLessThan(LIMIT_BYTES)
  })

  test('the page allows scripts and styles of its own files only, and no frame around it', async () => {
    const { headers, body } = await app.inject('/')
    expect(headers['content-security-policy']).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'",
    )
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers['cache-control']).toBe('no-cache')
    expect(body).not.toMatch(/https?:\/\/|<script>|style=/)
  })

  test('nothing outside its folder is served', async () => {
    for (const url of ['/../package.json', '/..%2fpackage.json', '/assets/../../openapi.yaml', '/.env'])
      expect((await app.inject(url)).statusCode, url).toBe(404)
  })

  test('without a build the answer says what to do', async () => {
    const bare = Fastify()
    await registerDashboard(bare, { folder: undefined })
    const { statusCode, body } = await bare.inject('/')
    expect(statusCode).toBeGreaterThanOrEqual(400)
    expect(body).toContain('npm run build')
    await bare.close()
  })
})
