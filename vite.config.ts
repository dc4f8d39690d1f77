/** Builds the dashboard (src/web) into dist/web, where src/http/dashboard.ts serves it from. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('src/web'),
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page forbids what is inlined: every asset is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  plugins: [callSchemas(), compressed()],
})

/** The schema of every call to a station as an asset, so that the form of a call is made from what the service checks. */
function callSchemas(): Plugin {
  return {
    name: 'gridkeep-call-schemas',
    generateBundle() {
      const path = here('node_modules/ocpp-rpc/lib/schemas/ocpp2_0_1.json')
      const schemas: readonly { $id: string }[] = JSON.parse(readFileSync(path, 'utf8'))
      for (const { $id, ...schema } of schemas) {
        const action = /^urn:(\w+)\.req$/.exec($id)?.[1]
        if (action === undefined) continue
        this.emitFile({
          type: 'asset',
          fileName: `schemas/${action}.json`,
          source: JSON.stringify(schema),
        })
      }
    },
  }
}

/** Compressed once here instead of at every request, from what was written: Vite still changes chunks before that. */
function compressed(): Plugin {
  return {
    name: 'gridkeep-compressed',
    writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css|html|svg|json)$/.test(name)) continue
        const path = join(dir, name)
        const bytes = readFileSync(path)
        writeFileSync(`${path}.br`, brotliCompressSync(bytes))
        writeFileSync(`${path}.gz`, gzipSync(bytes))
      }
    },
  }
}
