import { spawn } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from '../../pki/index.ts'

const START_MS = 5000

export interface OpensslOcsp {
  readonly port: number
  close(): void
}

/** `openssl ocsp` as a server that calls every one of `issued` good: the peer that our responder is held against. */
export async function startOpensslOcsp(options: {
  readonly issuer: Certificate
  readonly responder: Certificate
  readonly key: KeyObject
  readonly issued: readonly Certificate[]
}): Promise<OpensslOcsp> {
  const folder = mkdtempSync(join(tmpdir(), 'gridkeep-openssl-'))
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const index = options.issued.map(
    ({ serialHex }, n) => `V\t351231235959Z\t\t${evenHex(serialHex)}\tunknown\t/CN=${n}\n`,
  )
  const child = spawn(
    'openssl',
    [
      ...['ocsp', '-port', '0', '-ndays', '1'],
      ...['-index', write('index.txt', index.join(''))],
      ...['-CA', write('ca.pem', options.issuer.toPem())],
      ...['-rsigner', write('responder.pem', options.responder.toPem())],
      ...['-rkey', write('key.pem', options.key.export({ type: 'pkcs8', format: 'pem' }).toString())],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const close = (): void => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { port: await portOf(child.stdout, child.stderr), close }
  } catch (error) {
    close()
    throw error
  }
}

const evenHex = (hex: string): string => (hex.length % 2 === 0 ? hex : `0${hex}`).toUpperCase()

function portOf(...outputs: readonly NodeJS.ReadableStream[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`openssl ocsp did not start: ${text}`)), START_MS)
    let text = ''
    for (const output of outputs)
      output.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const port = /ACCEPT \S+:(\d+)/.exec(text)?.[1]
        if (port === undefined) return
        clearTimeout(timer)
        resolve(Number(port))
      })
  })
}
