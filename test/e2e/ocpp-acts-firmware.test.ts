import { afterAll, beforeAll, describe } from 'vitest'
import { type Act, AT, accepted, checkActs, following, LATER } from './support/acts.ts'
import { startService, type TestService } from './support/ocpp-service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService({ policy: { callTimeoutMs: 5000 } })
})
afterAll(() => service.stop())

describe('L: firmware', () => {
  const firmware = {
    location: 'https://firmware.example.com/1.2.3',
    retrieveDateTime: AT,
    signingCertificate: '-----BEGIN CERTIFICATE-----',
    signature: 'c2lnbmF0dXJl',
  }
  const firmwareStatus = (value: string, leaves: readonly ['done' | 'failed' | 'following', string]) => ({
    action: 'FirmwareStatusNotification' as const,
    payload: (requestId: number | null) => ({ status: value, requestId }),
    leaves,
  })
  const ends = {
    Installed: 'done',
    DownloadFailed: 'failed',
    InstallationFailed: 'failed',
    InstallVerificationFailed: 'failed',
    InvalidSignature: 'failed',
  } as const
  const walk = (statuses: readonly string[]) =>
    statuses.map((value) => firmwareStatus(value, [ends[value as keyof typeof ends] ?? 'following', value]))
  const start = ['Downloading', 'Downloaded', 'SignatureVerified'] as const
  const updateFirmware = (
    id: string,
    about: string,
    statuses: readonly string[],
    change: object = {},
  ): Act => ({
    title: `TC_L_${id}_CSMS: follows a firmware update ${about}`,
    action: 'UpdateFirmware',
    request: { firmware: { ...firmware, ...change } },
    answer: accepted,
    leaves: following,
    follow: walk(statuses),
  })
  const publish = (id: string, about: string, statuses: readonly string[], end: 'done' | 'failed'): Act => ({
    title: `TC_L_${id}_CSMS: follows a firmware that is published ${about}`,
    action: 'PublishFirmware',
    request: { location: 'https://firmware.example.com/1', checksum: 'd41d8cd98f00b204e9800998ecf8427e' },
    answer: accepted,
    leaves: following,
    follow: statuses.map((value, index) => ({
      action: 'PublishFirmwareStatusNotification' as const,
      payload: (requestId: number | null) => ({
        status: value,
        requestId,
        ...(value === 'Published' ? { location: ['http://lc.local/fw'] } : {}),
      }),
      leaves: [index === statuses.length - 1 ? end : 'following', value] as const,
    })),
  })
  const refused = (id: string, outcome: string): Act => ({
    title: `TC_L_${id}_CSMS: learns that a firmware update was refused (${outcome})`,
    action: 'UpdateFirmware',
    request: { firmware },
    answer: { status: outcome },
    leaves: ['failed', outcome],
  })
  const unpublish = (id: string, outcome: string, state: 'done' | 'failed'): Act => ({
    title: `TC_L_${id}_CSMS: unpublishes a firmware (${outcome})`,
    action: 'UnpublishFirmware',
    request: { checksum: 'd41d8cd98f00b204e9800998ecf8427e' },
    answer: { status: outcome },
    leaves: [state, outcome],
  })
  checkActs(
    [
      updateFirmware('01', 'to the end', [...start, 'Installing', 'InstallRebooting', 'Installed']),
      updateFirmware(
        '02',
        'that is installed later',
        [...start, 'InstallScheduled', 'Installing', 'Installed'],
        {
          installDateTime: LATER,
        },
      ),
      updateFirmware(
        '03',
        'that is downloaded later',
        ['DownloadScheduled', ...start, 'Installing', 'Installed'],
        {
          retrieveDateTime: LATER,
        },
      ),
      refused('04', 'RevokedCertificate'),
      refused('05', 'InvalidCertificate'),
      updateFirmware('06', 'to a wrong signature', ['Downloading', 'Downloaded', 'InvalidSignature']),
      updateFirmware('07', 'to a failed download', ['Downloading', 'DownloadFailed']),
      updateFirmware('08', 'to a failed verification', [...start, 'Installing', 'InstallVerificationFailed']),
      updateFirmware('09', 'to a failed installation', [...start, 'Installing', 'InstallationFailed']),
      refused('11', 'Rejected'),
      updateFirmware('13', 'that waits for a transaction', [
        ...start,
        'InstallScheduled',
        'Installing',
        'Installed',
      ]),
      publish('17', 'to the end', ['Downloading', 'Downloaded', 'ChecksumVerified', 'Published'], 'done'),
      publish('19', 'to a wrong checksum', ['Downloading', 'Downloaded', 'InvalidChecksum'], 'failed'),
      publish(
        '20',
        'to a failed publication',
        ['Downloading', 'Downloaded', 'ChecksumVerified', 'PublishFailed'],
        'failed',
      ),
      publish('24', 'to a failed download', ['Downloading', 'DownloadFailed'], 'failed'),
      unpublish('21', 'Unpublished', 'done'),
      unpublish('22', 'NoFirmware', 'failed'),
      unpublish('23', 'DownloadOngoing', 'failed'),
    ],
    () => service,
  )
})
