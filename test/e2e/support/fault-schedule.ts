/** Which station of a fleet has which fault: drawn from a seed, the same for every run. */

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { certificateProfile, createSoftwareSigner, issueRoot } from '../../../pki/index.ts'
import { createRandom, type Station } from '../../../src/simulator/index.ts'

export type FaultName =
  | 'none'
  | 'offline'
  | 'comes-late'
  | 'slow'
  | 'rejects'
  | 'full'
  | 'clock-behind'
  | 'silent'
  | 'drops'
  | 'crashes'

/** Shares of the fleet; what is left has no fault. The order of the draws is part of the schedule. */
export const SCHEDULE: readonly (readonly [FaultName, number])[] = [
  ['offline', 0.05],
  ['comes-late', 0.05],
  ['slow', 0.05],
  ['rejects', 0.03],
  ['full', 0.03],
  ['clock-behind', 0.03],
  ['silent', 0.06],
  ['drops', 0.06],
  ['crashes', 0.05],
]

export function drawFaults(count: number, seed: number): Map<string, FaultName> {
  const random = createRandom(seed)
  const faults = new Map<string, FaultName>()
  for (let index = 0; index < count; index++) {
    let draw = random.between(0, 1)
    let fault: FaultName = 'none'
    for (const [name, share] of SCHEDULE) {
      if (draw < share) {
        fault = name
        break
      }
      draw -= share
    }
    faults.set(`F-${String(index + 1).padStart(5, '0')}`, fault)
  }
  return faults
}

/** From now on the station has its fault; a full store is one from the factory. */
export async function strike(station: Station, fault: FaultName): Promise<void> {
  if (fault === 'offline' || fault === 'comes-late') await station.stop()
  else if (fault === 'slow') station.faults.set({ answerDelayMs: { minMs: 1_000, maxMs: 3_500 } })
  else if (fault === 'rejects') station.faults.set({ reject: ['InstallCertificate'] })
  else if (fault === 'clock-behind') station.faults.set({ clockSkewMs: -3 * 86_400_000 })
  else if (fault === 'silent') station.faults.set({ silenceProbability: 0.2 })
  else if (fault === 'crashes') {
    station.on('rootInstalled', () => station.reboot('Watchdog'))
    station.on('certificateSigned', () => station.reboot('Watchdog'))
  } else if (fault === 'drops') station.faults.set({ dropProbability: 0.2 })
}

/** Roots that fill a station's store. */
export async function fillerRoots(count: number): Promise<string[]> {
  const atMs = Date.now() - 60_000
  const signer = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const roots: string[] = []
  for (let index = 0; index < count; index++) {
    const subject = { commonName: `Filler ${index}`, organization: 'Example', country: 'DE' }
    const root = await issueRoot({
      profile: certificateProfile('v2g-root'),
      subject,
      signer,
      atMs,
      random: randomBytes(16),
    })
    roots.push(root.toPem())
  }
  return roots
}
