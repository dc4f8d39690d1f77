import { serialFrom } from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { ContractStore } from '../../store/contracts.ts'

export interface SerialPoolOptions {
  readonly store: { readonly contracts: Pick<ContractStore, 'reserveSerials' | 'releaseSerials'> }
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

const SERIAL_BYTES = 16
const SMALLEST = 16
const LARGEST = 256
/** Batches follow each other this closely only under load: the next one is twice as large. */
const BUSY_MS = 1_000
/** Well before the numbers count as abandoned (an hour). */
const KEPT_MS = 20 * 60_000

interface Serial {
  readonly octets: Uint8Array
  readonly reservedAtMs: number
}

interface Line {
  /** Oldest last. */
  ready: Serial[]
  size: number
  filledAtMs: number
  filling: Promise<void> | undefined
}

/**
 * Serial numbers that are on disk before a certificate is signed for them, like those of every other certificate; here
 * in batches ahead of need, because a car would wait for a second commit. What is left over is given back at the end;
 * after a crash it is in the audit trail as abandoned.
 */
export class SerialPool {
  readonly #options: SerialPoolOptions
  readonly #lines = new Map<string, Line>()

  constructor(options: SerialPoolOptions) {
    this.#options = options
  }

  /** Octets for one certificate of this authority; waits for the disk only when a batch is used up. */
  async take(authorityId: string, profile: string): Promise<Uint8Array> {
    const line = this.#line(authorityId)
    for (;;) {
      const serial = line.ready.pop()
      if (serial && this.#options.clock.now() - serial.reservedAtMs > KEPT_MS) {
        await this.#release(authorityId, [serial, ...line.ready.splice(0)])
        continue
      }
      const isLow = line.ready.length < line.size / 2
      const filled = isLow ? this.#fill(authorityId, profile, line) : undefined
      if (serial) {
        // Ahead of need: whoever finds the batch empty hears of a failure.
        filled?.catch(() => undefined)
        return serial.octets
      }
      await filled
    }
  }

  async close(): Promise<void> {
    for (const [authorityId, line] of this.#lines) {
      await line.filling?.catch(() => undefined)
      await this.#release(authorityId, line.ready.splice(0))
    }
  }

  #line(authorityId: string): Line {
    const known = this.#lines.get(authorityId)
    if (known) return known
    const line: Line = {
      ready: [],
      size: SMALLEST,
      filledAtMs: Number.NEGATIVE_INFINITY,
      filling: undefined,
    }
    this.#lines.set(authorityId, line)
    return line
  }

  #fill(authorityId: string, profile: string, line: Line): Promise<void> {
    line.filling ??= this.#reserve(authorityId, profile, line).finally(() => {
      line.filling = undefined
    })
    return line.filling
  }

  async #reserve(authorityId: string, profile: string, line: Line): Promise<void> {
    const { store, clock, random } = this.#options
    const nowMs = clock.now()
    line.size = nowMs - line.filledAtMs < BUSY_MS ? Math.min(LARGEST, line.size * 2) : SMALLEST
    line.filledAtMs = nowMs
    const drawn = random(line.size * SERIAL_BYTES)
    const serials = Array.from({ length: line.size }, (_, index) => ({
      octets: serialFrom(drawn.subarray(index * SERIAL_BYTES, (index + 1) * SERIAL_BYTES)),
      reservedAtMs: nowMs,
    }))
    const serialNumbers = serials.map(toHex)
    const at = new Date(nowMs).toISOString()
    await store.contracts.reserveSerials({ authorityId, serialNumbers, profile, at })
    line.ready.unshift(...serials)
  }

  async #release(authorityId: string, serials: readonly Serial[]): Promise<void> {
    if (serials.length > 0)
      await this.#options.store.contracts.releaseSerials(authorityId, serials.map(toHex))
  }
}

/** The first octet of a serial number is never zero, so there are no zeros to strip. */
function toHex({ octets }: Serial): string {
  return Buffer.from(octets).toString('hex')
}
