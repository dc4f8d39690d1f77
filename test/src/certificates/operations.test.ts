import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Certificate,
  certificateProfile,
  createSoftwareSigner,
  importPkcs12,
  importPrivateKey,
  issueRoot,
  validatePath,
} from '../../../pki/index.ts'
import { adoptAuthority } from '../../../src/certificates/adopting.ts'
import { withKey } from '../../../src/certificates/authorities.ts'
import { readRequest } from '../../../src/certificates/ceremony/documents.ts'
import { describeRequest, signRequest } from '../../../src/certificates/ceremony/signing.ts'
import { createTestCertificates, ORGANISATION, type TestCertificates } from './support.ts'

let online: TestCertificates

beforeEach(async () => {
  online = await createTestCertificates()
})
afterEach(() => online.close())

const adoptionOptions = (of: TestCertificates) => ({ ...of.options, issuance: of.service.issuance })

async function leafOf(of: TestCertificates, line = 'cpo-sub2'): Promise<Certificate> {
  return of.service.issuance.issue({
    authority: of.service.authorities.signing(line),
    profile: certificateProfile('secc-leaf'),
    subject: { commonName: 'SECC-1', organization: ORGANISATION },
    publicKey: createSoftwareSigner(p256()).publicKeySpki,
  })
}

function p256(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

describe('a new generation', () => {
  test('issues from then on, and the old one still answers for what it issued', async () => {
    const { service } = online
    const old = await leafOf(online)
    const done = await service.operations.submit({ kind: 'new-generation', line: 'cpo-sub2' }, 'alice')
    expect(done).toMatchObject({ state: 'done', result: { authorityId: 'cpo-sub2-g2' } })
    const next = await leafOf(online)
    const [second, first] = service.authorities.generations('cpo-sub2')
    expect(next.isSignedBy(second?.certificate ?? old)).toBe(true)
    expect(old.isSignedBy(first?.certificate ?? next)).toBe(true)
    expect(second?.certificate.subjectText).toContain('CPO Sub-CA 2 G2')
    expect(await online.store.certificates.crl('cpo-sub2-g2', 'full')).toBeDefined()
    expect(service.ocsp.responders().find((one) => one.authorityId === 'cpo-sub2-g2')?.delegate).toBeDefined()
    expect(await service.revoke(old.fingerprint, 'superseded')).toBe('revoked')
    const crl = await online.store.certificates.revocations('cpo-sub2', new Date(0).toISOString(), 10)
    expect(crl.map(({ serialNumber }) => serialNumber)).toContain(old.serialHex)
  })

  test('of a root is cross-signed both ways, so that either root leads to what either issued', async () => {
    const { service, clock } = online
    const oldRoot = service.authorities.signing('v2g-root').certificate
    const oldLeaf = await leafOf(online)
    const done = await service.operations.submit({ kind: 'new-generation', line: 'v2g-root' }, 'alice')
    const crosses = (done.result as { crossCertificates: string[] }).crossCertificates
    expect(crosses).toHaveLength(2)
    for (const line of ['cpo-sub1', 'cpo-sub2'])
      await service.operations.submit({ kind: 'new-generation', line }, 'alice')
    const newRoot = service.authorities.signing('v2g-root').certificate
    expect(newRoot.fingerprint).not.toBe(oldRoot.fingerprint)
    const newLeaf = await leafOf(online)
    const pool = [...service.authorities.values()].map(({ certificate }) => certificate)
    for (const fingerprint of crosses) {
      const record = await online.store.certificates.byFingerprint(fingerprint)
      pool.push(Certificate.parse(record?.der ?? new Uint8Array()))
    }
    for (const leaf of [oldLeaf, newLeaf])
      for (const anchor of [oldRoot, newRoot]) {
        const path = validatePath({ leaf, intermediates: pool, anchors: [anchor], atMs: clock.now() })
        expect(path, JSON.stringify(path)).toMatchObject({ ok: true })
      }
  })

  test('survives a restart, and the same authorities are there', async () => {
    await online.service.operations.submit({ kind: 'new-generation', line: 'station-ca' }, 'alice')
    const again = await createTestCertificates({ store: online.store, keys: online.keys })
    expect(again.service.authorities.current('station-ca')?.record.id).toBe('station-ca-g2')
    expect([...again.service.authorities.keys()].sort()).toEqual(
      [...online.service.authorities.keys()].sort(),
    )
    await again.service.stop()
  })

  test('made by another process is noticed', async () => {
    const other = await createTestCertificates({ store: online.store, keys: online.keys })
    await other.service.operations.submit({ kind: 'new-generation', line: 'mo-sub2' }, 'alice')
    expect(online.service.authorities.has('mo-sub2-g2')).toBe(false)
    await online.service.upkeep()
    expect(online.service.authorities.current('mo-sub2')?.record.id).toBe('mo-sub2-g2')
    await other.service.stop()
  })

  test('is refused where there is no such line; the last one is never retired', async () => {
    const { operations } = online.service
    expect(await operations.submit({ kind: 'new-generation', line: 'nothing' }, 'a')).toMatchObject({
      state: 'failed',
    })
    expect(await operations.submit({ kind: 'retire', authorityId: 'cpo-sub2' }, 'a')).toMatchObject({
      state: 'failed',
      detail: expect.stringContaining('only active generation'),
    })
    await operations.submit({ kind: 'new-generation', line: 'cpo-sub2' }, 'a')
    expect(await operations.submit({ kind: 'retire', authorityId: 'cpo-sub2-g2' }, 'a')).toMatchObject({
      state: 'done',
    })
    expect(online.service.authorities.current('cpo-sub2')?.record.id).toBe('cpo-sub2')
    expect(await operations.submit({ kind: 'retire', authorityId: 'cpo-sub2-g2' }, 'a')).toMatchObject({
      state: 'failed',
    })
    expect(
      await operations.submit({ kind: 'cross-sign', subjectId: 'cpo-sub2', issuerId: 'cpo-sub2' }, 'a'),
    ).toMatchObject({ state: 'failed' })
  })
})

describe('issuing', () => {
  test('writes the serial number down before the key is used', async () => {
    const { service, store } = online
    const signing = service.authorities.signing('cpo-sub2')
    const seen: string[] = []
    const reserve = store.certificates.reserveSerial
    store.certificates.reserveSerial = async (serial) => {
      await reserve(serial)
      seen.push('reserved')
    }
    const record = store.certificates.recordIssued
    store.certificates.recordIssued = async (certificate, order) => {
      seen.push('recorded')
      await record(certificate, order)
    }
    await leafOf(online)
    expect(seen).toEqual(['reserved', 'recorded'])
    expect(signing.record.id).toBe('cpo-sub2')
  })

  test('a number left behind by a process that died is forgotten after an hour, and said so', async () => {
    const { store, service, clock } = online
    const at = new Date(clock.now()).toISOString()
    await store.certificates.reserveSerial({ authorityId: 'cpo-sub2', serialNumber: 'abc', profile: 'p', at })
    await service.upkeep()
    clock.advance(2 * 3_600_000)
    await service.upkeep()
    const [entry] = await store.audit.list({ action: 'certificate.abandoned' })
    expect(entry).toMatchObject({ subject: 'cpo-sub2', detail: { serialNumber: 'abc' } })
  })

  test('refuses what breaks its own rules before the key is used', async () => {
    const authority = online.service.authorities.signing('cpo-sub2')
    const wrong = { ...certificateProfile('secc-leaf'), id: 'wrong', ca: { pathLength: undefined } }
    await expect(
      online.service.issuance.issue({
        authority,
        profile: wrong,
        subject: { commonName: 'SECC-1', organization: ORGANISATION },
        publicKey: createSoftwareSigner(p256()).publicKeySpki,
      }),
    ).rejects.toThrow(/does not fit|breaks its own rules/)
  })
})

describe('four eyes', () => {
  beforeEach(async () => {
    await online.close()
    online = await createTestCertificates({ fourEyes: ['new-generation', 'issue:contract'] })
  })

  test('nothing happens before somebody else agrees', async () => {
    const { operations, authorities } = online.service
    const waiting = await operations.submit({ kind: 'new-generation', line: 'cpo-sub2' }, 'alice')
    expect(waiting.state).toBe('waiting')
    expect(authorities.generations('cpo-sub2')).toHaveLength(1)
    await expect(operations.decide(waiting.id, 'approve', 'alice')).rejects.toMatchObject({
      code: 'operation.same-person',
    })
    const done = await operations.decide(waiting.id, 'approve', 'bob')
    expect(done).toMatchObject({ state: 'done', requestedBy: 'alice', decidedBy: 'bob' })
    expect(authorities.generations('cpo-sub2')).toHaveLength(2)
    await expect(operations.decide(waiting.id, 'approve', 'carol')).rejects.toMatchObject({
      code: 'operation.settled',
    })
  })

  test('two who agree at the same time make one generation', async () => {
    const { operations, authorities } = online.service
    const waiting = await operations.submit({ kind: 'new-generation', line: 'cpo-sub2' }, 'alice')
    const outcomes = await Promise.allSettled([
      operations.decide(waiting.id, 'approve', 'bob'),
      operations.decide(waiting.id, 'approve', 'carol'),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(authorities.generations('cpo-sub2')).toHaveLength(2)
  })

  test('what is rejected stays undone, and what needs nobody is done at once', async () => {
    const { operations, authorities } = online.service
    const waiting = await operations.submit({ kind: 'new-generation', line: 'cpo-sub2' }, 'alice')
    expect(await operations.decide(waiting.id, 'reject', 'alice')).toMatchObject({ state: 'rejected' })
    expect(authorities.generations('cpo-sub2')).toHaveLength(1)
    await expect(operations.decide('nothing', 'approve', 'bob')).rejects.toMatchObject({
      code: 'operation.unknown',
    })
    expect(operations.needsApproval({ kind: 'issue', profile: 'contract', csr: '' })).toBe(true)
    expect(operations.needsApproval({ kind: 'issue', profile: 'secc-leaf', csr: '' })).toBe(false)
  })
})

describe('a ceremony', () => {
  /** The machine with the root, which is never connected: only the V2G root is there. */
  let offline: TestCertificates

  beforeEach(async () => {
    await online.close()
    offline = await createTestCertificates()
    online = await createTestCertificates({ offlineLines: ['v2g-root'] })
  })
  afterEach(() => offline.close())

  const offlineOptions = () => ({
    store: offline.store,
    clock: offline.clock,
    authorities: offline.service.authorities,
    issuance: offline.service.issuance,
  })

  async function trustRoot(): Promise<void> {
    await adoptAuthority(adoptionOptions(online), online.service.authorities, {
      line: 'v2g-root',
      certificate: offline.service.authorities.signing('v2g-root').certificate,
      origin: 'imported',
      actor: 'alice',
    })
  }

  async function ask(what: 'authority' | 'ocsp-responder' | 'crl', subject: string) {
    const operation = await online.service.operations.submit({ kind: 'ceremony', what, subject }, 'alice')
    expect(operation, operation.detail ?? '').toMatchObject({ state: 'awaiting-answer' })
    return { operation, file: JSON.stringify((operation.result as { request: object }).request) }
  }

  test('brings up the whole hierarchy below a root whose key is never online', async () => {
    const { service, store } = online
    expect(service.authorities.has('v2g-root')).toBe(false)
    expect(service.authorities.has('cpo-sub1')).toBe(false)
    await trustRoot()
    const { operation, file } = await ask('authority', 'cpo-sub1')
    const request = readRequest(file)
    expect(describeRequest(request, offline.service.authorities).join(' ')).toContain('CPO Sub-CA 1')
    const answer = await signRequest(offlineOptions(), request)
    const done = await service.operations.answer(operation.id, JSON.stringify(answer), 'alice')
    expect(done).toMatchObject({ state: 'done', result: { authorityId: 'cpo-sub1' } })
    // What hangs below it is made at once, and works.
    const leaf = await leafOf(online)
    const chain = service.authorities.chain('cpo-sub2').map(({ certificate }) => certificate)
    const path = validatePath({
      leaf,
      intermediates: chain,
      anchors: [offline.service.authorities.signing('v2g-root').certificate],
      atMs: online.clock.now(),
    })
    expect(path).toMatchObject({ ok: true })
    expect((await store.keyBlobs.names()).filter((name) => name.includes('v2g-root'))).toEqual([])
    expect(() => withKey(service.authorities.get('v2g-root') as never)).toThrow(/ceremony/)
    const [entry] = await offline.store.audit.list({ action: 'ceremony.authority' })
    expect(entry).toMatchObject({ subject: 'cpo-sub1', detail: { request: request.id } })
  })

  test('may be held at an authority that only knows PKCS#10 and PEM', async () => {
    await online.close()
    // openssl knows one time only.
    online = await createTestCertificates({ offlineLines: ['v2g-root'], startMs: Date.now() + 60_000 })
    const key = p256()
    const signer = createSoftwareSigner(key)
    const atMs = online.clock.now()
    const root = await issueRoot({
      profile: certificateProfile('v2g-root'),
      subject: { commonName: 'Root of the house', organization: ORGANISATION },
      ...{ signer, atMs, random: randomBytes(16) },
    })
    await adoptAuthority(adoptionOptions(online), online.service.authorities, {
      ...{ line: 'v2g-root', certificate: root, origin: 'imported', actor: 'alice' },
    })
    const { operation, file } = await ask('authority', 'cpo-sub1')
    const { csr, commonName } = readRequest(file)
    const folder = mkdtempSync(join(tmpdir(), 'gridkeep-ceremony-'))
    const at = (name: string): string => join(folder, name)
    try {
      writeFileSync(at('root.key'), key.export({ type: 'pkcs8', format: 'pem' }))
      writeFileSync(at('root.pem'), root.toPem())
      writeFileSync(at('sub.csr'), csr)
      writeFileSync(
        at('ca.ext'),
        'basicConstraints=critical,CA:true,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
      )
      const openssl = (...args: readonly string[]): string =>
        execFileSync('openssl', [...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
      expect(openssl('req', '-in', 'sub.csr', '-noout', '-verify', '-subject')).toContain('DC = V2G')
      openssl(
        ...['x509', '-req', '-in', 'sub.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-days', '900'],
        ...['-set_serial', '0x4711471147114711', '-extfile', 'ca.ext', '-out', 'sub.pem'],
      )
      const pem = readFileSync(at('sub.pem'), 'utf8')
      await expect(online.service.operations.answer(operation.id, root.toPem(), 'alice')).rejects.toThrow(
        /key of the request/,
      )
      const done = await online.service.operations.answer(operation.id, root.toPem() + pem, 'alice')
      expect(done).toMatchObject({ state: 'done', result: { authorityId: 'cpo-sub1' } })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    expect(online.service.authorities.get('cpo-sub1')?.certificate.commonName).toBe(commonName)
    expect((await leafOf(online)).isCa).toBe(false)
  })

  test('brings OCSP answers and CRLs of the offline root', async () => {
    await trustRoot()
    const { operation, file } = await ask('ocsp-responder', 'v2g-root')
    const answer = await signRequest(offlineOptions(), readRequest(file))
    await online.service.operations.answer(operation.id, JSON.stringify(answer), 'alice')
    const responder = online.service.ocsp.responders().find((one) => one.authorityId === 'v2g-root')
    expect(responder?.delegate).toBeDefined()
    const crl = await ask('crl', 'v2g-root')
    const signed = await signRequest(offlineOptions(), readRequest(crl.file))
    await online.service.operations.answer(crl.operation.id, JSON.stringify(signed), 'alice')
    const published = await online.service.crls.published('v2g-root', 'full')
    expect(published?.number).toBeGreaterThan(0)
    // The same CRL again is no newer one.
    const second = await ask('crl', 'v2g-root')
    await expect(
      online.service.operations.answer(
        second.operation.id,
        JSON.stringify({ ...signed, id: readRequest(second.file).id }),
        'x',
      ),
    ).rejects.toMatchObject({ code: 'operation.invalid' })
  })

  test('refuses files that were changed, cut, swapped or made up', async () => {
    await trustRoot()
    const { operation, file } = await ask('authority', 'cpo-sub1')
    for (const [from, to] of [
      ['cpo-sub1', 'cps-sub1'],
      ['CPO Sub-CA 1', 'Evil Sub-CA'],
    ] as const)
      expect(() => readRequest(file.replaceAll(from, to))).toThrow(/changed on the way/)
    for (const text of [
      '',
      '[]',
      '{}',
      'null',
      file.slice(0, -5),
      '{"format":"gridkeep-ceremony-request","version":2}',
    ])
      expect(() => readRequest(text)).toThrow(/cannot be used/)
    const other = await ask('authority', 'cps-sub1')
    const answer = await signRequest(offlineOptions(), readRequest(other.file))
    const accept = (text: string) => online.service.operations.answer(operation.id, text, 'alice')
    await expect(accept(JSON.stringify(answer))).rejects.toMatchObject({ code: 'operation.invalid' })
    await expect(accept(JSON.stringify({ ...answer, id: readRequest(file).id }))).rejects.toThrow(
      /key of the request/,
    )
    await expect(accept('nonsense')).rejects.toMatchObject({ code: 'operation.invalid' })
    // A root that nobody trusts here signs the right key: not accepted either.
    const stranger = await createTestCertificates()
    const request = {
      ...readRequest(file),
      issuer: stranger.service.authorities.signing('v2g-root').certificate.fingerprint,
    }
    const forged = await signRequest(
      { ...offlineOptions(), authorities: stranger.service.authorities, issuance: stranger.service.issuance },
      request,
    )
    await expect(accept(JSON.stringify(forged))).rejects.toMatchObject({ code: 'authority.unfit' })
    await stranger.close()
    expect((await online.store.certificates.operation(operation.id))?.state).toBe('awaiting-answer')
  })

  test('the offline machine signs only what its authority signs', async () => {
    await trustRoot()
    const { file } = await ask('authority', 'cpo-sub1')
    const request = readRequest(file)
    await expect(
      signRequest(offlineOptions(), { ...request, issuer: '00'.repeat(32) }),
    ).rejects.toMatchObject({
      code: 'authority.unknown',
    })
    await expect(signRequest(offlineOptions(), { ...request, subject: 'mo-sub1' })).rejects.toMatchObject({
      code: 'authority.conflict',
    })
  })

  test('is needed for what hangs below an offline root', async () => {
    await trustRoot()
    expect(
      await online.service.operations.submit({ kind: 'new-generation', line: 'cpo-sub1' }, 'alice'),
    ).toMatchObject({ state: 'failed', detail: expect.stringContaining('ceremony') })
  })
})

describe('an existing hierarchy', () => {
  let folder: string

  beforeEach(async () => {
    // The clock of the tests stands still; openssl uses the real one.
    await online.close()
    online = await createTestCertificates({ startMs: Date.now() + 60_000 })
    folder = mkdtempSync(join(tmpdir(), 'gridkeep-import-'))
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    writeFileSync(
      join(folder, 'ca.cnf'),
      '[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nO=Old Operator\nCN=Old Station Root\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n[sub]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
    )
    for (const name of ['root', 'sub'])
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'root.key',
      '-days',
      '3650',
      '-config',
      'ca.cnf',
      '-extensions',
      'ca',
      '-out',
      'root.pem',
    )
    openssl(
      'req',
      '-new',
      '-key',
      'sub.key',
      '-config',
      'ca.cnf',
      '-subj',
      '/O=Old Operator/CN=Old Station CA',
      '-out',
      'sub.csr',
    )
    openssl(
      'x509',
      '-req',
      '-in',
      'sub.csr',
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-days',
      '1000',
      '-extfile',
      'ca.cnf',
      '-extensions',
      'sub',
      '-out',
      'sub.pem',
    )
    openssl('pkcs8', '-topk8', '-in', 'sub.key', '-out', 'sub.p8', '-passout', 'pass:secret words')
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      'sub.key',
      '-in',
      'sub.pem',
      '-certfile',
      'root.pem',
      '-out',
      'sub.p12',
      '-passout',
      'pass:secret words',
    )
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const file = (name: string) => execFileSync('cat', [join(folder, name)])

  async function adopt(line: string, certificate: Certificate, privateKey?: KeyObject) {
    return adoptAuthority(adoptionOptions(online), online.service.authorities, {
      line,
      certificate,
      origin: 'imported',
      actor: 'cli',
      ...(privateKey === undefined ? {} : { privateKey }),
    })
  }

  test.each(['PKCS#12', 'encrypted PKCS#8'])('goes on issuing here, from %s', async (kind) => {
    const root = Certificate.parse(file('root.pem').toString())
    expect((await adopt('station-root', root)).authority.record).toMatchObject({
      id: 'station-root-g2',
      keyName: null,
    })
    const identity =
      kind === 'PKCS#12'
        ? importPkcs12(file('sub.p12'), 'secret words')
        : {
            certificate: Certificate.parse(file('sub.pem').toString()),
            privateKey: importPrivateKey(file('sub.p8'), 'secret words'),
          }
    const { authority, findings } = await adopt('station-ca', identity.certificate, identity.privateKey)
    expect(authority.record).toMatchObject({
      id: 'station-ca-g2',
      issuerId: 'station-root-g2',
      origin: 'imported',
    })
    expect(findings.every(({ rule }) => rule.length > 0)).toBe(true)
    await online.service.upkeep()
    const certificate = await online.service.issuance.issue({
      authority: online.service.authorities.signing('station-ca'),
      profile: certificateProfile('station-client'),
      subject: { commonName: 'SN-1', organization: ORGANISATION },
      publicKey: createSoftwareSigner(p256()).publicKeySpki,
    })
    expect(certificate.issuerText).toContain('Old Station CA')
    writeFileSync(join(folder, 'leaf.pem'), certificate.toPem())
    const verified = execFileSync(
      'openssl',
      ['verify', '-CAfile', 'root.pem', '-untrusted', 'sub.pem', 'leaf.pem'],
      { cwd: folder },
    )
    expect(verified.toString()).toContain('OK')
    expect(
      online.service.ocsp.responders().find(({ authorityId }) => authorityId === 'station-ca-g2')?.delegate,
    ).toBeDefined()
  })

  test('is refused where its issuer is unknown, the key is another, it is no CA, or it is here already', async () => {
    const root = Certificate.parse(file('root.pem').toString())
    const sub = Certificate.parse(file('sub.pem').toString())
    await expect(adopt('station-ca', sub)).rejects.toMatchObject({ code: 'authority.unfit' })
    await expect(adopt('station-root', sub)).rejects.toMatchObject({ code: 'authority.unfit' })
    await expect(adopt('nothing', root)).rejects.toMatchObject({ code: 'authority.unknown' })
    await adopt('station-root', root)
    await expect(adopt('station-root', root)).rejects.toMatchObject({ code: 'authority.conflict' })
    await expect(adopt('station-ca', sub, p256())).rejects.toMatchObject({ code: 'key-mismatch' })
    await expect(adopt('station-ca', await leafOf(online))).rejects.toMatchObject({ code: 'authority.unfit' })
    online.clock.advance(1100 * 86_400_000)
    await expect(adopt('station-ca', sub)).rejects.toMatchObject({ code: 'authority.unfit' })
  })
})
