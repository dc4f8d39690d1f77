/** C07, C08 over real sockets: every row of what a car with a contract is told, by its chain and by hashes alone. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Certificate, certificateHashData } from '../../pki/index.ts'
import type { EvAuthorization, PlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import { createRoot, createSub, issue } from '../pki/contract/hierarchy.ts'
import type { PncWorld, startPnc } from '../support/pnc.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { DAY_MS, EMAID, PCID, type PncService, startPncService } from './support/pnc-service.ts'

let pnc: PncService
let world: PncWorld
let station: TestClient
let aheadMs = 0

async function open(change: Parameters<typeof startPnc>[0] = {}): Promise<void> {
  aheadMs = 0
  pnc = await startPncService({ clock: { now: () => Date.now() + aheadMs }, ...change })
  world = pnc.world
  station = pnc.station
}
const close = () => pnc.close()
beforeEach(() => open())
afterEach(close)

async function carWithContract(): Promise<PlugAndChargeEv> {
  await world.contract(PCID, EMAID)
  const ev = world.car(PCID)
  await world.install(ev)
  return ev
}

function presentedBy(ev: PlugAndChargeEv): EvAuthorization {
  const authorization = ev.authorization()
  if (!authorization) throw new Error('the car has no contract')
  return authorization
}

/** What our certificates would be named by if they named a responder. */
function hashesOf(ev: PlugAndChargeEv) {
  const { contract } = ev
  if (!contract) throw new Error('the car has no contract')
  const [root] = world.certificates.authorities.generations('mo-root')
  const chain = [contract.certificate, ...contract.subCas]
  return chain.map((certificate, index) => ({
    ...certificateHashData(certificate, chain[index + 1] ?? root?.certificate ?? certificate),
    responderURL: 'http://ocsp.example.com/',
  }))
}

async function authorize(evidence: object, emaid = EMAID): Promise<unknown> {
  const { idTokenInfo, certificateStatus } = await station.ok('Authorize', {
    idToken: { type: 'eMAID', idToken: emaid },
    ...evidence,
  })
  return [certificateStatus, (idTokenInfo as { status: string }).status]
}

describe('with its chain, a car is told', () => {
  test('Accepted when chain and contract are good, however the eMAID is written', async () => {
    const { certificateChainPem: certificate } = presentedBy(await carWithContract())
    expect(await authorize({ certificate })).toEqual(['Accepted', 'Accepted'])
    expect(await authorize({ certificate }, 'DE-GKP-123456789')).toEqual(['Accepted', 'Accepted'])
    expect(await authorize({ certificate }, EMAID.toLowerCase())).toEqual(['Accepted', 'Accepted'])
  })

  test('ContractCancelled with the status of the token when that is blocked or expired', async () => {
    const { certificateChainPem: certificate } = presentedBy(await carWithContract())
    const token = {
      type: 'eMAID',
      idToken: 'DE-GKP-123456789',
      status: 'Blocked',
      group: null,
      expiresAt: null,
      masterPass: false,
      updatedAt: new Date().toISOString(),
    } as const
    await world.store.tokens.put(token)
    expect(await authorize({ certificate })).toEqual(['ContractCancelled', 'Blocked'])
    const expiresAt = new Date(Date.now() - 1000).toISOString()
    await world.store.tokens.put({ ...token, status: 'Accepted', expiresAt })
    expect(await authorize({ certificate })).toEqual(['ContractCancelled', 'Expired'])
  })

  test('CertificateExpired when it has expired', async () => {
    const { certificateChainPem: certificate } = presentedBy(await carWithContract())
    aheadMs = 3 * 365 * DAY_MS
    expect(await authorize({ certificate })).toEqual(['CertificateExpired', 'Expired'])
  })

  test('CertificateRevoked when it, or a sub-CA above it, was revoked', async () => {
    const ev = await carWithContract()
    const { certificateChainPem: certificate } = presentedBy(ev)
    const subCa = ev.contract?.subCas[0]?.fingerprint ?? ''
    await world.certificates.revoke(subCa, 'cACompromise')
    expect(await authorize({ certificate })).toEqual(['CertificateRevoked', 'Invalid'])
    const [contract] = await world.store.contracts.list()
    await world.contracts.pool.terminate(contract?.id ?? '')
    expect(await authorize({ certificate })).toEqual(['CertificateRevoked', 'Invalid'])
  })

  test.each([
    ['another eMAID', (pem: string) => pem, 'DEGKP999999999'],
    ['no certificate at all', () => 'no certificate', EMAID],
    ['a damaged certificate', (pem: string) => pem.replace(/A/, 'B'), EMAID],
    [
      'a sub-CA instead of a contract',
      (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----)\s*/)[1] ?? '',
      EMAID,
    ],
  ])('CertChainError for %s', async (_, spoil, emaid) => {
    const { certificateChainPem } = presentedBy(await carWithContract())
    expect(await authorize({ certificate: spoil(certificateChainPem) }, emaid)).toEqual([
      'CertChainError',
      'Invalid',
    ])
  })

  test('CertChainError for a chain to a root that nobody trusts, and for a token that is no eMAID', async () => {
    const foreign = await foreignContract({ emaid: EMAID, trusted: false })
    expect(await authorize({ certificate: foreign.pem })).toEqual(['CertChainError', 'Invalid'])
    const { certificateChainPem: certificate } = presentedBy(await carWithContract())
    const answer = await station.ok('Authorize', {
      idToken: { type: 'ISO14443', idToken: '04A1B2C3' },
      certificate,
    })
    expect(answer).toMatchObject({ certificateStatus: 'CertChainError', idTokenInfo: { status: 'Invalid' } })
  })

  test('what the chain says even when hashes come along', async () => {
    const { certificateChainPem: certificate } = presentedBy(await carWithContract())
    const stranger = createRoot('15118-2', 'mo-root', 'Stranger')
    const iso15118CertificateHashData = [
      { ...certificateHashData(stranger.certificate, stranger.certificate), responderURL: 'http://x/' },
    ]
    expect(await authorize({ certificate, iso15118CertificateHashData })).toEqual(['Accepted', 'Accepted'])
  })
})

describe('with hashes alone, a car is told', () => {
  const hashed = (ev: PlugAndChargeEv) => ({ iso15118CertificateHashData: hashesOf(ev) })

  test('Accepted when they name a contract certificate of this account, for the leaf alone too', async () => {
    const ev = await carWithContract()
    expect(await authorize(hashed(ev))).toEqual(['Accepted', 'Accepted'])
    expect(await authorize({ iso15118CertificateHashData: hashesOf(ev).slice(0, 1) })).toEqual([
      'Accepted',
      'Accepted',
    ])
  })

  test('CertChainError for the certificate of somebody else', async () => {
    const ev = await carWithContract()
    await world.contract('WGKTESTCAR1234567Y', 'DEGKP000000002')
    expect(await authorize(hashed(ev), 'DEGKP000000002')).toEqual(['CertChainError', 'Invalid'])
  })

  test('CertChainError for an issuer that is not known, a number never issued, and sub-CAs alone', async () => {
    const ev = await carWithContract()
    const [leaf, ...subCas] = hashesOf(ev)
    if (!leaf) throw new Error('there is a leaf')
    const evidence = (data: object[]) => ({ iso15118CertificateHashData: data })
    const unknownIssuer = { ...leaf, issuerKeyHash: '00'.repeat(32) }
    expect(await authorize(evidence([unknownIssuer]))).toEqual(['CertChainError', 'Invalid'])
    expect(await authorize(evidence([{ ...leaf, serialNumber: '0badc0de' }]))).toEqual([
      'CertChainError',
      'Invalid',
    ])
    expect(await authorize(evidence(subCas))).toEqual(['CertChainError', 'Invalid'])
    expect(await authorize(evidence([{ ...leaf, issuerNameHash: 'xyz' }]))).toEqual([
      'CertChainError',
      'Invalid',
    ])
  })

  test('CertificateRevoked after the contract was suspended, and Accepted after it was resumed', async () => {
    const ev = await carWithContract()
    const [contract] = await world.store.contracts.list()
    await world.contracts.pool.suspend(contract?.id ?? '')
    expect(await authorize(hashed(ev))).toEqual(['CertificateRevoked', 'Invalid'])
    await world.contracts.pool.resume(contract?.id ?? '')
    expect(await authorize(hashed(ev))).toEqual(['Accepted', 'Accepted'])
  })

  test('CertificateExpired when the certificate has ended', async () => {
    const ev = await carWithContract()
    aheadMs = 3 * 365 * DAY_MS
    expect(await authorize(hashed(ev))).toEqual(['CertificateExpired', 'Expired'])
  })
})

/** A contract certificate of another mobility operator; its root is trusted unless said otherwise. */
async function foreignContract(options: {
  emaid: string
  trusted?: boolean
  known?: boolean
  ocspUrl?: string
}) {
  const { emaid, trusted = true, known = true, ocspUrl = 'http://ocsp.mo.example/' } = options
  const addresses = ocspUrl === '' ? undefined : { ocspUrl }
  const root = createRoot('15118-2', 'mo-root', 'Foreign MO Root')
  const sub1 = createSub(root, '15118-2', 'mo-sub1', 'Foreign MO Sub1')
  const sub2 = createSub(sub1, '15118-2', 'mo-sub2', 'Foreign MO Sub2', addresses)
  const { certificate } = issue(sub2, '15118-2', 'contract', emaid)
  if (trusted) {
    const pem = [root, sub1, sub2].map((ca) => ca.certificate.toPem()).join('')
    const result = await world.contracts.trust('MO', pem)
    if (!result.ok) throw new Error(result.message)
  }
  const token = {
    type: 'eMAID',
    idToken: emaid,
    status: 'Accepted',
    group: null,
    expiresAt: null,
    masterPass: false,
    updatedAt: new Date().toISOString(),
  } as const
  if (known) await world.store.tokens.put(token)
  const chain = [certificate, sub2.certificate, sub1.certificate]
  const hashes = chain.slice(0, 1).map((one) => ({
    ...certificateHashData(one, sub2.certificate),
    responderURL: 'http://ocsp.mo.example/',
  }))
  return { pem: chain.map((one: Certificate) => one.toPem()).join(''), hashes }
}

describe('a contract of another mobility operator', () => {
  const reopen = async (change: Parameters<typeof startPnc>[0]) => {
    await close()
    await open({ ...change, external: change?.external ?? external })
  }
  let asked: string[] = []
  let verdict: 'good' | 'revoked' | 'unknown' = 'good'
  const external = {
    status: async ({ urls }: { urls: readonly string[] }) => {
      asked.push(...urls)
      return { kind: verdict }
    },
  }
  beforeEach(async () => {
    asked = []
    verdict = 'good'
    await reopen({})
  })

  test('is accepted when its responder says good, and the account is known', async () => {
    const { pem } = await foreignContract({ emaid: 'NLABC123456789' })
    expect(await authorize({ certificate: pem }, 'NLABC123456789')).toEqual(['Accepted', 'Accepted'])
    expect(asked).toEqual(['http://ocsp.mo.example/'])
  })

  test('is ContractCancelled and Unknown when nobody here knows the account', async () => {
    const { pem } = await foreignContract({ emaid: 'NLABC123456789', known: false })
    expect(await authorize({ certificate: pem }, 'NLABC123456789')).toEqual(['ContractCancelled', 'Unknown'])
  })

  test('is refused when its responder says revoked, or nothing', async () => {
    const { pem } = await foreignContract({ emaid: 'NLABC123456789' })
    verdict = 'revoked'
    expect(await authorize({ certificate: pem }, 'NLABC123456789')).toEqual(['CertificateRevoked', 'Invalid'])
    verdict = 'unknown'
    expect(await authorize({ certificate: pem }, 'NLABC123456789')).toEqual(['CertChainError', 'Invalid'])
  })

  test('without a responder is refused, unless policy accepts it, which leaves a line in the audit trail', async () => {
    const first = await foreignContract({ emaid: 'NLABC123456789', ocspUrl: '' })
    expect(await authorize({ certificate: first.pem }, 'NLABC123456789')).toEqual([
      'CertChainError',
      'Invalid',
    ])
    await reopen({ policy: { contractWithoutResponder: 'accept' } })
    const { pem } = await foreignContract({ emaid: 'NLABC123456789', ocspUrl: '' })
    expect(await authorize({ certificate: pem }, 'NLABC123456789')).toEqual(['Accepted', 'Accepted'])
    const [line] = await world.store.audit.list({ action: 'contract.unchecked' })
    expect(line).toMatchObject({ actor: 'station:CS-1', subject: 'NLABC123456789' })
  })

  test('by hashes alone is refused, unless policy accepts what it cannot bind', async () => {
    const first = await foreignContract({ emaid: 'NLABC123456789' })
    const evidence = (hashes: object[]) => ({ iso15118CertificateHashData: hashes })
    expect(await authorize(evidence(first.hashes), 'NLABC123456789')).toEqual(['CertChainError', 'Invalid'])
    await reopen({ policy: { hashOfUnknownContract: 'accept' } })
    const { hashes } = await foreignContract({ emaid: 'NLABC123456789' })
    expect(await authorize(evidence(hashes), 'NLABC123456789')).toEqual(['Accepted', 'Accepted'])
    verdict = 'revoked'
    expect(await authorize(evidence(hashes), 'NLABC123456789')).toEqual(['CertificateRevoked', 'Invalid'])
  })
})

test('refusals are in the security log of the station', async () => {
  await authorize({ certificate: 'no certificate' })
  const events = await world.store.events.list({ stationId: 'CS-1' })
  expect(events).toEqual(
    expect.arrayContaining([expect.objectContaining({ kind: 'csms-security', type: 'ContractRefused' })]),
  )
})

test('an eMAID with a contract charges on TransactionEvent as well, until the contract is suspended', async () => {
  const { id } = await world.contract(PCID, EMAID)
  const event = (seqNo: number) => ({
    eventType: seqNo === 0 ? 'Started' : 'Updated',
    timestamp: new Date().toISOString(),
    triggerReason: 'Authorized',
    seqNo,
    transactionInfo: { transactionId: 'tx-1' },
    idToken: { type: 'eMAID', idToken: 'DE-GKP-123456789' },
    evse: { id: 1, connectorId: 1 },
  })
  expect(await station.ok('TransactionEvent', event(0))).toMatchObject({
    idTokenInfo: { status: 'Accepted' },
  })
  await world.contracts.pool.suspend(id)
  expect(await station.ok('TransactionEvent', event(1))).toMatchObject({ idTokenInfo: { status: 'Blocked' } })
})
