/** C07.FR.13-17 over a socket: the table of what a car with a contract is told, row by row and for both kinds of evidence. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { certificateHashData } from '../../pki/index.ts'
import type { PlugAndChargeEv } from '../../src/simulator/ev/index.ts'
import type { IdToken } from '../../src/store/tokens.ts'
import type { PncWorld } from '../support/pnc.ts'
import type { TestClient } from './support/ocpp-client.ts'
import { DAY_MS, EMAID, PCID, type PncService, startPncService } from './support/pnc-service.ts'

const YEAR_MS = 365 * DAY_MS

let pnc: PncService
let world: PncWorld
let station: TestClient
let aheadMs = 0
beforeEach(async () => {
  aheadMs = 0
  pnc = await startPncService({ clock: { now: () => Date.now() + aheadMs } })
  world = pnc.world
  station = pnc.station
})
afterEach(() => pnc.close())

const EVIDENCE = {
  chain: (ev: PlugAndChargeEv) => ({ certificate: ev.authorization()?.certificateChainPem }),
  hashes: ({ contract }: PlugAndChargeEv) => {
    const [root] = world.certificates.authorities.generations('mo-root')
    const chain = contract ? [contract.certificate, ...contract.subCas] : []
    return {
      iso15118CertificateHashData: chain.map((one, index) => ({
        ...certificateHashData(one, chain[index + 1] ?? root?.certificate ?? one),
        responderURL: 'http://ocsp.example.com/',
      })),
    }
  },
} as const

const token = (change: Partial<IdToken>) =>
  world.store.tokens.put({
    type: 'eMAID',
    idToken: EMAID,
    status: 'Accepted',
    group: null,
    expiresAt: null,
    masterPass: false,
    updatedAt: new Date().toISOString(),
    ...change,
  })

interface Row {
  readonly finding: string
  readonly id: string
  readonly certificateStatus: string
  readonly status: string
  readonly cause: (ev: PlugAndChargeEv, contractId: string) => unknown
  readonly emaid?: string
}

const rows: readonly Row[] = [
  {
    finding: 'the chain is valid and the token usable',
    id: 'FR.14',
    certificateStatus: 'Accepted',
    status: 'Accepted',
    cause: () => undefined,
  },
  ...(['Blocked', 'Invalid'] as const).map((status) => ({
    finding: `the chain is valid and the token ${status}`,
    id: 'FR.13',
    certificateStatus: 'ContractCancelled',
    status,
    cause: () => token({ status }),
  })),
  {
    finding: 'the chain is valid and the token Expired',
    id: 'FR.13',
    certificateStatus: 'ContractCancelled',
    status: 'Expired',
    cause: () => token({ expiresAt: new Date(Date.now() - 1000).toISOString() }),
  },
  {
    finding: 'the chain is valid and the contract has ended before its certificate',
    id: 'FR.13',
    certificateStatus: 'ContractCancelled',
    status: 'Expired',
    cause: (_, id) =>
      world.contracts.pool.change(id, { validUntil: new Date(Date.now() - 1000).toISOString() }),
  },
  {
    finding: 'the certificate has expired',
    id: 'FR.15',
    certificateStatus: 'CertificateExpired',
    status: 'Expired',
    cause: () => {
      aheadMs = 3 * YEAR_MS
    },
  },
  {
    finding: 'the certificate is revoked',
    id: 'FR.16',
    certificateStatus: 'CertificateRevoked',
    status: 'Invalid',
    cause: (ev) => world.certificates.revoke(ev.contract?.certificate.fingerprint ?? '', 'keyCompromise'),
  },
  {
    finding: 'a sub-CA above it is revoked',
    id: 'FR.16',
    certificateStatus: 'CertificateRevoked',
    status: 'Invalid',
    cause: (ev) => world.certificates.revoke(ev.contract?.subCas[0]?.fingerprint ?? '', 'cACompromise'),
  },
  {
    finding: 'it is the certificate of another account',
    id: 'FR.17',
    certificateStatus: 'CertChainError',
    status: 'Invalid',
    cause: () => world.contract('WGKTESTCAR1234567Y', 'DEGKP000000002'),
    emaid: 'DEGKP000000002',
  },
]

describe.each(['chain', 'hashes'] as const)('by its %s', (kind) => {
  test.each(rows)('$id: $certificateStatus and $status when $finding', async (row) => {
    const { id } = await world.contract(PCID, EMAID)
    const ev = world.car(PCID)
    await world.install(ev)
    const evidence = EVIDENCE[kind](ev)
    await row.cause(ev, id)
    const answer = await station.ok('Authorize', {
      idToken: { type: 'eMAID', idToken: row.emaid ?? EMAID },
      ...evidence,
    })
    expect(answer).toMatchObject({
      certificateStatus: row.certificateStatus,
      idTokenInfo: { status: row.status },
    })
  })
})

test('C08: a token of another kind is judged as a token; a chain beside it proves nothing for it', async () => {
  await world.contract(PCID, EMAID)
  const ev = world.car(PCID)
  await world.install(ev)
  await token({ type: 'ISO14443', idToken: '04A1B2C3' })
  const idToken = { type: 'ISO14443', idToken: '04A1B2C3' }
  expect(await station.ok('Authorize', { idToken })).toEqual({
    idTokenInfo: expect.objectContaining({ status: 'Accepted' }),
  })
  expect(await station.ok('Authorize', { idToken, ...EVIDENCE.chain(ev) })).toMatchObject({
    certificateStatus: 'CertChainError',
    idTokenInfo: { status: 'Invalid' },
  })
})
