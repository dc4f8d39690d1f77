import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificateProfile, createSoftwareSigner } from '../../../pki/index.ts'
import { authorityAdministration } from '../../../src/certificates/administration.ts'
import { createTestCertificates, ORGANISATION, type TestCertificates } from '../certificates/support.ts'
import { createTestApi, seen, type TestApi, unseen } from './harness.ts'

let pki: TestCertificates
let api: TestApi

beforeAll(async () => {
  pki = await createTestCertificates({ fourEyes: ['retire'], offlineLines: ['mo-root'] })
  api = await createTestApi({
    store: pki.store,
    authorities: authorityAdministration(pki.service, pki.store),
  })
})
afterAll(async () => {
  await api.close()
  await pki.service.stop()
})

const order = (body: object, options: object = {}) =>
  api.request('POST', '/api/v1/authority-operations', { body, ...options })

async function leaf() {
  return pki.service.issuance.issue({
    authority: pki.service.authorities.signing('cpo-sub2'),
    profile: certificateProfile('secc-leaf'),
    subject: { commonName: 'SECC-1', organization: ORGANISATION },
    publicKey: createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
      .publicKeySpki,
  })
}

describe('operations on authorities', () => {
  test('are done at once, listed and found again', async () => {
    const made = await order({ kind: 'new-generation', line: 'cpo-sub2' })
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({
      state: 'done',
      result: { authorityId: 'cpo-sub2-g2' },
      requestedBy: 'the-admin',
    })
    const found = await api.request('GET', `/api/v1/authority-operations/${made.json.id}`)
    expect(found.json).toEqual(made.json)
    const listed = await api.request('GET', '/api/v1/authority-operations?state=done')
    expect(JSON.stringify(listed.json)).toContain(String(made.json.id))
    const authorities = await api.request('GET', '/api/v1/authorities')
    expect(JSON.stringify(authorities.json)).toContain('"line":"cpo-sub2"')
    const cross = await order({ kind: 'cross-sign', subjectId: 'cpo-sub2-g2', issuerId: 'station-root' })
    expect(cross.json).toMatchObject({ state: 'done' })
  })

  test('need exactly the fields of their kind', async () => {
    for (const body of [
      { kind: 'new-generation' },
      { kind: 'new-generation', line: 'x', subject: 'y' },
      { kind: 'ceremony', what: 'authority' },
      { kind: 'issue', profile: 'v2g-root', csr: 'x' },
      { kind: 'nothing' },
      {},
    ])
      expect((await order(body)).status, JSON.stringify(body)).toBe(400)
    expect((await order({ kind: 'new-generation', line: 'nothing' })).json).toMatchObject({ state: 'failed' })
  })

  test('wait for another key where four eyes are wanted', async () => {
    const waiting = await order({ kind: 'retire', authorityId: 'cpo-sub2-g2' })
    expect(waiting.json).toMatchObject({ state: 'waiting' })
    const path = `/api/v1/authority-operations/${waiting.json.id}/decision`
    const same = await api.request('POST', path, { body: { decision: 'approve' } })
    expect(same.status).toBe(409)
    const other = await api.request('POST', path, { body: { decision: 'approve' }, role: 'security' })
    expect(other.status).toBe(200)
    expect(other.json).toMatchObject({ state: 'done', decidedBy: 'the-security' })
    expect((await api.request('POST', path, { body: { decision: 'reject' } })).status).toBe(409)
    expect(
      (
        await api.request('POST', '/api/v1/authority-operations/nothing/decision', {
          body: { decision: 'reject' },
        })
      ).status,
    ).toBe(404)
  })

  test('are for security and admin only', async () => {
    for (const role of ['viewer', 'operator'] as const) {
      expect((await order({ kind: 'new-generation', line: 'cpo-sub2' }, { role })).status).toBe(403)
      expect((await api.request('POST', '/api/v1/authorities/cpo-sub2/crl', { role })).status).toBe(403)
      expect((await api.request('GET', '/api/v1/ocsp-responders', { role })).status).toBe(200)
    }
  })

  test('issue certificates for CSRs, and refuse what the identity policy refuses', async () => {
    execFileSync('openssl', [
      'ecparam',
      '-name',
      'prime256v1',
      '-genkey',
      '-noout',
      '-out',
      '/tmp/gridkeep-issue.key',
    ])
    const csr = (subject: string) =>
      execFileSync('openssl', ['req', '-new', '-key', '/tmp/gridkeep-issue.key', '-subj', subject]).toString()
    const made = await order({
      kind: 'issue',
      profile: 'secc-leaf',
      csr: csr(`/O=${ORGANISATION}/CN=SECC-9`),
    })
    expect(made.json).toMatchObject({ state: 'done' })
    const { fingerprint } = made.json.result as { fingerprint: string }
    expect((await api.request('GET', `/api/v1/certificates/${fingerprint}`)).json).toMatchObject({
      authorityId: 'cpo-sub2',
    })
    for (const bad of [csr('/O=Other/CN=SECC-9'), csr(`/O=${ORGANISATION}`), 'nonsense'])
      expect((await order({ kind: 'issue', profile: 'secc-leaf', csr: bad })).json).toMatchObject({
        state: 'failed',
      })
    execFileSync('rm', ['/tmp/gridkeep-issue.key'])
  })

  test('a ceremony gives a file and takes one; a wrong one is refused', async () => {
    const asked = await order({ kind: 'ceremony', what: 'crl', subject: 'cpo-sub1' })
    expect(asked.json).toMatchObject({ state: 'awaiting-answer', result: { request: { kind: 'crl' } } })
    const path = `/api/v1/authority-operations/${asked.json.id}/answer`
    expect((await api.request('POST', path, { body: { answer: '{"nonsense":1}' } })).status).toBe(409)
    const { signRequest } = await import('../../../src/certificates/ceremony/signing.ts')
    const { readRequest } = await import('../../../src/certificates/ceremony/documents.ts')
    const request = readRequest(JSON.stringify((asked.json.result as { request: object }).request))
    const answer = await signRequest(
      { ...pki.options, authorities: pki.service.authorities, issuance: pki.service.issuance },
      request,
    )
    const taken = await api.request('POST', path, { body: { answer: JSON.stringify(answer) } })
    expect(taken.status, taken.text).toBe(200)
    expect(taken.json).toMatchObject({ state: 'done' })
  })
})

describe('certificates', () => {
  test('are exported in every form, as openssl reads them', async () => {
    const { fingerprint } = await leaf()
    for (const [format, args] of [
      ['pem', ['x509', '-noout', '-subject']],
      ['chain', ['x509', '-noout', '-subject']],
      ['der', ['x509', '-inform', 'DER', '-noout', '-subject']],
      ['pkcs7', ['pkcs7', '-inform', 'DER', '-print_certs', '-noout']],
    ] as const) {
      const { status, json } = await api.request(
        'GET',
        `/api/v1/certificates/${fingerprint}/export?format=${format}`,
      )
      expect(status).toBe(200)
      const input = Buffer.from(String(json.content), json.encoding === 'base64' ? 'base64' : 'utf8')
      expect(execFileSync('openssl', args, { input }).toString()).toContain('SECC-1')
    }
    const text = await api.request('GET', `/api/v1/certificates/${fingerprint}/export?format=text`)
    expect(text.json.content).toContain('status          good')
    expect((await api.request('GET', `/api/v1/certificates/${fingerprint}/export?format=exe`)).status).toBe(
      400,
    )
    expect(
      (await api.request('GET', `/api/v1/certificates/${'0'.repeat(64)}/export?format=pem`)).status,
    ).toBe(404)
  })

  test('are found by issuer, serial number, subject and state', async () => {
    const certificate = await leaf()
    await pki.service.revoke(certificate.fingerprint, 'certificateHold')
    const find = async (query: string) =>
      (
        (await api.request('GET', `/api/v1/certificates?${query}`)).json.items as { fingerprint: string }[]
      ).map((one) => one.fingerprint)
    expect(await find(`serialNumber=${certificate.serialHex}`)).toEqual([certificate.fingerprint])
    expect(await find('subject=secc-1&revoked=true')).toContain(certificate.fingerprint)
    expect(await find('subject=secc-1&revoked=false')).not.toContain(certificate.fingerprint)
    expect(await find('authorityId=mo-sub2')).toEqual([])
    const released = await api.request('DELETE', `/api/v1/certificates/${certificate.fingerprint}/revocation`)
    expect(released.json).toMatchObject({ revokedAt: null })
    expect(
      (await api.request('DELETE', `/api/v1/certificates/${certificate.fingerprint}/revocation`)).status,
    ).toBe(409)
    expect((await api.request('DELETE', `/api/v1/certificates/${'0'.repeat(64)}/revocation`)).status).toBe(
      404,
    )
  })

  test('CRLs and responders are shown, and a CRL is made on demand', async () => {
    const made = await api.request('POST', '/api/v1/authorities/cpo-sub2/crl')
    expect(made.json).toMatchObject({ authorityId: 'cpo-sub2', kind: 'full' })
    const again = await api.request('POST', '/api/v1/authorities/cpo-sub2/crl')
    expect(Number(again.json.number)).toBeGreaterThan(Number(made.json.number))
    const crls = await api.request('GET', '/api/v1/crls')
    expect(JSON.stringify(crls.json)).toContain('"kind":"delta"')
    const responders = await api.request('GET', '/api/v1/ocsp-responders')
    expect(JSON.stringify(responders.json)).toContain('"authorityId":"cpo-sub2"')
    expect((await api.request('POST', '/api/v1/authorities/nothing/crl')).status).toBe(404)
  })
})

test('every operation that needs a certificate service was seen to succeed', () => {
  expect(seen).toContain('deleteCertificateHold 200')
  expect(unseen(/^\/(crls|ocsp-responders|authority-operations)|\/(crl|export)$|^\/authorities$/)).toEqual([])
})
