/** Makes tampering with the audit trail visible: signed checkpoints over its hash chain, and their verification. */

import { createHash, createPublicKey, verify } from 'node:crypto'
import type { Logger } from 'pino'
import { type KeyStore, openOrCreate } from '../keys/ports.ts'
import type { AuditCheckpoint, AuditStore } from '../store/access.ts'
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

/** Signs everything up to the last entry; nothing where that has been signed already. */
export async function signCheckpoint({ store, keys, clock }: AuditTrailOptions): Promise<void> {
  const last = await store.audit.lastLink()
  if (!last || (await store.audit.checkpoints(last.id - 1, 1)).length > 0) return
  const signer = await openOrCreate(keys, KEY_NAME, 'P-256')
  const unsigned = { lastId: last.id, hash: last.hash, at: new Date(clock.now()).toISOString() }
  const signature = await signer.sign(signedText(unsigned))
  await store.audit.putCheckpoint({
    ...unsigned,
    key: Buffer.from(signer.publicKeySpki).toString('base64'),
    signature: Buffer.from(signature).toString('base64'),
  })
}

function signedText({ lastId, hash, at }: Pick<AuditCheckpoint, 'lastId' | 'hash' | 'at'>): Buffer {
  return Buffer.from(`gridkeep-audit-checkpoint\n${lastId}\n${hash}\n${at}`)
}

/** Signs at the start, at intervals and at the end. */
export function keepCheckpoints(
  options: AuditTrailOptions & { readonly log: Logger; readonly intervalMs: number },
): { stop(): Promise<void> } {
  const sign = (): Promise<void> =>
    signCheckpoint(options).catch((error: unknown) =>
      options.log.error({ err: error }, 'The audit trail could not be signed; it is tried again'),
    )
  const timer = setInterval(() => void sign(), options.intervalMs)
  timer.unref()
  void sign()
  return {
    async stop() {
      clearInterval(timer)
      await sign()
    },
  }
}

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
 * Recomputes the chain and checks every checkpoint. Finds changed, removed, inserted and reordered entries, and a
 * trail that was cut or rewritten before its last checkpoint. Who can also use the signing key is found by
 * `expectedKey` only if another key was used.
 */
export async function verifyAudit(
  store: { readonly audit: AuditStore },
  expectedKey?: string,
): Promise<AuditVerdict> {
  const problems: string[] = []
  const note = (problem: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem)
  }
  const checkpoints = await readCheckpoints(store)
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
  if (expectedKey !== undefined && keyFingerprints.some((one) => one !== expectedKey.toLowerCase()))
    note(`checkpoints were signed by another key than ${expectedKey}`)
  return {
    ok: problems.length === 0,
    entries: last,
    checkpoints: checkpoints.length,
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
