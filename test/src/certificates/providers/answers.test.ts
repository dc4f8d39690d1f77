import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ProvisioningRequest, readRequest } from '../../../../pki/index.ts'
import { readAnswers } from '../../../../src/certificates/providers/answers.ts'
import { OpcpProvider } from '../../../../src/certificates/providers/opcp.ts'
import type { EvRequest } from '../../../../src/simulator/ev/index.ts'
import { CLIENT, type OpcpStandIn, startOpcpStandIn } from '../../../support/opcp-stand-in.ts'
import { type PncWorld, startPnc } from '../../../support/pnc.ts'

const PCID = 'WGKTESTCAR1234567X'
const EMAID = 'DEGKP123456789'

let hosted: PncWorld
let standIn: OpcpStandIn
let provider: OpcpProvider
let request: EvRequest
let read: ProvisioningRequest
let good: Uint8Array
beforeAll(async () => {
  hosted = await startPnc()
  standIn = await startOpcpStandIn(hosted)
  provider = new OpcpProvider({
    name: 'hosted',
    baseUrl: standIn.url,
    token: { url: standIn.tokenUrl, ...CLIENT, encoding: 'json' },
    now: Date.now,
  })
  await hosted.contract(PCID, EMAID)
  request = hosted.car(PCID).installationRequest()
  good = (await hosted.provide(request)).exiResponse
  const result = readRequest(request.exiRequest, 'Install', request.iso15118SchemaVersion)
  if (!result.ok) throw new Error(result.refusal.reason)
  read = result.request
})
afterAll(async () => {
  await provider.close()
  await standIn.close()
  await hosted.close()
})

const judged = (exiResponse: Uint8Array) =>
  readAnswers({ kind: 'provided', answers: [{ exiResponse, emaid: EMAID }] }, read)

test('bytes of a provider are an answer for this car, or dropped; never an exception', () => {
  expect(judged(good)).toMatchObject({ kind: 'contracts' })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect(judged(bytes).kind).toBe('refused')
    }),
  )
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(good, (octet, index) => (index === at ? octet ^ mask : octet))
      expect(['contracts', 'none', 'refused']).toContain(judged(changed).kind)
    }),
    { numRuns: 500 },
  )
})

test('whatever JSON a provider sends, no car gets anything of it', async () => {
  const part = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.base64String({ maxLength: 400 }))
  const definition = fc.record({ certificateInstallationRes: part, emaid: part }, { requiredKeys: [] })
  const body = fc.oneof(
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.record({
      CCPResponse: fc.record({
        emaidContent: fc.oneof(
          fc.array(fc.oneof(fc.record({ messageDef: fc.oneof(definition, part) }), part), { maxLength: 4 }),
          part,
        ),
      }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(body, async (instead) => {
      standIn.faults.instead = instead
      const answer = await provider.provide({
        action: 'Install',
        schemaVersion: request.iso15118SchemaVersion,
        exiRequest: request.exiRequest,
        deadlineMs: 10_000,
      })
      expect(readAnswers(answer, read).kind).not.toBe('contracts')
    }),
    { numRuns: 60 },
  )
})
