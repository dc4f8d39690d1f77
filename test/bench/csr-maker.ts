import type { KeyObject } from 'node:crypto'
import { createCsr, createSoftwareSigner, encodePem } from '../../pki/index.ts'
import type { SubjectFields } from '../../pki/name.ts'

/** A PKCS#10 request as a station would send it, for tests, benchmarks and fuzzing. */
export function encodeCsr(key: KeyObject, subject: SubjectFields): string {
  const csr = createCsr({ subject, signer: createSoftwareSigner(key) })
  if (csr instanceof Promise) throw new Error('software signers answer at once')
  return encodePem('CERTIFICATE REQUEST', csr)
}
