/** Serves the dashboard's files: the page at `/`, everything it loads beside it. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { ApiProblem } from './problems.ts'

/** Scripts, styles and connections of this host only; nothing inline, nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
}

const YEAR_S = 31_536_000

/** Beside the compiled files; from the sources, what the last build left. */
function builtDashboard(): string | undefined {
  return ['../../web/', '../../dist/web/']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((folder) => existsSync(`${folder}index.html`) && existsSync(`${folder}assets`))
}

export interface DashboardOptions {
  /** The folder with `index.html`; undefined where the dashboard was not built. */
  readonly folder?: string | undefined
}

export async function registerDashboard(app: FastifyInstance, options?: DashboardOptions): Promise<void> {
  const folder = options === undefined ? builtDashboard() : options.folder
  if (folder === undefined) {
    app.get('/', async () => {
      throw new ApiProblem(
        'route.unknown',
        'The dashboard was not built: run `npm run build`, then start again.',
      )
    })
    return
  }
  await app.register(async (pages) => {
    // After the hook of the API, whose answers are never kept by browsers: these files carry a hash in their names.
    pages.addHook('onSend', async (request, reply) => {
      const hashed = reply.statusCode === 200 && request.url.startsWith('/assets/')
      reply.headers({
        ...HEADERS,
        'cache-control': hashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache',
      })
    })
    await pages.register(fastifyStatic, {
      root: folder,
      prefix: '/',
      wildcard: false,
      preCompressed: true,
      cacheControl: false,
      dotfiles: 'deny',
      // The compressed twins are chosen by the header of the request, not by name.
      globIgnore: ['**/*.br', '**/*.gz'],
    })
  })
}
