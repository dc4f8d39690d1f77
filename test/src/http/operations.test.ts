import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FINGERPRINT, fill, PASSWORD, siteConfig } from './fixtures.ts'
import { contract, createTestApi, seen, type TestApi } from './harness.ts'

/** One good request per operation, in an order in which they work; the harness checks each answer against openapi.yaml. */
const requests: readonly [
  operation: string,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  status: number,
  body?: unknown,
][] = [
  ['getSelf', 'GET', '/self', 200],
  ['createSignIn', 'POST', '/sign-in', 204],
  ['deleteSignIn', 'DELETE', '/sign-in', 204],
  ['listStations', 'GET', '/stations?group=north&limit=5', 200],
  ['getStation', 'GET', '/stations/CS-001', 200],
  ['putStation', 'PUT', '/stations/CS-002', 201, { securityProfile: 1, password: PASSWORD }],
  ['listConnectors', 'GET', '/stations/CS-001/connectors', 200],
  ['listVariables', 'GET', '/stations/CS-001/variables?component=SmartChargingCtrlr', 200],
  ['listEvents', 'GET', '/station-events?kind=security&order=newest', 200],
  ['listStationEvents', 'GET', '/stations/CS-001/events?critical=true', 200],
  ['listStationMeterValues', 'GET', '/stations/CS-001/meter-values?evseId=1', 200],
  [
    'listStationMeterQuarters',
    'GET',
    '/stations/CS-001/meter-quarters?evseId=1&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z',
    200,
  ],
  ['listStationMessages', 'GET', '/stations/CS-001/messages', 200],
  ['listMessages', 'GET', '/messages?stationId=CS-001&text=evse', 200],
  ['exportMessages', 'GET', '/messages.ndjson?limit=10', 200],
  ['callStation', 'POST', '/stations/CS-001/calls/Reset', 200, { type: 'OnIdle' }],
  ['disconnectStation', 'DELETE', '/stations/CS-001/connection', 204],
  ['createOrder', 'POST', '/stations/CS-001/orders/ClearCache', 200, {}],
  ['listOrders', 'GET', '/orders?stationId=CS-001&action=ClearCache&state=done', 200],
  ['getLocalList', 'GET', '/stations/CS-001/local-list', 200],
  ['putLocalList', 'PUT', '/stations/CS-001/local-list', 200, { full: true }],
  ['listSessions', 'GET', '/sessions?active=true', 200],
  ['getSession', 'GET', '/sessions/CS-001/tx-1', 200],
  ['listSessionEvents', 'GET', '/sessions/CS-001/tx-1/events', 200],
  ['listSessionMeterValues', 'GET', '/sessions/CS-001/tx-1/meter-values', 200],
  ['listIdTokens', 'GET', '/id-tokens', 200],
  ['getIdToken', 'GET', '/id-tokens/ISO14443/04a1b2c3', 200],
  ['putIdToken', 'PUT', '/id-tokens/eMAID/DE8AAC1B2C3D4E5', 201, { status: 'Accepted', masterPass: true }],
  ['deleteIdToken', 'DELETE', '/id-tokens/eMAID/DE8AAC1B2C3D4E5', 204],
  ['listCertificates', 'GET', '/certificates?stationId=CS-001', 200],
  ['getCertificate', 'GET', `/certificates/${FINGERPRINT}`, 200],
  ['getCertificatePem', 'GET', `/certificates/${FINGERPRINT}/pem`, 200],
  ['revokeCertificate', 'POST', `/certificates/${FINGERPRINT}/revocation`, 200, { reason: 'superseded' }],
  ['listAuthorities', 'GET', '/authorities', 200],
  ['getAuthorityPem', 'GET', '/authorities/sub/pem', 200],
  ['listSigningOrders', 'GET', '/signing-orders?state=issued', 200],
  ['listSites', 'GET', '/sites', 200],
  ['putSite', 'PUT', '/sites/depot', 200, siteConfig],
  ['getSite', 'GET', '/sites/depot', 200],
  [
    'listSiteMeterQuarters',
    'GET',
    '/sites/depot/meter-quarters?by=evse&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z',
    200,
  ],
  ['getSiteStatus', 'GET', '/sites/depot/status', 200],
  ['reportMeter', 'PUT', '/sites/depot/meters/grid', 204, { currentA: [31.2, 28.4, -4.1] }],
  ['listLimits', 'GET', '/sites/depot/limits', 200],
  ['putLimit', 'PUT', '/sites/depot/limits/night', 200, { nodeId: 'grid', value: 20, unit: 'A' }],
  ['deleteLimit', 'DELETE', '/sites/depot/limits/night', 204],
  ['deleteSite', 'DELETE', '/sites/depot', 204],
  ['listAudit', 'GET', '/audit', 200],
  ['createApiKey', 'POST', '/api-keys', 201, { name: 'dashboard', role: 'viewer' }],
  ['listApiKeys', 'GET', '/api-keys', 200],
  ['deleteStation', 'DELETE', '/stations/CS-002', 204],
]

describe('every operation of the contract', () => {
  let api: TestApi

  beforeAll(async () => {
    api = await createTestApi()
    await fill(api)
    api.bus.outcome = { kind: 'answered', payload: { status: 'Accepted' } }
  })
  afterAll(() => api.close())

  test.each(requests)('%s answers as openapi.yaml says', async (operation, method, path, status, body) => {
    const answer = await api.request(method, `/api/v1${path}`, { body })
    expect(answer.status, answer.text).toBe(status)
    expect(seen).toContain(`${operation} ${status}`)
  })

  test('revokeApiKey answers as openapi.yaml says', async () => {
    const created = await api.request('POST', '/api/v1/api-keys', {
      body: { name: 'gone-soon', role: 'viewer' },
    })
    expect((await api.request('DELETE', `/api/v1/api-keys/${created.json.id}`)).status).toBe(204)
  })

  test('is covered by a request above (event streams have their own tests)', () => {
    const covered = new Set([
      ...requests.map(([operation]) => operation),
      'revokeApiKey',
      'getOrder',
      'streamEvents',
      // In energy.test.ts, against running site loops.
      'listLimitsInForce',
      'listSchedules',
      'putSchedule',
      'deleteSchedule',
      'listSources',
      'putSource',
      'deleteSource',
      'reportSignal',
      'getSteering',
      'putSteering',
      'getSessionDemand',
      'putSessionDemand',
      'getCompliance',
      'getComplianceCsv',
      'getHeldProfiles',
      'askHeldProfiles',
      'listSessionCosts',
      'getSessionCostsCsv',
      'replaySite',
      'explainEvse',
      'getSiteOutlook',
      // In fleet.test.ts, against the fleet's certificates and a scripted station.
      'listTrustAnchors',
      'createTrustAnchor',
      'deleteTrustAnchor',
      'listTrustPolicies',
      'putTrustPolicy',
      'deleteTrustPolicy',
      'listTrustDrift',
      'listServerChains',
      'putExpiredCertificatePermit',
      'deleteExpiredCertificatePermit',
      'listInstalledCertificates',
      'createStationInventory',
      'createCompromiseResponse',
      'createFirmwareUpdate',
      'listCampaigns',
      'createCampaign',
      'getCampaign',
      'listCampaignStations',
      'createCampaignAction',
      // In authorities.test.ts, against a certificate service.
      'deleteCertificateHold',
      'getCertificateExport',
      'createCrl',
      'listCrls',
      'listOcspResponders',
      'listAuthorityOperations',
      'createAuthorityOperation',
      'getAuthorityOperation',
      'createAuthorityDecision',
      'createCeremonyAnswer',
      // In contracts.test.ts, against a contract pool.
      'listContracts',
      'createContract',
      'createImportedContract',
      'getContract',
      'putContractTerms',
      'listContractCertificates',
      'putContractSuspension',
      'deleteContractSuspension',
      'putContractTermination',
      'listVehicles',
      'getVehicle',
      'putVehicle',
      'deleteVehicle',
      'listTrustedCertificates',
      'createTrustedCertificates',
      'deleteTrustedCertificate',
      'createVehicleLookup',
      'listTrustProposals',
      'putTrustDecision',
      'listProviderImports',
      'createProviderImport',
    ])
    expect([...contract.operations.keys()].filter((operation) => !covered.has(operation))).toEqual([])
  })

  test('that changes something leaves an entry in the audit trail with the name of the key', async () => {
    const entries = await api.store.audit.list({ limit: 1000 })
    const changing = requests.filter(([operation, method]) => method !== 'GET' && operation !== 'reportMeter')
    expect(new Set(entries.map((entry) => entry.actor))).toEqual(new Set(['the-admin']))
    expect(entries.length).toBeGreaterThanOrEqual(changing.length)
    expect(new Set(entries.map((entry) => entry.action))).toEqual(
      new Set([
        'sign-in.create',
        'sign-in.delete',
        'station.put',
        'station.call',
        'station.order',
        'station.disconnect',
        'local-list.put',
        'station.delete',
        'id-token.put',
        'id-token.delete',
        'certificate.revoke',
        'site.put',
        'site.delete',
        'limit.put',
        'limit.delete',
        'api-key.create',
        'api-key.revoke',
      ]),
    )
  })
})

describe('the contract itself', () => {
  const json = 'application/json'

  test('gives examples that keep to its own schemas', () => {
    for (const { operationId, object } of contract.operations.values()) {
      const body = object.requestBody?.content[json]
      if (body) {
        expect(body, operationId).toHaveProperty('example')
        const validate = contract.bodyValidator(operationId)
        expect(
          validate(structuredClone(exampleOf(body))),
          `${operationId}: ${JSON.stringify(validate.errors)}`,
        ).toBe(true)
      }
      for (const [status, response] of Object.entries(object.responses)) {
        const example = exampleOf(response.content?.[json])
        if (example === undefined) continue
        const validate = contract.responseValidator(operationId, status, json)
        expect(
          validate(structuredClone(example)),
          `${operationId} ${status}: ${JSON.stringify(validate.errors)}`,
        ).toBe(true)
      }
    }
  })

  test('names problem details as the answer to everything that goes wrong', () => {
    for (const { operationId, object } of contract.operations.values())
      expect(object.responses.default?.$ref, operationId).toBe('#/components/responses/Problem')
  })

  test('lets an object schema say which properties it has', () => {
    const open = new Set(['OcppPayload'])
    for (const [name, schema] of Object.entries(contract.document.components.schemas))
      if ('type' in schema && schema.type === 'object' && !open.has(name))
        expect(schema, name).toHaveProperty('additionalProperties', false)
  })
})

function exampleOf(content: object | undefined): unknown {
  return content && 'example' in content ? content.example : undefined
}
