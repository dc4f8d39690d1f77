// Copies the files that the compiler does not: the API contract is read at run time.
import { cpSync } from 'node:fs'

cpSync('openapi.yaml', 'dist/openapi.yaml')
