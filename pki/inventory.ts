import type { Certificate } from './certificate.ts'
import { PkiError } from './errors.ts'
import { type CertificateHashData, certificateHashData, sameHashData } from './hash-data.ts'

/** OCPP 2.0.1 InstallCertificateUseEnumType: what may be sent with InstallCertificate. Roots only. */
export type RootUse =
  | 'V2GRootCertificate'
  | 'MORootCertificate'
  | 'CSMSRootCertificate'
  | 'ManufacturerRootCertificate'

export interface InstalledRoot {
  readonly use: RootUse
  /** As the station reported it, with the hash algorithm it chose (M04.FR.07). */
  readonly hashData: CertificateHashData
}

export interface WantedRoot {
  readonly use: RootUse
  readonly certificate: Certificate
}

export interface InventoryView {
  readonly wanted: readonly WantedRoot[]
  readonly installed: readonly InstalledRoot[]
  /** Uses we look after; what the station holds of others is never deleted. */
  readonly managed: readonly RootUse[]
  /** Roots that must not be deleted now, for instance those of a leaf that is still in use. */
  readonly protectedRoots?: readonly Certificate[]
  /** Roots the station can hold, if it says so (CertificateEntries). */
  readonly capacity?: number
  /** Roots the station refused, by certificate fingerprint: they are not offered again by themselves. */
  readonly refused?: ReadonlySet<string>
}

export type InventoryStep =
  | { readonly kind: 'install'; readonly root: WantedRoot }
  | { readonly kind: 'delete'; readonly root: InstalledRoot }
  | { readonly kind: 'none' }
  | { readonly kind: 'blocked'; readonly why: 'full' | 'refused'; readonly root: WantedRoot }

/** Whether the station's hash data names this root, under the algorithm the station uses. */
export function isRoot(hashData: CertificateHashData, root: Certificate): boolean {
  return sameHashData(hashData, certificateHashData(root, root, hashData.hashAlgorithm))
}

function checkWanted(wanted: readonly WantedRoot[]): void {
  for (const { certificate } of wanted) {
    if (!certificate.isSelfSigned || !certificate.isCa) {
      throw new PkiError(
        'argument-invalid',
        `${certificate.subjectText} is not a root; InstallCertificate is for roots only`,
      )
    }
  }
}

/**
 * One step from what a station holds to what it should hold. Installs come before deletions, so that nothing is
 * trusted less on the way; only a full store makes room first, and never by a root that is protected or the last of
 * its use. The caller carries the step out, asks for the inventory again and calls again: every step can be repeated.
 */
export function nextInventoryStep(view: InventoryView): InventoryStep {
  checkWanted(view.wanted)
  const { wanted, installed, managed, protectedRoots = [], refused = new Set<string>() } = view
  const holds = ({ use, certificate }: WantedRoot): boolean =>
    installed.some((root) => root.use === use && isRoot(root.hashData, certificate))
  const missing = wanted.filter((root) => managed.includes(root.use) && !holds(root))
  const surplus = installed.filter(
    (root) =>
      managed.includes(root.use) &&
      !wanted.some(({ use, certificate }) => use === root.use && isRoot(root.hashData, certificate)),
  )
  const removable = surplus.filter(
    (root) => !protectedRoots.some((certificate) => isRoot(root.hashData, certificate)),
  )
  const next = missing.find(({ certificate }) => !refused.has(certificate.fingerprint))
  if (next !== undefined) {
    const isFull = view.capacity !== undefined && installed.length >= view.capacity
    if (!isFull) return { kind: 'install', root: next }
    const room = removable.find((root) => installed.filter(({ use }) => use === root.use).length > 1)
    return room === undefined ? { kind: 'blocked', why: 'full', root: next } : { kind: 'delete', root: room }
  }
  const [blocked] = missing
  if (blocked !== undefined) return { kind: 'blocked', why: 'refused', root: blocked }
  // Everything wanted is in place. The last root of a use stays even if unwanted, or the station would trust nobody.
  const obsolete = removable.find((root) => installed.filter(({ use }) => use === root.use).length > 1)
  return obsolete === undefined ? { kind: 'none' } : { kind: 'delete', root: obsolete }
}
