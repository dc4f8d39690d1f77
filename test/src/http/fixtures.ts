import { createHash, X509Certificate } from 'node:crypto'
import type { AuthorityRecord, IssuedCertificate } from '../../../src/store/certificates.ts'
import type { Store } from '../../../src/store/ports.ts'
import type { TestApi } from './harness.ts'

export const AT = '2026-03-01T08:00:00.000Z'
export const FINGERPRINT = 'ab'.repeat(32)
export const PASSWORD = 'a-random-string-of-24-ch'

/** A self-signed P-256 certificate made with openssl for these tests; nothing trusts it. */
const CERTIFICATE_PEM = `-----BEGIN CERTIFICATE-----
MIIBqzCCAVGgAwIBAgIUC6hnR3ip4iFSFJ58wNmr/UIYCOcwCgYIKoZIzj0EAwIw
KjEUMBIGA1UECgwLRXhhbXBsZSBDUE8xEjAQBgNVBAMMCVRlc3QgUm9vdDAgFw0y
NjExMjIwOTE2NTZaGA8yMTI2MTAyOTA5MTY1NlowKjEUMBIGA1UECgwLRXhhbXBs
ZSBDUE8xEjAQBgNVBAMMCVRlc3QgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABPYGNGQ66k04FdbaxhVMLgEMHW1k+bkTZLThVhvuEB8rh82MJGl48vwOsSOw
4KqiohB8v2jwzcyEOwaKk8FqApujUzBRMB0GA1UdDgQWBBSZEs2oV/0xAmWC54W9
+j4gC3Ml9jAfBgNVHSMEGDAWgBSZEs2oV/0xAmWC54W9+j4gC3Ml9jAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDjk1lZN5WTJaL+D4RXxSp5EO/v
iEfjFjGi4lcIHEzm4QIgHAHPdQHjbaCfdaHdvSlybqC7vQUZb/gw2Alfd4M1Bng=
-----END CERTIFICATE-----
`

export const der = new X509Certificate(CERTIFICATE_PEM).raw

export const siteConfig = {
  voltageV: 230,
  root: {
    kind: 'circuit',
    id: 'grid',
    limitA: 100,
    children: [
      {
        kind: 'circuit',
        id: 'row-1',
        limitA: [63, 63, 63],
        children: [
          {
            kind: 'station',
            id: 'CS-001',
            evses: [
              { evseId: 1, supply: { kind: 'ac', rotation: [1, 2, 3], maxA: 32 } },
              { evseId: 2, supply: { kind: 'dc', maxW: 50_000, efficiency: 0.95 } },
            ],
          },
        ],
      },
    ],
  },
}

export function authority(change: Partial<AuthorityRecord> = {}): AuthorityRecord {
  return {
    id: 'root',
    profile: 'v2g-root',
    generation: 1,
    issuerId: null,
    certificateDer: der,
    keyName: 'ca/root/1',
    line: 'root',
    state: 'active',
    origin: 'created',
    createdAt: AT,
    ...change,
  }
}

export function certificate(change: Partial<IssuedCertificate> = {}): IssuedCertificate {
  return {
    fingerprint: FINGERPRINT,
    authorityId: 'sub',
    profile: 'station',
    serialNumber: createHash('sha256')
      .update(change.fingerprint ?? FINGERPRINT)
      .digest('hex')
      .slice(0, 16),
    subject: 'CN=SN-1',
    stationId: 'CS-001',
    notBefore: AT,
    notAfter: '2027-03-01T08:00:00.000Z',
    der,
    keyName: null,
    revokedAt: null,
    revocationReason: null,
    ...change,
  }
}

/** One of everything. */
export async function fill(api: TestApi): Promise<void> {
  await fillStation(api.store)
  await fillSession(api.store)
  await api.store.tokens.put({
    type: 'ISO14443',
    idToken: '04A1B2C3',
    status: 'Accepted',
    group: { type: 'Central', idToken: 'FLEET' },
    expiresAt: '2027-01-01T00:00:00.000Z',
    masterPass: false,
    updatedAt: AT,
  })
  await api.store.certificates.putAuthority(authority())
  await api.store.certificates.putAuthority(authority({ id: 'sub', issuerId: 'root', keyName: 'ca/sub/1' }))
  await api.store.certificates.openOrder(
    { id: 'order-1', stationId: 'CS-001', certificateType: null, keyHash: 'aa', csrPem: 'PEM' },
    AT,
  )
  await api.store.certificates.recordIssued(certificate(), { id: 'order-1', at: AT })
  await api.request('PUT', '/api/v1/sites/depot', { body: siteConfig })
  await api.request('PUT', '/api/v1/sites/depot/limits/evening', {
    body: { nodeId: 'grid', value: 63, unit: 'A' },
  })
}

async function fillStation(store: Store): Promise<void> {
  await store.stations.put(
    {
      id: 'CS-001',
      enrolment: 'active',
      registration: 'Accepted',
      securityProfile: 2,
      passwordHash: 'hash',
      serialNumber: 'SN-1',
      organisation: 'Example CPO',
      group: 'north',
    },
    AT,
  )
  await store.stations.recordBoot('CS-001', {
    at: AT,
    reason: 'PowerUp',
    vendorName: 'Vendor',
    model: 'Model',
    firmwareVersion: '1.0',
  })
  await store.stations.recordConnector({
    stationId: 'CS-001',
    evseId: 1,
    connectorId: 1,
    status: 'Available',
    reportedAt: AT,
    receivedAt: AT,
  })
  await store.stations.recordVariables(
    'CS-001',
    [
      {
        component: 'SmartChargingCtrlr',
        componentInstance: null,
        evseId: null,
        connectorId: null,
        variable: 'Enabled',
        variableInstance: null,
        attributeType: 'Actual',
        value: 'true',
        mutability: 'ReadOnly',
        persistent: true,
        constant: false,
        characteristics: { dataType: 'boolean', supportsMonitoring: false },
      },
    ],
    AT,
  )
  await store.events.record({
    stationId: 'CS-001',
    kind: 'security',
    type: 'TamperDetectionActivated',
    at: AT,
    receivedAt: AT,
    critical: true,
    detail: { techInfo: 'lid' },
  })
}

async function fillSession(store: Store): Promise<void> {
  await store.sessions.record(
    'CS-001',
    {
      eventType: 'Started',
      timestamp: AT,
      triggerReason: 'CablePluggedIn',
      seqNo: 0,
      transactionInfo: { transactionId: 'tx-1', chargingState: 'Charging' },
      evse: { id: 1, connectorId: 1 },
      idToken: { type: 'ISO14443', idToken: '04A1B2C3' },
      meterValue: [
        { timestamp: AT, sampledValue: [{ value: 1000, measurand: 'Energy.Active.Import.Register' }] },
      ],
    },
    AT,
  )
  await store.sessions.recordMeterValues(
    'CS-001',
    1,
    [
      {
        timestamp: '2020-03-01T08:00:00Z',
        sampledValue: [{ value: 16, measurand: 'Current.Import', phase: 'L1' }],
      },
    ],
    AT,
  )
  await store.retention.rollUp(10)
  await store.sessions.recordMeterValues(
    'CS-001',
    1,
    [{ timestamp: AT, sampledValue: [{ value: 7, measurand: 'Current.Import' }] }],
    AT,
  )
}
