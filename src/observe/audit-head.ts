/** The newest signed checkpoint in a file of its own, so that the end of the trail cannot be cut off in the database alone. */

import { open, readFile, rename } from 'node:fs/promises'
import type { AuditCheckpoint } from '../store/access.ts'

/** Its name in the data folder. */
export const AUDIT_HEAD = 'audit-head.json'

export interface AuditHead {
  /** Undefined where none was written yet. What cannot be read is an exception. */
  read(): Promise<AuditCheckpoint | undefined>
  write(checkpoint: AuditCheckpoint): Promise<void>
}

export function fileAuditHead(path: string): AuditHead {
  return {
    read: async () => {
      try {
        return parse(await readFile(path, 'utf8'))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
        throw new Error(`${path} cannot be read: restore it, or remove it and note why`, { cause: error })
      }
    },
    write: async (checkpoint) => {
      const fresh = `${path}.new`
      const file = await open(fresh, 'w', 0o600)
      try {
        await file.writeFile(`${JSON.stringify(checkpoint)}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(fresh, path)
    },
  }
}

function parse(text: string): AuditCheckpoint {
  const value: unknown = JSON.parse(text)
  const fields = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const field = (name: string): string => {
    const found = fields.find(([key]) => key === name)?.[1]
    if (typeof found !== 'string') throw new Error(`it has no ${name}`)
    return found
  }
  const lastId = fields.find(([key]) => key === 'lastId')?.[1]
  if (!Number.isSafeInteger(lastId)) throw new Error('it has no lastId')
  return {
    lastId: Number(lastId),
    hash: field('hash'),
    at: field('at'),
    key: field('key'),
    signature: field('signature'),
  }
}
