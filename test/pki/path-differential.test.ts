import fc from 'fast-check'
import { expect, it } from 'vitest'
import { namedBits, sequence, smallInteger, TRUE } from '../../pki/der-write.ts'
import { extension } from '../../pki/extension-write.ts'
import { OID, validatePath } from '../../pki/index.ts'
import {
  altNames,
  CA,
  dnsName,
  MINT_AT_MS,
  type Minted,
  mint,
  nameConstraints,
  unknownCritical,
} from './mint.ts'
import { runTool } from './support.ts'

const RUNS = Number(process.env.PATH_RUNS ?? 60)
const DAY_MS = 86_400_000

/** A CA on the way down, with a few ways to be wrong. */
interface Step {
  readonly basic: 'ca' | 'leaf' | 'none'
  readonly pathLength: number | undefined
  readonly usage: 'sign' | 'other' | 'none'
  readonly time: 'now' | 'past' | 'future'
  readonly permitted: string | undefined
  readonly excluded: string | undefined
  readonly unknown: boolean
  readonly selfIssued: boolean
  readonly forged: boolean
}

const HOSTS = ['example.com', 'a.example.com', 'b.a.example.com', 'example.org']
const root = mint({ name: 'Differential Root', extensions: CA })

function times(time: Step['time']): { notBeforeMs: number; notAfterMs: number } {
  const offset = time === 'now' ? 0 : time === 'past' ? -40 * DAY_MS : 40 * DAY_MS
  return { notBeforeMs: MINT_AT_MS + offset - 20 * DAY_MS, notAfterMs: MINT_AT_MS + offset + 20 * DAY_MS }
}

function extensionsOf(step: Step): Uint8Array[] {
  const length = step.pathLength === undefined || step.basic !== 'ca' ? [] : [smallInteger(step.pathLength)]
  const basic =
    step.basic === 'none'
      ? []
      : [extension(OID.basicConstraints, true, step.basic === 'ca' ? sequence(TRUE, ...length) : sequence())]
  const usage =
    step.usage === 'none'
      ? []
      : [extension(OID.keyUsage, true, namedBits(step.usage === 'sign' ? [5, 6] : [0, 6]))]
  const permitted = step.permitted === undefined ? [] : [dnsName(step.permitted)]
  const excluded = step.excluded === undefined ? [] : [dnsName(step.excluded)]
  const names = permitted.length + excluded.length === 0 ? [] : [nameConstraints(permitted, excluded)]
  return [...basic, ...usage, ...names, ...(step.unknown ? [unknownCritical()] : [])]
}

function build(steps: readonly Step[], host: string): Minted[] {
  const chain = [root]
  for (const [at, step] of steps.entries()) {
    const issuer = chain.at(-1) ?? root
    const subject = step.selfIssued && at > 0 ? { subject: issuer.certificate.subjectDer } : {}
    // A forged certificate names its issuer and is signed by somebody else.
    const by = step.forged ? { ...issuer, signer: mint({ name: 'Forger' }).signer } : issuer
    chain.push(
      mint({
        name: `Step ${at}`,
        issuer: by,
        extensions: extensionsOf(step),
        ...times(step.time),
        ...subject,
      }),
    )
  }
  chain.push(mint({ name: 'Leaf', issuer: chain.at(-1) ?? root, extensions: [altNames(dnsName(host))] }))
  return chain.slice(1)
}

function openssl(chain: readonly Minted[]): boolean {
  const pem = (list: readonly Minted[]): string => list.map(({ certificate }) => certificate.toPem()).join('')
  const output = runTool(
    [
      'bash',
      '-c',
      `openssl verify -attime ${MINT_AT_MS / 1000} -CAfile root.pem -untrusted subs.pem leaf.pem 2>&1; true`,
    ],
    {
      'root.pem': pem([root]),
      'subs.pem': pem(chain.slice(0, -1)) || pem([root]),
      'leaf.pem': pem(chain.slice(-1)),
    },
  )
  return /leaf\.pem: OK/.test(output)
}

it('agrees with OpenSSL on random chains, right and wrong', { timeout: 600_000 }, () => {
  const mostly = <T>(usual: T, ...others: readonly T[]) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(usual) },
      { weight: 1, arbitrary: fc.constantFrom(...others) },
    )
  const host = fc.constantFrom(...HOSTS)
  const step = fc.record<Step>({
    basic: mostly<Step['basic']>('ca', 'leaf', 'none'),
    pathLength: fc.option(fc.nat(2), { nil: undefined, freq: 3 }),
    usage: mostly<Step['usage']>('sign', 'other', 'none'),
    time: mostly<Step['time']>('now', 'past', 'future'),
    permitted: fc.option(host, { nil: undefined, freq: 2 }),
    excluded: fc.option(host, { nil: undefined, freq: 2 }),
    unknown: mostly(false, true),
    selfIssued: mostly(false, true),
    forged: mostly(false, true),
  })
  let [accepted, refused] = [0, 0]
  fc.assert(
    fc.property(fc.array(step, { maxLength: 4 }), host, (steps, name) => {
      const chain = build(steps, name)
      const leaf = chain.at(-1)?.certificate ?? root.certificate
      const intermediates = chain.slice(0, -1).map(({ certificate }) => certificate)
      const ours = validatePath({ leaf, intermediates, anchors: [root.certificate], atMs: MINT_AT_MS })
      expect(ours.ok ? 'ok' : 'refused').toBe(openssl(chain) ? 'ok' : 'refused')
      if (ours.ok) accepted++
      else refused++
    }),
    { numRuns: RUNS },
  )
  expect(Math.min(accepted, refused)).toBeGreaterThan(RUNS / 20)
})
