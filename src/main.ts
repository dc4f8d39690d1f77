#!/usr/bin/env node
/** Ties the command line to this process. */

import { text } from 'node:stream/consumers'
import { runCli } from './cli.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time it is meant: whatever hangs is left behind.
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  })
}

// `gridkeep station list | head` closes the pipe early: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await runCli(
  process.argv.slice(2),
  {
    out: (chunk) => process.stdout.write(chunk),
    err: (chunk) => process.stderr.write(chunk),
    env: process.env,
    interactive: process.stderr.isTTY === true,
    signal: stop.signal,
    readStdin: () => text(process.stdin),
  },
  {
    runServe: async (config, io) => (await import('./serve.ts')).runServe(config, io),
    openStore: async (config) => (await import('./serve.ts')).openStore(config),
    runDemo: async (options, io) => (await import('./demo.ts')).runDemo(options, io),
    runSimulate: async (options, io) => (await import('./simulate.ts')).runSimulate(options, io),
  },
)
