/** Makes tampering with the audit trail visible: signed checkpoints over its hash chain, and their verification. */

import { createHash, createPublicKey, verify } from 'node:crypto'
import type { Logger } from 'pino'
import { type KeyStore, openOrCreate } from '../keys/ports.ts'
import type { AuditCheckpoint, AuditStore } from '../store/access.ts'
import type { AuditHead } from './audit-head.ts'
import type { Clock } from './clock.ts'

const KEY_NAME = 'audit/checkpoints/1'
const PAGE = 1000
const BEFORE_FIRST = '0'.repeat(64)
/** More problems than these say nothing new. */
const MAX_PROBLEMS = 100

export interface AuditTrailOptions {
  readonly store: { readonly audit: AuditStore }
  readonly keys: KeyStore
  readonly clock: Clock
}

/** Signs everything up to the last entry into the database; nothing where that has been signed already. */
export async function signCheckpoint(options: AuditTrailOptions): Promise<void> {
  const { audit } = options.store
  const last = await audit.lastLink()
  if (!last || (await audit.checkpoints(last.id - 1, 1)).length > 0) return
  await audit.putCheckpoint(await signed(options, last))
}

async function signed(
  { keys, clock }: AuditTrailOptions,
  last: { readonly id: number; readonly hash: string },
): Promise<AuditCheckpoint> {
  const signer = await openOrCreate(keys, KEY_NAME, 'P-256')
  const unsigned = { lastId: last.id, hash: last.hash, at: new Date(clock.now()).toISOString() }
  const signature = await signer.sign(signedText(unsigned))
  return {
    ...unsigned,
    key: Buffer.from(signer.publicKeySpki).toString('base64'),
    signature: Buffer.from(signature).toString('base64'),
  }
}

function signedText({ lastId, hash, at }: Pick<AuditCheckpoint, 'lastId' | 'hash' | 'at'>): Buffer {
  return Buffer.from(`gridkeep-audit-checkpoint\n${lastId}\n${hash}\n${at}`)
}

export interface Checkpointing extends AuditTrailOptions {
  readonly head: AuditHead
  readonly log: Logger
  /** Between checkpoints in the database. */
  readonly intervalMs: number
  /** Between looks at the end of the trail: what a crash leaves unsigned is no older. */
  readonly headIntervalMs: number
}

/** Signs at the start, at intervals and at the end; the end of the trail outside of the database, and more often. */
export async function keepCheckpoints(options: Checkpointing): Promise<{ stop(): Promise<void> }> {
  const { head, log, store, intervalMs, headIntervalMs } = options
  let shown = await noteCut(options)
  const showHead = async (): Promise<void> => {
    const last = await store.audit.lastLink()
    if (!last || last.id === shown) return
    await head.write(await signed(options, last))
    shown = last.id
  }
  let running = Promise.resolve()
  /** One after the other, so that an older head never replaces a newer one. */
  const queue = (work: () => Promise<void>): Promise<void> => {
    running = running.then(work).catch((error: unknown) => {
      log.error({ err: error }, 'The audit trail could not be signed; it is tried again')
    })
    return running
  }
  const sign = (): Promise<void> => queue(() => signCheckpoint(options))
  const timers = [
    setInterval(() => void sign(), intervalMs),
    setInterval(() => void queue(showHead), headIntervalMs),
  ]
  for (const timer of timers) timer.unref()
  void sign()
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await sign()
      await queue(showHead)
    },
  }
}

/** A trail that ends before what was signed stays noticed: the next head would hide that. Answers the last entry signed. */
async function noteCut({ head, store, clock, log }: Checkpointing): Promise<number | undefined> {
  const known = await head.read()
  if (!known || (await isInTrail(store.audit, known))) return known?.lastId
  const { lastId, hash, at } = known
  log.error({ lastId, hash, at }, 'The audit trail does not hold the last entry that was signed')
  await store.audit.append({
    at: new Date(clock.now()).toISOString(),
    actor: 'system',
    action: 'audit.cut',
    subject: 'audit',
    detail: { signedEntry: lastId, signedHash: hash, signedAt: at },
  })
  return undefined
}

const isInTrail = async (audit: AuditStore, { lastId, hash }: AuditCheckpoint): Promise<boolean> =>
  (await audit.links(lastId - 1, 1)).some((link) => link.id === lastId && link.hash === hash)

export interface AuditVerdict {
  readonly ok: boolean
  readonly entries: number
  readonly checkpoints: number
  /** SHA-256 of the key that signed, in hex: compare it with the one noted at the first start. */
  readonly keyFingerprints: readonly string[]
  /** The last entry that a checkpoint covers; what is after it could have been cut off unnoticed. */
  readonly signedUpTo: number
  readonly problems: readonly string[]
}

/**
 * Recomputes the chain and checks every checkpoint, and the head where there is one. Finds changed, removed, inserted and reordered entries, and a
 * trail that was cut or rewritten before the last thing signed. Who can also use the signing key is found by
 * `expected.key` only if another key was used.
 */
export async function verifyAudit(
  store: { readonly audit: AuditStore },
  expected: { readonly key?: string | undefined; readonly head?: AuditCheckpoint | undefined } = {},
): Promise<AuditVerdict> {
  const problems: string[] = []
  const note = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem)
  }
  const inDatabase = await readCheckpoints(store)
  const { head } = expected
  const checkpoints =
    head === undefined ? inDatabase : [...inDatabase, head].sort((a, b) => a.lastId - b.lastId)
  const byId = new Map(checkpoints.map((one) => [one.lastId, one]))
  let before = BEFORE_FIRST
  let last = 0
  for (;;) {
    const links = await store.audit.links(last, PAGE)
    for (const { id, text, hash } of links) {
      if (id !== last + 1) note(`entries ${last + 1} to ${id - 1} are missing`)
      const computed = createHash('sha256').update(`${before}\n${text}`).digest('hex')
      if (computed !== hash) note(`entry ${id} was changed, or the one before it`)
      const checkpoint = byId.get(id)
      if (checkpoint && checkpoint.hash !== hash)
        note(`entry ${id} is not what the checkpoint of ${checkpoint.at} signed`)
      before = hash
      last = id
    }
    if (links.length < PAGE) break
  }
  const signedUpTo = checkpoints.at(-1)?.lastId ?? 0
  if (signedUpTo > last)
    note(`the trail was cut: entries up to ${signedUpTo} were signed, ${last} is the last`)
  for (const checkpoint of checkpoints)
    if (!isSigned(checkpoint)) note(`the checkpoint at entry ${checkpoint.lastId} has a wrong signature`)
  const keyFingerprints = [...new Set(checkpoints.map(({ key }) => fingerprintOf(key)))]
  if (keyFingerprints.length > 1) note('checkpoints were signed by more than one key')
  const key = expected.key?.toLowerCase()
  if (key !== undefined && keyFingerprints.some((one) => one !== key))
    note(`checkpoints were signed by another key than ${key}`)
  return {
    ok: problems.length === 0,
    entries: last,
    checkpoints: inDatabase.length,
    keyFingerprints,
    signedUpTo,
    problems,
  }
}

async function readCheckpoints({
  audit,
}: {
  readonly audit: AuditStore
}): Promise<readonly AuditCheckpoint[]> {
  const all: AuditCheckpoint[] = []
  for (;;) {
    const page = await audit.checkpoints(all.at(-1)?.lastId ?? 0, PAGE)
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

function isSigned(checkpoint: AuditCheckpoint): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(checkpoint.key, 'base64'), format: 'der', type: 'spki' })
    return verify('sha256', signedText(checkpoint), key, Buffer.from(checkpoint.signature, 'base64'))
  } catch {
    return false
  }
}

function fingerprintOf(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex')
}
