/**
 * Cars that arrive without a contract, install one over the station they are plugged into, and charge with it. The
 * first one's contract ends soon: it is prolonged while the car is away, which asks for an update when it is back.
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  Certificate,
  type CertificateKind,
  certificateProfile,
  createIssuer,
  createSoftwareSigner,
  emaidCheckDigit,
  type Issuer,
  issueCertificate,
  issueRoot,
  PublicKey,
} from '../../pki/index.ts'
import { createPlugAndChargeEv, type PlugAndChargeEv } from '../simulator/ev/index.ts'
import {
  CallFailure,
  type Cancel,
  chargeWithContract,
  createVehicle,
  type Fleet,
  type Random,
  type Station,
  typicalVehicle,
} from '../simulator/index.ts'
import type { Operator } from './operator.ts'

const MAKER = 'Demo Motors'
const ATTEMPTS = 5
const RETRY_MS = 3_000
/** From plugging in to the first message: the car wakes up and opens its session. */
const WAKE_UP_MS = 1_500
/** A car renews a certificate that ends within 14 days. */
const SHORT_TERM_MS = 10 * 86_400_000
const SHORT_STAY_MS = 8_000
const BACK_MS = 50
const COME_BACK_ATTEMPTS = 200

export interface PlugAndChargeOptions {
  readonly fleet: Fleet
  readonly random: Random
  readonly count: number
  readonly meanGapMs: number
  readonly stayMs: { readonly min: number; readonly max: number }
  readonly say: (stationId: string, text: string) => void
  readonly problem: (stationId: string, text: string) => void
}

interface Car {
  readonly ev: PlugAndChargeEv
  plugged: boolean
  /** The contract that the operator prolongs once the car has charged with it. */
  shortContractId: string | undefined
}

export class PlugAndChargeCars {
  readonly #options: PlugAndChargeOptions
  readonly #cars: Car[] = []
  readonly #pending = new Set<Cancel>()
  readonly #running = new Set<Promise<void>>()
  #stopped = false
  contractsInstalled = 0
  contractsUpdated = 0
  #operator: Operator | undefined

  constructor(options: PlugAndChargeOptions) {
    this.#options = options
  }

  /** What a car maker and a mobility operator do: hand over roots, and book a contract for each car. */
  async prepare(operator: Operator): Promise<void> {
    const pem = await operator.request('GET', '/authorities/v2g-root/pem')
    const v2gRoots = Certificate.parseChain(String(pem))
    this.#operator = operator
    const maker = createMaker()
    await operator.request('POST', '/trusted-certificates', { usage: 'OEM', pem: maker.pem })
    for (let number = 1; number <= this.#options.count; number++) {
      const pcid = `WDM${String(number).padStart(14, '0')}X`
      const account = `DEGKP${String(number).padStart(9, '0')}`
      const emaid = account + emaidCheckDigit(account)
      const isShort = number === 1
      const validUntil = isShort ? new Date(Date.now() + SHORT_TERM_MS).toISOString() : null
      const contract = await operator.request('POST', '/contracts', { emaid, pcid, validUntil })
      const shortContractId = isShort ? idOf(contract) : undefined
      const provisioning = maker.build(pcid)
      const ev = createPlugAndChargeEv(
        { protocol: '15118-2', provisioning, v2gRoots },
        { nowMs: Date.now, random: (octets) => randomBytes(octets) },
      )
      this.#cars.push({ ev, plugged: false, shortContractId })
    }
  }

  start(): void {
    const gapMs = -Math.log(1 - this.#options.random.next()) * this.#options.meanGapMs
    this.#after(gapMs, () => {
      this.#arrive()
      this.start()
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#pending) cancel()
    await Promise.allSettled(this.#running)
  }

  #arrive(): void {
    const { fleet, random } = this.#options
    const [car] = this.#cars.filter(({ plugged }) => !plugged)
    const [first, ...rest] = fleet.stations.filter(isFree)
    if (!car || !first) return
    this.#plugIn(random.pick([first, ...rest]), car)
  }

  #plugIn(station: Station, car: Car): void {
    const { fleet, random, stayMs } = this.#options
    const leavesInMs =
      car.shortContractId === undefined ? random.between(stayMs.min, stayMs.max) : SHORT_STAY_MS
    const departureMs = fleet.scheduler.now() + leavesInMs
    const vehicle = createVehicle({ ...typicalVehicle(random), id: car.ev.pcid, departureMs })
    car.plugged = true
    // The next one to come is one that has not been here.
    this.#cars.push(...this.#cars.splice(this.#cars.indexOf(car), 1))
    station.plugIn(1, vehicle)
    this.#after(WAKE_UP_MS, () => this.#charge(station, car, ATTEMPTS))
    this.#after(leavesInMs, () => {
      car.plugged = false
      if (station.evse(1).vehicle === vehicle) station.unplug(1)
      if (car.shortContractId !== undefined && car.ev.contract)
        this.#prolong(station, car, car.shortContractId)
    })
  }

  #prolong(station: Station, car: Car, contractId: string): void {
    car.shortContractId = undefined
    const task = this.#operator
      ?.request('PUT', `/contracts/${contractId}/terms`, { priority: 100, validUntil: null })
      .then(() => {
        this.#options.say(station.id, `car ${car.ev.pcid} left; its contract, which ends soon, is prolonged`)
        this.#comeBack(station, car, COME_BACK_ATTEMPTS)
      })
      .catch((error: unknown) => this.#options.problem(station.id, String(error)))
    if (task) this.#track(task)
  }

  /** To the same place as soon as that is free again; otherwise when its turn comes. */
  #comeBack(station: Station, car: Car, attempts: number): void {
    if (car.plugged || attempts === 0) return
    if (isFree(station)) this.#plugIn(station, car)
    else this.#after(BACK_MS, () => this.#comeBack(station, car, attempts - 1))
  }

  #track(task: Promise<void>): void {
    this.#running.add(task)
    void task.finally(() => this.#running.delete(task))
  }

  #charge(station: Station, car: Car, attempts: number): void {
    const { vehicle, authorized } = station.evse(1)
    if (this.#stopped || vehicle?.id !== car.ev.pcid || authorized || attempts === 0) return
    const task = this.#tryToCharge(station, car).then((again) => {
      // The station restarts, or its link is down: the car asks again when it is back.
      if (again) this.#after(RETRY_MS, () => this.#charge(station, car, attempts - 1))
    })
    this.#track(task)
  }

  async #tryToCharge(station: Station, { ev }: Car): Promise<boolean> {
    const { say, problem } = this.#options
    try {
      const isUpdate = ev.contract !== undefined
      const { installation, authorization, accepted } = await chargeWithContract(station, 1, ev)
      if (installation?.ok) {
        const { emaid, certificate } = installation.contract
        const until = new Date(certificate.notAfterMs).toISOString().slice(0, 10)
        this[isUpdate ? 'contractsUpdated' : 'contractsInstalled']++
        say(
          station.id,
          isUpdate
            ? `car ${ev.pcid} renewed its contract certificate, which is good until ${until} now`
            : `car ${ev.pcid} got its contract certificate for ${emaid}, good until ${until}`,
        )
      }
      if (installation?.ok === false)
        problem(
          station.id,
          `car ${ev.pcid} refused its contract: ${installation.check}, ${installation.message}`,
        )
      else if (accepted) say(station.id, `car ${ev.pcid} charges with its contract, no card needed`)
      else problem(station.id, `the contract of ${ev.pcid} was answered ${authorization?.certificateStatus}`)
      return false
    } catch (error) {
      if (error instanceof CallFailure && ['offline', 'closed'].includes(error.code)) return true
      problem(station.id, `car ${ev.pcid}: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
  }

  #after(delayMs: number, work: () => unknown): void {
    if (this.#stopped) return
    const cancel = this.#options.fleet.scheduler.after(delayMs, () => {
      this.#pending.delete(cancel)
      work()
    })
    this.#pending.add(cancel)
  }
}

/** A car maker: root, sub-CA, and cars that leave the factory with a provisioning certificate. */
function createMaker() {
  const root = createAuthority('oem-root', 'Root CA')
  const sub = createAuthority('oem-sub2', 'Sub-CA', root)
  return {
    pem: root.certificate.toPem() + sub.certificate.toPem(),
    build: (pcid: string) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const certificate = atOnce(
        issueCertificate({
          issuer: sub,
          profile: certificateProfile('oem-provisioning'),
          subject: { commonName: pcid, organization: MAKER },
          publicKey: PublicKey.fromKeyObject(privateKey),
          atMs: Date.now(),
          random: randomBytes(16),
        }),
      )
      return { certificate, subCas: [sub.certificate], privateKey }
    },
  }
}

function createAuthority(kind: CertificateKind, name: string, above?: Issuer): Issuer {
  const signer = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const wanted = {
    profile: certificateProfile(kind),
    subject: { commonName: `${MAKER} ${name}`, organization: MAKER },
    atMs: Date.now(),
    random: randomBytes(16),
  }
  const certificate = atOnce(
    above
      ? issueCertificate({ ...wanted, issuer: above, publicKey: signer.publicKeySpki })
      : issueRoot({ ...wanted, signer }),
  )
  return createIssuer({ certificate, signer })
}

function atOnce(issued: Certificate | Promise<Certificate>): Certificate {
  if (issued instanceof Promise) throw new Error('Software signers answer at once')
  return issued
}

function isFree(station: Station): boolean {
  return station.registration === 'Accepted' && station.connected && station.evse(1).status(1) === 'Available'
}

function idOf(contract: unknown): string | undefined {
  return typeof contract === 'object' && contract !== null && 'id' in contract
    ? String(contract.id)
    : undefined
}
