import { createHash, randomBytes, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  certificateProfile,
  decodeV2gMessage,
  type Emaid,
  encodeFragment,
  encodeV2gMessage,
  ISO_2_SCHEMA,
  issueCertificate,
  type ProvisioningContext,
  PublicKey,
  parseEmaid,
  provision,
  readRequest,
  soleCommonName,
  verifyRequest,
} from '../../../pki/index.ts'
import type { EvRequest } from '../../../src/simulator/ev/index.ts'
import { updateRequest2 } from '../../../src/simulator/ev/request.ts'
import {
  createEv,
  createRoot,
  createSub,
  createWorld,
  issue,
  NOW_MS,
  newKey,
  PCID,
  type World,
} from './hierarchy.ts'

const EMAID = parseEmaid('DEGKP123456789')

function contextOf(world: World, emaid: Emaid | undefined = EMAID): ProvisioningContext {
  if (emaid === undefined) throw new Error('not an eMAID')
  const intermediates = world.oemSubs.map((sub) => sub.certificate)
  return {
    oemTrust: { anchors: [world.oemRoot.certificate], intermediates },
    moTrust: { anchors: [world.moRoot.certificate], intermediates: [] },
    cps: [world.cps],
    revocation: () => ({ kind: 'good' }),
    offer: () => ({ kind: 'offer', emaid, source: { kind: 'issue', authority: world.contracts } }),
  }
}

const answer = (request: EvRequest, context: ProvisioningContext, exiRequest = request.exiRequest) =>
  provision(
    { ...request, exiRequest, atMs: NOW_MS, random: randomBytes, maxResponseCharacters: 17_000 },
    context,
  )

async function updateRequest(world: World): Promise<EvRequest> {
  const ev = createEv(world)
  const installed = await answer(ev.installationRequest(), contextOf(world))
  expect(ev.receive(installed.exiResponse ?? new Uint8Array(0)).ok).toBe(true)
  return ev.updateRequest()
}

/** Everything that the signature is over, to see whether a changed request still means the same. */
function signedPartOf(request: EvRequest, exiRequest: Uint8Array): string {
  const read = readRequest(exiRequest, request.action, request.iso15118SchemaVersion)
  return read.ok ? Buffer.from(read.request.signedPart.readings[0]?.() ?? []).toString('hex') : ''
}

const change = fc.record({
  at: fc.nat(),
  mask: fc.integer({ min: 1, max: 255 }),
  kind: fc.constantFrom('flip', 'cut', 'insert'),
})

function changed(
  bytes: Uint8Array,
  { at, mask, kind }: { at: number; mask: number; kind: string },
): Uint8Array {
  const index = at % bytes.length
  if (kind === 'cut') return bytes.slice(0, index)
  if (kind === 'insert') return Uint8Array.from([...bytes.subarray(0, index), mask, ...bytes.subarray(index)])
  return Uint8Array.from(bytes, (octet, position) => (position === index ? octet ^ mask : octet))
}

describe('a request that was changed on its way', () => {
  const world2 = createWorld('15118-2')
  const world20 = createWorld('15118-20')

  it.each<[string, World, () => Promise<EvRequest>]>([
    ['-2 installation', world2, async () => createEv(world2).installationRequest()],
    ['-2 update', world2, () => updateRequest(world2)],
    ['-20 installation', world20, async () => createEv(world20).installationRequest()],
  ])('is refused or means the same, and never throws: %s', async (_, world, make) => {
    const request = await make()
    const original = signedPartOf(request, request.exiRequest)
    const context = contextOf(world)
    await fc.assert(
      fc.asyncProperty(change, async (how) => {
        const exiRequest = changed(request.exiRequest, how)
        const result = await answer(request, context, exiRequest)
        if (result.outcome === 'provisioned') expect(signedPartOf(request, exiRequest)).toBe(original)
        else expect(result.refusal.reason).not.toBe('')
      }),
      { numRuns: 250 },
    )
  })

  it('does not reach the contract pool before its sender is established', async () => {
    const request = createEv(world2).installationRequest()
    let asked = 0
    const context: ProvisioningContext = {
      ...contextOf(world2),
      offer: (verified) => {
        asked++
        expect(verified.pcid?.text).toBe(PCID)
        return { kind: 'none', code: 'contract-missing', reason: 'none' }
      },
    }
    for (let at = 10; at < request.exiRequest.length - 40; at += 9) {
      // The last bits of the header's signature and everything of the body decide.
      await answer(request, context, changed(request.exiRequest, { at, mask: 0x21, kind: 'flip' }))
    }
    expect(asked).toBeLessThan(3)
  })
})

describe('an update whose signature covers something else under the name of the body', () => {
  const world = createWorld('15118-2')
  const [sub2, sub1] = world.moSubs
  const { certificate, privateKey } = issue(sub2, '15118-2', 'contract', 'DEGKP123456789')
  const subCas = [sub2.certificate, sub1.certificate]
  const wish = { sessionId: new Uint8Array(8), v2gRoots: [world.v2gRoot.certificate], nowMs: NOW_MS }
  const honest = updateRequest2({ certificate, privateKey, subCas, emaid: 'DEGKP123456789' }, wish)
  const { Header, Body } = decodeV2gMessage(honest.exiRequest)
  if (!('CertificateUpdateReq' in Body) || !Header.Signature) throw new Error('it is a signed update')
  const body = Body.CertificateUpdateReq
  const { SignedInfo } = Header.Signature

  /** Signed by the contract's own key, over what the attacker chose. */
  const forged = (URI: string | undefined, covered: Uint8Array, changed = body) => {
    const [reference] = SignedInfo.Reference
    if (!reference) throw new Error('there is a reference')
    const { URI: _, ...rest } = reference
    const DigestValue = createHash('sha256').update(covered).digest()
    const info = {
      ...SignedInfo,
      Reference: [{ ...rest, ...(URI === undefined ? {} : { URI }), DigestValue }],
    }
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
    const value = sign('sha256', encodeFragment('SignedInfo', info), key)
    return encodeV2gMessage({
      Header: { ...Header, Signature: { SignedInfo: info, SignatureValue: { value } } },
      Body: { CertificateUpdateReq: changed },
    })
  }
  const chain = { ...body.ContractSignatureCertChain, Id: body.Id }
  const whole = encodeFragment('CertificateUpdateReq', body)

  it.each<[string, Uint8Array]>([
    [
      'the chain, which has the same Id',
      forged(`#${body.Id}`, encodeFragment('ContractSignatureCertChain', chain), {
        ...body,
        ContractSignatureCertChain: chain,
      }),
    ],
    ['the body before it was changed', forged(`#${body.Id}`, whole, { ...body, eMAID: 'DEGKP999999999' })],
    ['the whole document', forged('', whole)],
    ['nothing by name', forged(undefined, whole)],
    ['an XPointer', forged(`#xpointer(id('${body.Id}'))`, whole)],
    ['another Id than the body has', forged(`#${body.Id}`, whole, { ...body, Id: 'id2' })],
    [
      'the empty Id',
      forged('#', encodeFragment('CertificateUpdateReq', { ...body, Id: '' }), { ...body, Id: '' }),
    ],
  ])('is refused: %s', async (_, exiRequest) => {
    const context = {
      ...contextOf(world),
      moTrust: { anchors: [world.moRoot.certificate], intermediates: [] },
    }
    expect((await answer(honest, context)).outcome).toBe('provisioned')
    expect(await answer(honest, context, exiRequest)).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'signature-invalid' },
      responseCode: 'FAILED_SignatureError',
    })
  })
})

describe('a contract below a V2G root', () => {
  const root = createRoot('15118-2', 'v2g-root', 'V2G Root')
  const trust = { anchors: [root.certificate], intermediates: [] }
  const updateBelow = (kinds: readonly ['cpo-sub1' | 'mo-sub1', 'cpo-sub2' | 'mo-sub2']) => {
    const sub1 = createSub(root, '15118-2', kinds[0], 'Sub 1')
    const sub2 = createSub(sub1, '15118-2', kinds[1], 'Sub 2')
    const { certificate, privateKey } = issue(sub2, '15118-2', 'contract', 'DEGKP123456789')
    const subCas = [sub2.certificate, sub1.certificate]
    const wish = { sessionId: new Uint8Array(8), v2gRoots: [root.certificate], nowMs: NOW_MS }
    const { exiRequest } = updateRequest2({ certificate, privateKey, subCas, emaid: 'DEGKP123456789' }, wish)
    const read = readRequest(exiRequest, 'Update', ISO_2_SCHEMA)
    if (!read.ok) throw new Error(read.refusal.reason)
    return verifyRequest(read.request, trust, NOW_MS, () => ({ kind: 'good' }))
  }

  it('is one of a mobility operator, and not one that a CA for stations signed', async () => {
    expect(await updateBelow(['mo-sub1', 'mo-sub2'])).toMatchObject({ ok: true })
    expect(await updateBelow(['cpo-sub1', 'cpo-sub2'])).toMatchObject({
      ok: false,
      refusal: { code: 'chain-invalid', reason: expect.stringContaining('another role') },
    })
  })
})

describe('a certificate with two common names', () => {
  it('is for nobody: others may go by either', () => {
    const named = (...names: string[]) => {
      const { subjectDer } = makeName(names)
      return soleCommonName(certificateFor(subjectDer))
    }
    expect(named('DEGKP123456789')).toBe('DEGKP123456789')
    expect(named('DEGKP123456789', 'DEGKP999999999')).toBeUndefined()
  })

  const rootCa = createRoot('15118-2', 'mo-root', 'MO Root')
  function certificateFor(der: Uint8Array) {
    const issued = issueCertificate({
      issuer: rootCa.issuer,
      profile: { ...certificateProfile('contract'), domainComponent: undefined },
      subject: { der },
      publicKey: PublicKey.fromKeyObject(newKey('15118-2')),
      atMs: NOW_MS,
      random: randomBytes(16),
    })
    if (issued instanceof Promise) throw new Error('software signers answer at once')
    return issued
  }
  /** SEQUENCE of SETs of one common name each. */
  function makeName(names: readonly string[]) {
    const sets = names.map((name) => {
      const text = Buffer.from(name)
      const attribute = Buffer.from([0x06, 3, 0x55, 0x04, 0x03, 0x0c, text.length, ...text])
      return [0x31, attribute.length + 2, 0x30, attribute.length, ...attribute]
    })
    const content = sets.flat()
    return { subjectDer: Uint8Array.from([0x30, content.length, ...content]) }
  }
})

describe('a contract whose eMAID has a wrong check digit', () => {
  it('is not issued', async () => {
    const world = createWorld('15118-2')
    const result = await answer(
      createEv(world).installationRequest(),
      contextOf(world, parseEmaid('DE83DUIEN83QGZA')),
    )
    expect(result).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'contract-unfit' },
      ocppStatus: 'Failed',
    })
    const right = await answer(
      createEv(world).installationRequest(),
      contextOf(world, parseEmaid('DE83DUIEN83QGZD')),
    )
    expect(right.outcome).toBe('provisioned')
  })
})
