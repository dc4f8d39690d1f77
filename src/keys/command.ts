import { spawn } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { defaultAlgorithm, PkiError, PublicKey, type Signer } from '../../pki/index.ts'
import { createGate } from './gate.ts'
import { type KeyKind, type KeyStore, KeyUnavailable } from './ports.ts'

export interface CommandKeysOptions {
  /** Program and its first arguments; `public-key NAME`, `create NAME KIND` or `sign NAME ALGORITHM` follow. */
  readonly command: readonly string[]
  readonly deadlineMs: number
}

const MAX_OUTPUT_BYTES = 16 * 1024
const MAX_IN_FLIGHT = 4
const RETRY_MS = 10_000
/** What `public-key` ends with where there is no key of that name. */
const NO_SUCH_KEY = 3

/** Keys behind a program of the operator: it gets the octets to sign on its standard input and prints the signature. */
export function openCommandKeys({ command, deadlineMs }: CommandKeysOptions): KeyStore {
  const gate = createGate({ deadlineMs, maxInFlight: MAX_IN_FLIGHT })
  const [program, ...first] = command
  if (program === undefined)
    throw new PkiError('argument-invalid', 'pki.authorityKeys.command is empty: name the program that signs')
  const call = (args: readonly string[], input?: Uint8Array) =>
    gate.run(() => run(program, [...first, ...args], deadlineMs, input))

  async function signerOf(name: string, spkiPem: Buffer): Promise<Signer> {
    const publicKey = readPublicKey(spkiPem)
    const algorithm = defaultAlgorithm(publicKey)
    return {
      algorithm,
      publicKeySpki: publicKey.spki,
      sign: async (data) => {
        const { code, output } = await call(['sign', name, algorithm.name], data)
        if (code !== 0) throw failed(`sign ${name}`, code)
        return output
      },
    }
  }

  return {
    open: async (name) => {
      const { code, output } = await call(['public-key', name])
      if (code === NO_SUCH_KEY) return undefined
      if (code !== 0) throw failed(`public-key ${name}`, code)
      return signerOf(name, output)
    },
    create: async (name: string, kind: KeyKind) => {
      const { code, output } = await call(['create', name, kind])
      if (code !== 0) throw failed(`create ${name}`, code)
      return signerOf(name, output)
    },
    adopt: async (name) => {
      throw new PkiError('argument-invalid', `Give the key ${name} to the external signer yourself`)
    },
    exportForTls: async () => undefined,
  }
}

function failed(what: string, code: number): KeyUnavailable {
  return new KeyUnavailable(`The external signer ended with ${code} at "${what}"; see its own log`, RETRY_MS)
}

function readPublicKey(pem: Buffer): PublicKey {
  try {
    return PublicKey.fromKeyObject(createPublicKey({ key: pem, format: 'pem' }))
  } catch (cause) {
    throw new KeyUnavailable('The external signer printed no public key in PEM', RETRY_MS, { cause })
  }
}

/** Its standard error goes to ours: nothing of it is kept. One that is late is killed, so that the gate opens again. */
function run(
  program: string,
  args: readonly string[],
  deadlineMs: number,
  input: Uint8Array | undefined,
): Promise<{ readonly code: number; readonly output: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    })
    const chunks: Buffer[] = []
    let size = 0
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk)
      else child.kill('SIGKILL')
    })
    child.on('error', (cause) =>
      reject(new KeyUnavailable(`The external signer ${program} cannot be started`, RETRY_MS, { cause })),
    )
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks) }))
    // A program that does not read its input closes it: the exit code says what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
