import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { rawSignature } from '../../../../pki/contract/message-signature.ts'
import {
  type CertificateInstallationRes2,
  type CertificateInstallationRes20,
  decodeCommonMessage,
  decodeV2gMessage,
  encodeCommonMessage,
  encodeFragment,
  encodeV2gMessage,
  type Header2,
  type Protocol,
  parseEmaid,
  provision,
} from '../../../../pki/index.ts'
import type { EvCheck, PlugAndChargeEv } from '../../../../src/simulator/ev/index.ts'
import {
  createEv,
  createTestCps,
  createWorld,
  DAY_MS,
  issue,
  NOW_MS,
  provisioningCredential,
  type World,
} from '../../../pki/contract/hierarchy.ts'

async function answerFor(ev: PlugAndChargeEv, world: World): Promise<Uint8Array> {
  const emaid = parseEmaid('DEGKP123456789')
  if (emaid === undefined) throw new Error('not an eMAID')
  const request = ev.installationRequest()
  const result = await provision(
    { ...request, atMs: NOW_MS, random: randomBytes, maxResponseCharacters: 17_000 },
    {
      oemTrust: {
        anchors: [world.oemRoot.certificate],
        intermediates: world.oemSubs.map((sub) => sub.certificate),
      },
      moTrust: { anchors: [world.moRoot.certificate], intermediates: [] },
      cps: [world.cps],
      revocation: () => ({ kind: 'good' }),
      offer: () => ({ kind: 'offer', emaid, source: { kind: 'issue', authority: world.contracts } }),
    },
  )
  if (result.exiResponse === undefined) throw new Error('no response')
  return result.exiResponse
}

const world2 = createWorld('15118-2')
const world20 = createWorld('15118-20')
const other2 = createWorld('15118-2')
const flip = (bytes: Uint8Array) =>
  Uint8Array.from(bytes, (octet, at) => (at === bytes.length - 1 ? octet ^ 1 : octet))

type Change2 = (
  header: Header2,
  body: CertificateInstallationRes2,
) => { header?: Header2; body?: CertificateInstallationRes2 }

describe('what a -2 car looks at', () => {
  async function verdictOf(change: Change2) {
    const ev = createEv(world2)
    const { Header, Body } = decodeV2gMessage(await answerFor(ev, world2))
    if (!('CertificateInstallationRes' in Body)) throw new Error('not an installation response')
    const { header = Header, body = Body.CertificateInstallationRes } = change(
      Header,
      Body.CertificateInstallationRes,
    )
    return {
      ev,
      verdict: ev.receive(encodeV2gMessage({ Header: header, Body: { CertificateInstallationRes: body } })),
    }
  }

  const cpsOfOther = {
    Certificate: other2.cps.leaf.der,
    SubCertificates: { Certificate: other2.cps.subCas.map((certificate) => certificate.der) },
  }

  it.each<[string, EvCheck, Change2]>([
    ['another session', 'session', (header) => ({ header: { ...header, SessionID: new Uint8Array(8) } })],
    [
      'a failure',
      'response-code',
      (_, body) => ({ body: { ...body, ResponseCode: 'FAILED_NoCertificateAvailable' } }),
    ],
    [
      'a CPS chain to another root',
      'cps-chain',
      (_, body) => ({ body: { ...body, SAProvisioningCertificateChain: cpsOfOther } }),
    ],
    [
      'a CPS chain without its sub-CAs',
      'cps-chain',
      (_, body) => ({
        body: { ...body, SAProvisioningCertificateChain: { Certificate: world2.cps.leaf.der } },
      }),
    ],
    ['no signature', 'signature', ({ SessionID }) => ({ header: { SessionID } })],
    [
      'three references',
      'references',
      (header) => {
        const { Signature } = header
        if (Signature === undefined) throw new Error('not signed')
        const SignedInfo = { ...Signature.SignedInfo, Reference: Signature.SignedInfo.Reference.slice(1) }
        return { header: { ...header, Signature: { ...Signature, SignedInfo } } }
      },
    ],
    [
      'a signature that was changed',
      'signature',
      (header) => {
        const { Signature } = header
        if (Signature === undefined) throw new Error('not signed')
        const SignatureValue = { value: flip(Signature.SignatureValue.value) }
        return { header: { ...header, Signature: { ...Signature, SignatureValue } } }
      },
    ],
    [
      'an encrypted key that was changed',
      'references',
      (_, body) => {
        const { Id, value } = body.ContractSignatureEncryptedPrivateKey
        return { body: { ...body, ContractSignatureEncryptedPrivateKey: { Id, value: flip(value) } } }
      },
    ],
    [
      'another eMAID',
      'references',
      (_, body) => ({ body: { ...body, eMAID: { ...body.eMAID, value: 'DEGKP999999999' } } }),
    ],
  ])('%s is refused', async (_, check, change) => {
    const { ev, verdict } = await verdictOf(change)
    expect(verdict).toMatchObject({ ok: false, check })
    expect(ev.contract).toBeUndefined()
    expect(ev.needsContract(0)).toBe(true)
  })

  it('the order of the references does not matter', async () => {
    const ev = createEv(world2)
    const { Header, Body } = decodeV2gMessage(await answerFor(ev, world2))
    const { Signature } = Header
    if (Signature === undefined) throw new Error('not signed')
    const SignedInfo = { ...Signature.SignedInfo, Reference: [...Signature.SignedInfo.Reference].reverse() }
    const der = await world2.cps.signer.sign(encodeFragment('SignedInfo', SignedInfo))
    const SignatureValue = { value: rawSignature(der, 32) }
    const reordered = { Header: { ...Header, Signature: { SignedInfo, SignatureValue } }, Body }
    expect(ev.receive(encodeV2gMessage(reordered))).toMatchObject({ ok: true })
  })

  it('a CPS leaf that is none is refused', async () => {
    const leaf = { profile: { domainComponent: 'CPO' } }
    expect(() => createTestCps('15118-2', world2.v2gRoot, leaf)).toThrow(/no domain component CPS/)
    const { certificate } = issue(world2.v2gRoot, '15118-2', 'cps-leaf', 'Not a CPS', leaf)
    const { verdict } = await verdictOf((_, body) => ({
      body: { ...body, SAProvisioningCertificateChain: { Certificate: certificate.der } },
    }))
    expect(verdict).toMatchObject({ ok: false, check: 'cps-leaf' })
  })

  it('bytes that are no answer are refused, and the car can ask again', async () => {
    const ev = createEv(world2)
    const good = await answerFor(ev, world2)
    expect(ev.receive(good.slice(0, 400))).toMatchObject({ ok: false, check: 'decode' })
    expect(ev.receive(ev.installationRequest().exiRequest)).toMatchObject({ ok: false })
    expect(ev.receive(await answerFor(ev, world2))).toMatchObject({ ok: true })
  })

  it('an answer for another car cannot be opened', async () => {
    const ev = createEv(world2)
    const thief = createEv(world2, provisioningCredential(world2, { pcid: 'WGKTHIEFCAR123456X' }))
    const answer = await answerFor(ev, world2)
    const message = decodeV2gMessage(answer)
    const session = decodeV2gMessage(thief.installationRequest().exiRequest).Header.SessionID
    const readdressed = encodeV2gMessage({ ...message, Header: { ...message.Header, SessionID: session } })
    expect(thief.receive(readdressed)).toMatchObject({ ok: false, check: 'key-match' })
  })
})

describe('what a -20 car looks at', () => {
  async function verdictOf(change: (body: CertificateInstallationRes20) => CertificateInstallationRes20) {
    const ev = createEv(world20)
    const message = decodeCommonMessage(await answerFor(ev, world20))
    if (!('CertificateInstallationRes' in message)) throw new Error('not an answer')
    return ev.receive(
      encodeCommonMessage({ CertificateInstallationRes: change(message.CertificateInstallationRes) }),
    )
  }

  it.each<[string, EvCheck, (body: CertificateInstallationRes20) => CertificateInstallationRes20]>([
    ['nothing wrong but still in work', 'response-code', (body) => ({ ...body, EVSEProcessing: 'Ongoing' })],
    [
      'a warning',
      'response-code',
      (body) => ({ ...body, ResponseCode: 'WARNING_NoContractMatchingPCIDFound' }),
    ],
    [
      'a Diffie-Hellman key that was changed',
      'references',
      (body) => ({
        ...body,
        SignedInstallationData: {
          ...body.SignedInstallationData,
          DHPublicKey: flip(body.SignedInstallationData.DHPublicKey),
        },
      }),
    ],
    [
      'a CPS chain without sub-CAs',
      'cps-chain',
      (body) => ({ ...body, CPSCertificateChain: { Certificate: world20.cps.leaf.der } }),
    ],
  ])('%s is refused', async (_, check, change) => {
    expect(await verdictOf(change)).toMatchObject({ ok: false, check })
  })

  it('has no update, but installs again', async () => {
    const ev = createEv(world20)
    ev.receive(await answerFor(ev, world20))
    expect(ev.contract).toBeDefined()
    expect(() => ev.updateRequest()).toThrow(/install again/)
  })
})

describe.each<[Protocol, World]>([
  ['15118-2', world2],
  ['15118-20', world20],
])('the contract of an ISO %s car', (_, world) => {
  it('runs out, and the car knows in time', async () => {
    let nowMs = NOW_MS
    const ev = createEv(world, provisioningCredential(world), () => nowMs)
    expect(ev.needsContract(14 * DAY_MS)).toBe(true)
    ev.receive(await answerFor(ev, world))
    expect(ev.needsContract(14 * DAY_MS)).toBe(false)
    nowMs = (ev.contract?.certificate.notAfterMs ?? 0) - 13 * DAY_MS
    expect(ev.needsContract(14 * DAY_MS)).toBe(true)
  })
})
