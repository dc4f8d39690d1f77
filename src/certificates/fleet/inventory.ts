/** M03: asks a station what it holds and keeps one row per certificate, sub-CAs under their leaf. */

import { hashDataKey } from '../../../pki/index.ts'
import type { CertificateHashDataChainType } from '../../ocpp/v201/messages.generated.ts'
import type { CertificateUse, InstalledCertificate } from '../../store/fleet.ts'
import { type FleetContext, isoAt } from './context.ts'
import { type Trouble, troubleOf } from './outcome.ts'

const ALL_USES: readonly CertificateUse[] = [
  'V2GRootCertificate',
  'MORootCertificate',
  'CSMSRootCertificate',
  'V2GCertificateChain',
  'ManufacturerRootCertificate',
]
/** More than any station holds: what comes beyond it is a defect of the station. */
const MAX_ROWS = 500

export class Inventory {
  readonly #context: FleetContext

  constructor(context: FleetContext) {
    this.#context = context
  }

  /** `uses` left out: everything. NotFound says something about the uses asked for, and nothing about the others. */
  async refresh(stationId: string, uses: readonly CertificateUse[] = ALL_USES): Promise<Trouble | undefined> {
    const { bus, store, clock, timing } = this.#context
    const isComplete = ALL_USES.every((use) => uses.includes(use))
    const outcome = await bus.call(
      stationId,
      'GetInstalledCertificateIds',
      isComplete ? {} : { certificateType: [...uses] as [CertificateUse, ...CertificateUse[]] },
      { deadlineMs: timing.callDeadlineMs },
    )
    if (outcome.kind !== 'answered') return troubleOf('inventory', outcome)
    const at = isoAt(clock.now())
    const { status, certificateHashDataChain = [] } = outcome.payload
    // A station that answers with more than was asked for is believed only for what was asked.
    const listed =
      status === 'NotFound'
        ? []
        : certificateHashDataChain.filter(({ certificateType }) => uses.includes(certificateType))
    const rows = listed.flatMap((entry) => rowsOf(stationId, entry, at)).slice(0, MAX_ROWS)
    await store.fleet.putInventory(stationId, uses, rows, at, isComplete)
    return undefined
  }

  /** Before anything is changed: what is known is no longer true once the call has left, whatever its answer. */
  async invalidate(stationId: string): Promise<void> {
    await this.#context.store.fleet.updateTrust(stationId, { inventoryAt: null })
  }
}

export function rowsOf(
  stationId: string,
  { certificateType, certificateHashData, childCertificateHashData = [] }: CertificateHashDataChainType,
  at: string,
): InstalledCertificate[] {
  const row = (data: typeof certificateHashData, parentKey: string | null): InstalledCertificate => ({
    stationId,
    use: certificateType,
    hashAlgorithm: data.hashAlgorithm,
    issuerNameHash: data.issuerNameHash,
    issuerKeyHash: data.issuerKeyHash,
    serialNumber: data.serialNumber,
    parentKey,
    reportedAt: at,
  })
  const parentKey = hashDataKey(certificateHashData)
  return [row(certificateHashData, null), ...childCertificateHashData.map((child) => row(child, parentKey))]
}
