import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sequence, smallInteger, TRUE } from '../../pki/der-write.ts'
import { extension } from '../../pki/extension-write.ts'
import { type Certificate, OID, validatePath } from '../../pki/index.ts'
import { MINT_AT_MS, type Minted, mint } from './mint.ts'

/** An arrow of a random graph of CAs: `from` signs a certificate for `to`. */
interface Arrow {
  readonly from: number
  readonly to: number
  readonly pathLength: number | undefined
  readonly isExpired: boolean
}

const NODES = 5
const DAY_MS = 86_400_000
/** One key per CA, so that certificates for the same CA are interchangeable, as cross-signed ones are. */
const keys = Array.from({ length: NODES }, (_, n) => mint({ name: `Node ${n}` }))
const caExtension = (pathLength: number | undefined): Uint8Array =>
  extension(
    OID.basicConstraints,
    true,
    sequence(TRUE, ...(pathLength === undefined ? [] : [smallInteger(pathLength)])),
  )

const keyOf = (n: number): Minted => {
  const found = keys[n]
  if (found === undefined) throw new Error('every node has a key')
  return found
}

function certify({ from, to, pathLength, isExpired }: Arrow): Certificate {
  return mint({
    name: `Node ${to}`,
    issuer: keyOf(from),
    signer: keyOf(to).signer,
    extensions: [caExtension(pathLength)],
    notAfterMs: isExpired ? MINT_AT_MS - DAY_MS : MINT_AT_MS + DAY_MS,
  }).certificate
}

/** Every path without a repeated CA, found without any of the rules: what the search must not miss. */
function allPaths(leaf: Certificate, pool: readonly Certificate[], anchor: Certificate): Certificate[][] {
  const found: Certificate[][] = []
  const walk = (path: readonly Certificate[]): void => {
    const last = path.at(-1) ?? leaf
    if (last.issuerText === anchor.subjectText) found.push([...path])
    for (const next of pool) {
      const isNew = path.every((seen) => seen.subjectText !== next.subjectText)
      if (isNew && last.issuerText === next.subjectText && next.subjectText !== anchor.subjectText)
        walk([...path, next])
    }
  }
  walk([leaf])
  return found
}

it('finds a path through cross-signed and circular CAs exactly when one of all paths holds', {
  timeout: 60_000,
}, () => {
  const anchor = mint({
    name: 'Node 0',
    signer: keyOf(0).signer,
    extensions: [caExtension(undefined)],
  }).certificate
  const node = fc.nat(NODES - 1)
  const arrow = fc.record<Arrow>({
    from: node,
    to: node,
    pathLength: fc.option(fc.nat(2), { nil: undefined, freq: 2 }),
    isExpired: fc.boolean(),
  })
  let [held, failed] = [0, 0]
  fc.assert(
    fc.property(fc.array(arrow, { minLength: 1, maxLength: 14 }), node, (arrows, issuer) => {
      const pool = arrows.map(certify)
      const leaf = mint({ name: 'Leaf', issuer: keyOf(issuer) }).certificate
      const request = { leaf, anchors: [anchor], atMs: MINT_AT_MS }
      const searched = validatePath({ ...request, intermediates: pool })
      const paths = allPaths(leaf, pool, anchor)
      const any = paths.some((path) => validatePath({ ...request, intermediates: path.slice(1) }).ok)
      expect(searched.ok ? 'ok' : searched.reason === 'budget' ? 'budget' : 'refused').toBe(
        any ? 'ok' : 'refused',
      )
      if (any) held++
      else failed++
    }),
    { numRuns: 400 },
  )
  expect(Math.min(held, failed)).toBeGreaterThan(20)
})
