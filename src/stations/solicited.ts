import type { Action, MessageTriggerEnumType, Requests } from '../ocpp/v201/messages.generated.ts'

const ACTION_BY_TRIGGER: Readonly<Record<MessageTriggerEnumType, Action>> = {
  BootNotification: 'BootNotification',
  FirmwareStatusNotification: 'FirmwareStatusNotification',
  Heartbeat: 'Heartbeat',
  LogStatusNotification: 'LogStatusNotification',
  MeterValues: 'MeterValues',
  PublishFirmwareStatusNotification: 'PublishFirmwareStatusNotification',
  SignChargingStationCertificate: 'SignCertificate',
  SignCombinedCertificate: 'SignCertificate',
  SignV2GCertificate: 'SignCertificate',
  StatusNotification: 'StatusNotification',
  TransactionEvent: 'TransactionEvent',
}

/** The message that a call of ours asks the station to send, if any. */
export function solicitedAction(action: Action, payload: unknown): Action | undefined {
  if (action === 'GetBaseReport' || action === 'GetReport') return 'NotifyReport'
  if (action !== 'TriggerMessage') return undefined
  // The payload has passed the schema of TriggerMessage.
  return ACTION_BY_TRIGGER[(payload as Requests['TriggerMessage']).requestedMessage]
}
