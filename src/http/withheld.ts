/** What keys of role viewer are not shown: who charges, and with which token, which is as good as a key to charge. */

import type { Principal } from './operation.ts'

export const WITHHELD = '[withheld]'

/** Whether this key may see drivers, cars and their tokens. */
export function seesDrivers({ role }: Principal): boolean {
  return role !== 'viewer'
}

/** OCPP messages that name no driver and no car, and carry no address with a password. */
export const IMPERSONAL_ACTIONS: readonly string[] = [
  'BootNotification',
  'ChangeAvailability',
  'ClearCache',
  'ClearChargingProfile',
  'ClearVariableMonitoring',
  'ClearedChargingLimit',
  'DeleteCertificate',
  'FirmwareStatusNotification',
  'GetBaseReport',
  'GetCertificateStatus',
  'GetChargingProfiles',
  'GetCompositeSchedule',
  'GetInstalledCertificateIds',
  'GetLocalListVersion',
  'Heartbeat',
  'InstallCertificate',
  'LogStatusNotification',
  'MeterValues',
  'NotifyChargingLimit',
  'PublishFirmwareStatusNotification',
  'Reset',
  'SetMonitoringBase',
  'SetMonitoringLevel',
  'SignCertificate',
  'StatusNotification',
  'TriggerMessage',
  'UnlockConnector',
]

/** The id token of a session or a TransactionEvent: its type stays, it says how the driver was authorized. */
export function withheldToken<T extends { readonly type: string }>(
  token: T,
): { type: string; idToken: string } {
  return { type: token.type, idToken: WITHHELD }
}
