// Writes docs/configuration.md from the schema of the configuration. Needs a build: npm run build.
import { writeFileSync } from 'node:fs'
import { configReference } from '../dist/src/cli/config-reference.js'

writeFileSync(new URL('../docs/configuration.md', import.meta.url), `${configReference()}\n`)
