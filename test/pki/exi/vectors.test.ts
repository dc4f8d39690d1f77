import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeToMirror, encodeFromMirror, type StreamKind } from '../../../pki/exi/index.ts'

interface Vector {
  readonly name: string
  readonly kind: StreamKind
  readonly schema: string
  readonly fields: unknown
  readonly exi_hex: string
}

const { vectors }: { vectors: Vector[] } = JSON.parse(
  readFileSync(new URL('../../fixtures/exi-pnc.json', import.meta.url), 'utf8'),
)

describe('the reference streams of independent codecs', () => {
  it('are all there', () => {
    expect(vectors).toHaveLength(48)
  })

  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    '%s decodes to the same fields',
    (_, vector) => {
      const mirror = decodeToMirror(Buffer.from(vector.exi_hex, 'hex'), vector.kind, vector.schema)
      expect(mirror).toEqual(vector.fields)
    },
  )

  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    '%s encodes to the same bytes',
    (_, vector) => {
      const bytes = encodeFromMirror(vector.fields, vector.kind, vector.schema)
      expect(Buffer.from(bytes).toString('hex')).toBe(vector.exi_hex)
    },
  )
})
