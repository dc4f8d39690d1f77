import type {
  FirmwareStatusEnumType,
  GetLogRequest,
  PublishFirmwareStatusEnumType,
  UpdateFirmwareRequest,
  UpdateFirmwareStatusEnumType,
  UploadLogStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import { readableByTls } from '../certificates/store.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Cancel } from '../scheduler.ts'

export interface FileServices {
  /** How long each state of a transfer lasts. */
  readonly stepMs: number
  /** Firmware is in place: restart with the new version. */
  rebootForFirmware(): void
}

/** Anything else is a protocol that this station does not speak. */
const SUPPORTED_URL = /^https?:\/\/[^\s]+$/i
/** So that a test can ask for a failing transfer, as a broken server would cause it. */
const BROKEN_URL = /\.invalid(?:[:/]|$)/i

/**
 * L01-L03, N01: firmware and log transfers as a walk through their states. No bytes are moved: the
 * simulator talks to nobody but the CSMS.
 */
export class FileTransfers {
  readonly #context: StationContext
  readonly #services: FileServices
  #logStatus: UploadLogStatusEnumType = 'Idle'
  #logRequestId: number | undefined
  #cancelLog: Cancel = () => {}
  #firmwareStatus: FirmwareStatusEnumType = 'Idle'
  #firmwareRequestId: number | undefined
  #cancelFirmware: Cancel = () => {}
  #publishStatus: PublishFirmwareStatusEnumType = 'Idle'
  #publishRequestId: number | undefined
  #published: { readonly checksum: string; readonly location: string } | undefined
  #cancelPublish: Cancel = () => {}
  #rebootPending = false

  constructor(context: StationContext, services: FileServices) {
    this.#context = context
    this.#services = services
  }

  stop(): void {
    this.#cancelLog()
    this.#cancelFirmware()
    this.#cancelPublish()
  }

  /** After the reboot that an installation asked for. */
  booted(): void {
    if (!this.#rebootPending) return
    this.#rebootPending = false
    this.#firmware('Installed')
  }

  notifyLog(how?: { solicited?: boolean }): void {
    const requestId = this.#logRequestId
    const known = requestId === undefined ? {} : { requestId }
    this.#context.send('LogStatusNotification', { status: this.#logStatus, ...known }, how)
  }

  notifyFirmware(how?: { solicited?: boolean }): void {
    const idle = this.#firmwareStatus === 'Idle' || this.#firmwareRequestId === undefined
    const known = idle ? {} : { requestId: this.#firmwareRequestId ?? 0 }
    this.#context.send('FirmwareStatusNotification', { status: this.#firmwareStatus, ...known }, how)
  }

  notifyPublish(how?: { solicited?: boolean }): void {
    const location = this.#publishStatus === 'Published' ? this.#published?.location : undefined
    this.#context.send(
      'PublishFirmwareStatusNotification',
      {
        status: this.#publishStatus,
        ...(this.#publishRequestId === undefined ? {} : { requestId: this.#publishRequestId }),
        ...(location === undefined ? {} : { location: [location] }),
      },
      how,
    )
  }

  readonly handlers: Handlers = {
    GetLog: (request) => this.#getLog(request),
    UpdateFirmware: (request) => this.#update(request),
    PublishFirmware: ({ location, checksum, requestId }) => {
      if (!SUPPORTED_URL.test(location)) return { answer: { status: 'Rejected' } }
      this.#publishRequestId = requestId
      return { answer: { status: 'Accepted' }, after: () => this.#publish(location, checksum) }
    },
    UnpublishFirmware: ({ checksum }) => {
      if (this.#published?.checksum !== checksum) return { answer: { status: 'NoFirmware' } }
      if (this.#publishStatus !== 'Published') return { answer: { status: 'DownloadOngoing' } }
      this.#published = undefined
      this.#publishStatus = 'Idle'
      return { answer: { status: 'Unpublished' } }
    },
  }

  #getLog(request: GetLogRequest) {
    const { log, logType, requestId } = request
    if (!SUPPORTED_URL.test(log.remoteLocation)) return { answer: { status: 'Rejected' as const } }
    const busy = this.#logStatus === 'Uploading'
    const after = () => {
      this.#cancelLog()
      if (busy) this.#log('AcceptedCanceled')
      this.#logRequestId = requestId
      this.#log('Uploading')
      this.#cancelLog = this.#context.scheduler.after(this.#services.stepMs, () => {
        this.#log(BROKEN_URL.test(log.remoteLocation) ? 'UploadFailure' : 'Uploaded')
        this.#logStatus = 'Idle'
      })
    }
    const stamp = this.#context.clock.iso().replace(/[:.]/g, '-')
    const filename = `${this.#context.id}-${logType}-${stamp}.log`.slice(0, 255)
    return {
      answer: { status: busy ? ('AcceptedCanceled' as const) : ('Accepted' as const), filename },
      after,
    }
  }

  #log(status: UploadLogStatusEnumType): void {
    this.#logStatus = status
    this.notifyLog()
  }

  #update(request: UpdateFirmwareRequest) {
    const { firmware, requestId } = request
    const status = this.#judgeFirmware(request)
    if (status !== 'Accepted' && status !== 'AcceptedCanceled') {
      if (status === 'InvalidCertificate') {
        this.#context.securityEvent('InvalidFirmwareSigningCertificate')
      }
      return { answer: { status } }
    }
    const after = () => {
      this.#cancelFirmware()
      this.#firmwareRequestId = requestId
      const { clock } = this.#context
      const waitMs = Math.max(0, Date.parse(firmware.retrieveDateTime) - clock.now())
      const installAtMs = Date.parse(firmware.installDateTime ?? firmware.retrieveDateTime)
      const scheduled: FirmwareStatusEnumType[] = waitMs > 0 ? ['DownloadScheduled'] : []
      for (const each of scheduled) this.#firmware(each)
      this.#cancelFirmware = this.#context.scheduler.after(waitMs, () => {
        this.#walk(firmwareSteps(request, installAtMs > clock.now() + 3 * this.#services.stepMs), installAtMs)
      })
    }
    return { answer: { status }, after }
  }

  #judgeFirmware({ firmware }: UpdateFirmwareRequest): UpdateFirmwareStatusEnumType {
    if (!SUPPORTED_URL.test(firmware.location)) return 'Rejected'
    const { signingCertificate } = firmware
    if (signingCertificate !== undefined && !readableByTls(signingCertificate)) return 'InvalidCertificate'
    const busy = !['Idle', 'Installed', 'DownloadFailed', 'InstallationFailed', 'InvalidSignature'].includes(
      this.#firmwareStatus,
    )
    return busy ? 'AcceptedCanceled' : 'Accepted'
  }

  #walk(steps: readonly FirmwareStatusEnumType[], installAtMs: number): void {
    const [status, ...rest] = steps
    if (status === undefined) return
    this.#firmware(status)
    if (status === 'InvalidSignature') this.#context.securityEvent('InvalidFirmwareSignature')
    if (status === 'InstallRebooting') {
      this.#rebootPending = true
      this.#services.rebootForFirmware()
      return
    }
    const waitMs =
      status === 'InstallScheduled' ? installAtMs - this.#context.clock.now() : this.#services.stepMs
    this.#cancelFirmware = this.#context.scheduler.after(Math.max(0, waitMs), () =>
      this.#walk(rest, installAtMs),
    )
  }

  #firmware(status: FirmwareStatusEnumType): void {
    this.#firmwareStatus = status
    this.notifyFirmware()
  }

  #publish(location: string, checksum: string): void {
    const failing = BROKEN_URL.test(location)
    const steps: PublishFirmwareStatusEnumType[] = failing
      ? ['Downloading', 'DownloadFailed']
      : ['Downloading', 'Downloaded', 'ChecksumVerified', 'Published']
    this.#published = { checksum, location }
    const next = (index: number) => {
      const status = steps[index]
      if (status === undefined) return
      this.#publishStatus = status
      this.notifyPublish()
      this.#cancelPublish = this.#context.scheduler.after(this.#services.stepMs, () => next(index + 1))
    }
    this.#cancelPublish()
    next(0)
  }
}

/** The states an update walks through. A signature is checked for presence only: there are no bytes. */
function firmwareSteps(request: UpdateFirmwareRequest, installLater: boolean): FirmwareStatusEnumType[] {
  const { location, signature, signingCertificate } = request.firmware
  if (BROKEN_URL.test(location)) return ['Downloading', 'DownloadFailed']
  const download: FirmwareStatusEnumType[] = ['Downloading', 'Downloaded']
  if (signingCertificate !== undefined) {
    if (signature === undefined || signature === '') return [...download, 'InvalidSignature']
    download.push('SignatureVerified')
  }
  if (installLater) download.push('InstallScheduled')
  return [...download, 'Installing', 'InstallRebooting']
}
