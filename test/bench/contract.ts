import { createCipheriv, createECDH, createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import {
  decodeV2gMessage,
  encodeFragment,
  type ProvisioningContext,
  parseEmaid,
  provision,
} from '../../pki/index.ts'
import type { EvRequest } from '../../src/simulator/ev/index.ts'
import {
  createEv,
  createWorld,
  NOW_MS,
  provisioningCredential,
  type World,
} from '../pki/contract/hierarchy.ts'

/**
 * How fast -2 installations are answered, against what their cryptographic operations alone allow: the same number of
 * signatures, verifications, key imports and key agreements done by node:crypto without anything around them.
 */

export interface ContractBenchReport {
  readonly provisionPerSecond: number
  readonly cryptoPerSecond: number
  /** 1 would mean that everything but cryptography costs nothing. */
  readonly ratio: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const CARS = 50
/** Short turns, so that both see the same load of a shared machine. */
const ROUNDS = 60
const WARMUP_ROUNDS = 20
const PER_ROUND = 30

export interface Car {
  readonly request: EvRequest
  /** What the signature of the request is checked with and over. */
  readonly jwk: { kty: string; crv: string; x: string; y: string }
  readonly signedInfo: Uint8Array
  readonly signatureValue: Uint8Array
  readonly point: Uint8Array
  readonly certificate: { readonly tbs: Uint8Array; readonly signature: Uint8Array }
}

/** Measures both in turns, in one process, and prints one JSON line. */
export async function run(print: (line: string) => void): Promise<ContractBenchReport> {
  const world = createWorld('15118-2')
  const cars = Array.from({ length: CARS }, (_, number) => createCar(world, number))
  const context = contextOf(world)
  const bare = bareCrypto(world)
  const seconds = { provision: 0, crypto: 0 }
  const latenciesMs: number[] = []
  for (let round = -WARMUP_ROUNDS; round < ROUNDS; round++) {
    const measured = round >= 0
    const cryptoSeconds = timed(cars, bare)
    const begin = performance.now()
    for (let i = 0; i < PER_ROUND; i++) {
      const start = performance.now()
      const result = await provision(
        { ...carAt(cars, i).request, atMs: NOW_MS, random: randomBytes },
        context,
      )
      if (result.outcome !== 'provisioned') throw new Error(`refused: ${result.refusal.reason}`)
      if (measured) latenciesMs.push(performance.now() - start)
    }
    if (!measured) continue
    seconds.provision += (performance.now() - begin) / 1000
    seconds.crypto += cryptoSeconds
  }
  const report = reportOf(seconds, latenciesMs)
  print(JSON.stringify({ benchmark: 'contract provisioning, ISO 15118-2 Install', ...report }))
  return report
}

function reportOf(
  seconds: { provision: number; crypto: number },
  latenciesMs: number[],
): ContractBenchReport {
  const count = ROUNDS * PER_ROUND
  const sorted = latenciesMs.sort((a, b) => a - b)
  const percentile = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0
  return {
    provisionPerSecond: Math.round(count / seconds.provision),
    cryptoPerSecond: Math.round(count / seconds.crypto),
    ratio: Math.round((seconds.crypto / seconds.provision) * 100) / 100,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  }
}

function timed(cars: readonly Car[], operation: (car: Car) => void): number {
  const begin = performance.now()
  for (let i = 0; i < PER_ROUND; i++) operation(carAt(cars, i))
  return (performance.now() - begin) / 1000
}

function carAt(cars: readonly Car[], index: number): Car {
  const car = cars[index % cars.length]
  if (car === undefined) throw new Error('no cars')
  return car
}

export function createCar(world: World, number: number): Car {
  const pcid = `WGKBENCHCAR${String(number).padStart(7, '0')}`
  const credential = provisioningCredential(world, { pcid })
  const request = createEv(world, credential).installationRequest()
  const signature = decodeV2gMessage(request.exiRequest).Header.Signature
  if (signature === undefined) throw new Error('the request is not signed')
  const { x = '', y = '' } = credential.certificate.publicKey.import().export({ format: 'jwk' })
  return {
    request,
    jwk: { kty: 'EC', crv: 'P-256', x, y },
    signedInfo: encodeFragment('SignedInfo', signature.SignedInfo),
    signatureValue: signature.SignatureValue.value,
    point: credential.certificate.publicKey.keyBits,
    certificate: credential.certificate,
  }
}

function contextOf(world: World): ProvisioningContext {
  const emaid = parseEmaid('DEGKP123456789')
  if (emaid === undefined) throw new Error('not an eMAID')
  return {
    oemTrust: {
      anchors: [world.oemRoot.certificate],
      intermediates: world.oemSubs.map((sub) => sub.certificate),
    },
    moTrust: { anchors: [world.moRoot.certificate], intermediates: [] },
    cps: [world.cps],
    revocation: () => ({ kind: 'good' }),
    offer: () => ({ kind: 'offer', emaid, source: { kind: 'issue', authority: world.contracts } }),
  }
}

/**
 * One installation's worth of cryptography: the car's key imported, its signature and the three of its chain
 * verified, contract and ephemeral key made, one key agreement, derivation and encryption, and two signatures.
 */
export function bareCrypto(world: World): (car: Car) => void {
  const [oemSub2, oemSub1] = world.oemSubs
  const chain = [oemSub2.certificate, oemSub1.certificate].map((certificate, index) => ({
    certificate,
    key: [oemSub1, world.oemRoot][index]?.certificate.publicKey.import(),
  }))
  const oemSub2Key = oemSub2.certificate.publicKey.import()
  return (car) => {
    const carKey = createPublicKey({ key: car.jwk, format: 'jwk' })
    must(verify('sha256', car.signedInfo, { key: carKey, dsaEncoding: 'ieee-p1363' }, car.signatureValue))
    must(verify('sha256', car.certificate.tbs, oemSub2Key, car.certificate.signature))
    for (const { certificate, key } of chain) {
      must(key !== undefined && verify('sha256', certificate.tbs, key, certificate.signature))
    }
    const contract = createECDH('prime256v1')
    contract.generateKeys()
    const ephemeral = createECDH('prime256v1')
    ephemeral.generateKeys()
    const key = createHash('sha256').update(ephemeral.computeSecret(car.point)).digest().subarray(0, 16)
    const cipher = createCipheriv('aes-128-cbc', key, randomBytes(16)).setAutoPadding(false)
    cipher.update(Buffer.alloc(32))
    cipher.final()
    world.moSubs[0].signer.sign(car.certificate.tbs)
    world.cps.signer.sign(car.signedInfo)
  }
}

function must(ok: boolean): void {
  if (!ok) throw new Error('a verification of the benchmark failed')
}
