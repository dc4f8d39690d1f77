import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  type ContractOffer,
  createCps,
  decodeToMirror,
  type Emaid,
  largestAnswerCharacters,
  type NoOffer,
  type Protocol,
  type ProvisioningContext,
  type ProvisioningResult,
  parseEmaid,
  provision,
  SCHEMA_OF,
  scalarOf,
} from '../../../pki/index.ts'
import type { EvRequest, PlugAndChargeEv } from '../../../src/simulator/ev/index.ts'
import {
  createEv,
  createTestCps,
  createWorld,
  DAY_MS,
  issue,
  NOW_MS,
  newKey,
  PCID,
  provisioningCredential,
  type World,
} from './hierarchy.ts'

const EMAID = 'DEGKP123456789'

const worlds: Readonly<Record<Protocol, World>> = {
  '15118-2': createWorld('15118-2'),
  '15118-20': createWorld('15118-20'),
}
const BOTH = ['15118-2', '15118-20'] as const

function emaid(text = EMAID): Emaid {
  const parsed = parseEmaid(text)
  if (parsed === undefined) throw new Error(`${text} is not an eMAID`)
  return parsed
}

function offer(world: World, text = EMAID): ContractOffer {
  return { kind: 'offer', emaid: emaid(text), source: { kind: 'issue', authority: world.contracts } }
}

function contextOf(world: World, changes: Partial<ProvisioningContext> = {}): ProvisioningContext {
  const intermediates = world.oemSubs.map((sub) => sub.certificate)
  return {
    oemTrust: { anchors: [world.oemRoot.certificate], intermediates },
    moTrust: { anchors: [world.moRoot.certificate], intermediates: [] },
    cps: [world.cps],
    revocation: () => ({ kind: 'good' }),
    offer: () => offer(world),
    ...changes,
  }
}

/** -20 answers do not fit the 5,600 characters of OCPP 2.0.1, only what a station publishes as its own limit. */
function call(request: EvRequest) {
  const isIso20 = request.iso15118SchemaVersion === SCHEMA_OF['15118-20']
  return { ...request, atMs: NOW_MS, maxResponseCharacters: isIso20 ? 17_000 : 5600 }
}

function answer(
  request: EvRequest,
  context: ProvisioningContext,
  changes: {
    readonly atMs?: number
    readonly maxResponseCharacters?: number
    readonly exiRequest?: Uint8Array
  } = {},
): Promise<ProvisioningResult> {
  return provision({ ...call(request), random: randomBytes, ...changes }, context)
}

function responseOf(result: ProvisioningResult): Uint8Array {
  if (result.exiResponse === undefined) throw new Error('there is no response')
  return result.exiResponse
}

/** Every mandatory element is there, or this throws. */
function responseCodeIn(result: ProvisioningResult, protocol: Protocol): unknown {
  const mirror = JSON.stringify(decodeToMirror(responseOf(result), 'document', SCHEMA_OF[protocol]))
  return /"ResponseCode":"(\w+)"/.exec(mirror)?.[1]
}

async function install(ev: PlugAndChargeEv, world: World): Promise<void> {
  const result = await answer(ev.installationRequest(), contextOf(world))
  expect(ev.receive(responseOf(result))).toMatchObject({ ok: true })
}

describe.each(BOTH)('installing a contract in an ISO %s car', (protocol) => {
  const world = worlds[protocol]

  it('gives the car a contract that passes all of its checks', async () => {
    const ev = createEv(world)
    const result = await answer(ev.installationRequest(), contextOf(world))
    expect(result).toMatchObject({ outcome: 'provisioned', ocppStatus: 'Accepted', responseCode: 'OK' })
    const verdict = ev.receive(responseOf(result))
    expect(verdict).toMatchObject({ ok: true, contract: { emaid: EMAID } })
    expect(ev.authorization()?.emaid).toBe(EMAID)
    expect(ev.authorization()?.hashData).toHaveLength(3)
    expect(ev.needsContract(DAY_MS)).toBe(false)
  })

  it('asks for a contract only once the car is established, and with what it asked for', async () => {
    const seen: unknown[] = []
    const ev = createEv(world)
    const request = ev.installationRequest({ prioritizedEmaids: ['DEABC'], maximumContracts: 3 })
    const remember = (verified: unknown) => {
      seen.push(verified)
      return offer(world)
    }
    await answer(request, contextOf(world, { offer: remember }))
    const asked =
      protocol === '15118-20'
        ? { prioritizedEmaids: ['DEABC'], maximumContracts: 3 }
        : { maximumContracts: 1 }
    expect(seen).toMatchObject([{ pcid: { text: PCID, manufacturer: 'WGK' }, kind: 'install', ...asked }])
  })

  it('gives different keys and ciphertexts every time, but the same answer for the same randomness', async () => {
    const request = createEv(world).installationRequest()
    const counter = () => {
      let next = 1
      return (count: number) => new Uint8Array(count).fill(next++)
    }
    const fixed = () => provision({ ...call(request), random: counter() }, contextOf(world))
    const points = (await Promise.all([fixed(), fixed(), answer(request, contextOf(world))])).map((result) =>
      result.outcome === 'provisioned'
        ? Buffer.from(result.contract[0]?.publicKey.keyBits ?? []).toString('hex')
        : '',
    )
    expect(points[0]).toBe(points[1])
    expect(points[0]).not.toBe(points[2])
  })

  it('passes on a contract and key that a mobility operator made', async () => {
    const key = newKey(protocol)
    const [sub2, sub1] = world.moSubs
    const { certificate } = issue(sub2, protocol, 'contract', 'DE-MOX-000000001', { key })
    const scalar = scalarOf(key)
    const chain = [certificate, sub2.certificate, sub1.certificate]
    const ev = createEv(world)
    const supplied = (bytes: Uint8Array): ContractOffer => ({
      kind: 'offer',
      emaid: emaid('DEMOX000000001'),
      source: { kind: 'supplied', chain, scalar: bytes },
    })
    const request = ev.installationRequest()
    const result = await answer(request, contextOf(world, { offer: () => supplied(scalar) }))
    expect(ev.receive(responseOf(result))).toMatchObject({ ok: true })
    const wrongKey = await answer(
      request,
      contextOf(world, { offer: () => supplied(new Uint8Array(32).fill(9)) }),
    )
    expect(wrongKey).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'contract-unfit' },
      ocppStatus: 'Failed',
    })
  })
})

describe('updating a contract', () => {
  const world = worlds['15118-2']

  it('replaces it with one for the same account', async () => {
    const ev = createEv(world)
    await install(ev, world)
    const before = ev.contract?.certificate.serialHex
    const result = await answer(ev.updateRequest(), contextOf(world))
    expect(result).toMatchObject({
      outcome: 'provisioned',
      request: { kind: 'update', account: { text: EMAID } },
    })
    expect(ev.receive(responseOf(result))).toMatchObject({ ok: true })
    expect(ev.contract?.certificate.serialHex).not.toBe(before)
  })

  it('refuses an expired contract', async () => {
    const ev = createEv(world)
    await install(ev, world)
    const late = (ev.contract?.certificate.notAfterMs ?? 0) + 1000
    const result = await answer(ev.updateRequest(), contextOf(world), { atMs: late })
    expect(result).toMatchObject({ refusal: { code: 'certificate-expired' } })
    expect(responseCodeIn(result, '15118-2')).toBe('FAILED_CertificateExpired')
  })

  it('tells the car that the contract is canceled and when to ask again', async () => {
    const ev = createEv(world)
    await install(ev, world)
    const none: NoOffer = { kind: 'none', code: 'contract-canceled', reason: 'terminated', retryCounter: 7 }
    const result = await answer(ev.updateRequest(), contextOf(world, { offer: () => none }))
    expect(responseCodeIn(result, '15118-2')).toBe('FAILED_ContractCanceled')
    expect(JSON.stringify(decodeToMirror(responseOf(result), 'document', SCHEMA_OF['15118-2']))).toContain(
      '"RetryCounter":"7"',
    )
    expect(ev.receive(responseOf(result))).toMatchObject({ ok: false, check: 'response-code' })
  })
})

describe.each(BOTH)('what an ISO %s car is refused for', (protocol) => {
  const world = worlds[protocol]
  const other = createWorld(protocol)
  const request = createEv(world).installationRequest()
  const code = (iso2: string, iso20: string) => (protocol === '15118-2' ? iso2 : iso20)

  async function expectRefusal(result: Promise<ProvisioningResult>, refusal: string, responseCode: string) {
    const settled = await result
    expect(settled).toMatchObject({ outcome: 'refused', refusal: { code: refusal }, responseCode })
    expect(responseCodeIn(settled, protocol)).toBe(responseCode)
    return settled
  }

  const withCar = (options: Parameters<typeof provisioningCredential>[1]) =>
    answer(createEv(world, provisioningCredential(world, options)).installationRequest(), contextOf(world))

  it('a body that was changed after signing', async () => {
    const changed = Uint8Array.from(request.exiRequest)
    // Near the end: in -2 the list of roots, in -20 it is not signed, so there the certificate itself is changed.
    const at = protocol === '15118-2' ? changed.length - 12 : Buffer.from(changed).length - 900
    changed[at] = (changed[at] ?? 0) ^ 0x10
    const result = await answer(request, contextOf(world), { exiRequest: changed })
    expect(result.outcome).toBe('refused')
    if (result.outcome === 'refused') {
      expect(['signature-invalid', 'request-unreadable', 'chain-invalid']).toContain(result.refusal.code)
    }
  })

  it('a signature by another key', () => {
    const credential = { ...provisioningCredential(world), privateKey: newKey(protocol) }
    const forged = createEv(world, credential).installationRequest()
    return expectRefusal(answer(forged, contextOf(world)), 'signature-invalid', 'FAILED_SignatureError')
  })

  it('a chain to a root that is not configured', () =>
    expectRefusal(
      answer(createEv(other).installationRequest(), contextOf(world)),
      'chain-invalid',
      code('FAILED_CertChainError', 'WARNING_CertificateValidationError'),
    ))

  it('a certificate that has expired', () =>
    expectRefusal(
      withCar({ notAfterMs: NOW_MS - DAY_MS / 4 }),
      'certificate-expired',
      code('FAILED_CertificateExpired', 'WARNING_CertificateExpired'),
    ))

  it('a certificate that is not valid yet', () =>
    expectRefusal(
      answer(request, contextOf(world), { atMs: NOW_MS - DAY_MS / 2 - 3600_000 }),
      'certificate-not-yet-valid',
      code('FAILED_CertChainError', 'WARNING_CertificateNotYetValid'),
    ))

  it('a certificate that is revoked', () =>
    expectRefusal(
      answer(
        request,
        contextOf(world, {
          revocation: (certificate) => ({ kind: certificate.commonName === PCID ? 'revoked' : 'good' }),
        }),
      ),
      'certificate-revoked',
      code('FAILED_CertificateRevoked', 'WARNING_CertificateRevoked'),
    ))

  it('a sub-CA whose revocation status nobody knows', () =>
    expectRefusal(
      answer(
        request,
        contextOf(world, {
          revocation: async (certificate) => ({ kind: certificate.isCa ? 'unknown' : 'good' }),
        }),
      ),
      'revocation-unknown',
      code('FAILED_CertChainError', 'WARNING_CertificateValidationError'),
    ))

  it('a certificate without keyAgreement', () =>
    expectRefusal(
      withCar({ profile: { keyUsage: ['digitalSignature'] } }),
      'key-usage',
      code('FAILED_CertChainError', 'WARNING_CertificateValidationError'),
    ))

  it('a certificate that is not an OEM provisioning certificate', () =>
    expectRefusal(
      withCar({ profile: { domainComponent: 'CPO' } }),
      'chain-invalid',
      code('FAILED_CertChainError', 'WARNING_CertificateValidationError'),
    ))

  it('a common name that is not a PCID', () =>
    expectRefusal(
      withCar({ pcid: 'MY CAR' }),
      'identity-invalid',
      code('FAILED_CertChainError', 'WARNING_CertificateValidationError'),
    ))

  it('a V2G root that none of our CPS chains ends at', () =>
    expectRefusal(
      answer(request, contextOf(world, { cps: [other.cps] })),
      'v2g-root-unknown',
      code('FAILED_NoCertificateAvailable', 'WARNING_NoCertificateAvailable'),
    ))

  it('a CPS leaf that has expired', () => {
    const cps = createTestCps(protocol, world.v2gRoot, { notAfterMs: NOW_MS + 1000 })
    return expectRefusal(
      answer(request, contextOf(world, { cps: [cps] }), { atMs: NOW_MS + 2000 }),
      'v2g-root-unknown',
      code('FAILED_NoCertificateAvailable', 'WARNING_NoCertificateAvailable'),
    )
  })

  it('no contract for it', () =>
    expectRefusal(
      answer(
        request,
        contextOf(world, { offer: () => ({ kind: 'none', code: 'contract-missing', reason: 'none' }) }),
      ),
      'contract-missing',
      code('FAILED_NoCertificateAvailable', 'WARNING_NoContractMatchingPCIDFound'),
    ))

  it('an action that does not fit the message', () =>
    expectRefusal(
      answer({ ...request, action: 'Update' }, contextOf(world)),
      'action-mismatch',
      'FAILED_SequenceError',
    ))

  it('an answer that the station cannot take, under Failed and never cut off', async () => {
    const tight = answer(request, contextOf(world), { maxResponseCharacters: 2000 })
    const result = await expectRefusal(tight, 'response-too-large', 'FAILED')
    expect(result.ocppStatus).toBe('Failed')
  })

  it('bytes that are no request, with nothing to send back', async () => {
    for (const exiRequest of [new Uint8Array(0), randomBytes(500), request.exiRequest.slice(0, 300)]) {
      const result = await answer(request, contextOf(world), { exiRequest })
      expect(result).toMatchObject({
        outcome: 'refused',
        refusal: { code: 'request-unreadable' },
        exiResponse: undefined,
      })
    }
    const foreign = await answer(
      { ...request, iso15118SchemaVersion: 'urn:din:70121:2012:MsgDef' },
      contextOf(world),
    )
    expect(foreign).toMatchObject({ refusal: { code: 'schema-unsupported' }, ocppStatus: 'Failed' })
  })

  it('a response instead of a request', async () => {
    const done = await answer(request, contextOf(world))
    const result = await answer(request, contextOf(world), { exiRequest: responseOf(done) })
    expect(result).toMatchObject({ refusal: { code: 'request-unreadable' } })
  })
})

describe('a -20 car with a key on the curve of -2', () => {
  it('is refused clearly, as are Ed448 cars until X448 is settled', async () => {
    const world = worlds['15118-20']
    const key = newKey('15118-2')
    const credential = provisioningCredential(world, { key, profile: { keys: ['P-256'] } })
    const result = await answer(createEv(world, credential).installationRequest(), contextOf(world))
    expect(result).toMatchObject({
      refusal: { code: 'key-unsupported' },
      responseCode: 'FAILED',
      ocppStatus: 'Accepted',
    })
  })
})

describe('sizes', () => {
  const addresses = { ocspUrl: 'http://ocsp.gridkeep.example/' }

  it.each(BOTH)('of ISO %s answers are foreseen when CPS and authority are configured', async (protocol) => {
    const world = worlds[protocol]
    for (const moAddresses of [
      {},
      addresses,
      { ...addresses, crlUrl: 'http://crl.gridkeep.example/mo/sub2.crl' },
    ]) {
      const { contracts } = createWorld(protocol, moAddresses)
      const authority = { ...contracts, organization: 'An Operator With a Rather Long Name' }
      const source = { kind: 'issue', authority } as const
      const offered: ContractOffer = { kind: 'offer', emaid: emaid('DE83DUIEN83QGZD'), source }
      const result = await answer(
        createEv(world).installationRequest(),
        contextOf(world, { offer: () => offered }),
      )
      expect(result.outcome).toBe('provisioned')
      const characters = Math.ceil(responseOf(result).length / 3) * 4
      const foreseen = largestAnswerCharacters(world.cps, authority, { atMs: NOW_MS, random: randomBytes })
      expect(characters).toBeLessThanOrEqual(foreseen)
      expect(characters).toBeGreaterThan(foreseen - 24)
    }
  })

  it('of -2 answers with three certificates and an OCSP address in each fit 5,600 characters', () => {
    const world = createWorld('15118-2', addresses)
    const cps = createTestCps('15118-2', world.v2gRoot, {}, addresses)
    const certificates = [cps.leaf, ...cps.subCas, ...world.contracts.subCas]
    expect(certificates.map((certificate) => certificate.ocspUrls.length)).toEqual([1, 1, 1, 1, 1])
    const characters = largestAnswerCharacters(cps, world.contracts, { atMs: NOW_MS, random: randomBytes })
    expect(characters).toBeGreaterThan(5000)
    expect(characters).toBeLessThan(5600)
  })

  it('of chains that fill a list are refused when they are configured', () => {
    const { cps } = worlds['15118-20']
    const [sub2, sub1] = cps.subCas
    if (sub2 === undefined || sub1 === undefined) throw new Error('the test CPS has two sub-CAs')
    expect(() => createCps({ ...cps, subCas: [sub2, sub1, sub1] }, NOW_MS)).toThrow(
      /3 sub-CAs below the root/,
    )
  })
})
