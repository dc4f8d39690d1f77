import type { CertificateSigning } from '../certificates/signing.ts'
import type { CertificateStore } from '../certificates/store.ts'
import type { Handlers, StationContext } from '../context.ts'

/** A02, M03, M04, M05: certificates that the CSMS brings, lists and takes away. */
export function certificateCalls(
  context: StationContext,
  store: CertificateStore,
  signing: CertificateSigning,
): Handlers {
  const { device } = context
  return {
    CertificateSigned: (request) => {
      const verdict = signing.signed(request)
      if (verdict.accepted) return { answer: { status: 'Accepted' } }
      const statusInfo = { reasonCode: 'InvalidCertificate', additionalInfo: verdict.reason.slice(0, 512) }
      return { answer: { status: 'Rejected', statusInfo } }
    },
    InstallCertificate: ({ certificateType, certificate }) => {
      const verdict = store.install(certificateType, certificate, {
        nowMs: context.clock.now(),
        maxEntries: device.limit('SecurityCtrlr.CertificateEntries'),
        additionalRootCheck: device.flag('SecurityCtrlr.AdditionalRootCertificateCheck'),
      })
      if (verdict.status === 'Accepted' && verdict.certificate !== undefined) {
        context.counters.rootsInstalled++
        const serialNumber = verdict.certificate.serialHex
        context.events.emit('rootInstalled', { use: certificateType, serialNumber })
      }
      const statusInfo = verdict.reason === undefined ? {} : { statusInfo: { reasonCode: verdict.reason } }
      return { answer: { status: verdict.status, ...statusInfo } }
    },
    GetInstalledCertificateIds: ({ certificateType }) => {
      const found = store.list(certificateType)
      if (found.length === 0) return { answer: { status: 'NotFound' } }
      return { answer: { status: 'Accepted', certificateHashDataChain: found } }
    },
    DeleteCertificate: ({ certificateHashData }) => ({
      answer: { status: store.remove(certificateHashData) },
    }),
  }
}
