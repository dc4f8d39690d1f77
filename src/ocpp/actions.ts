/** Who may start which message (OCPP 2.0.1 part 2): the one table behind routing, API and bus. */

import type { Action } from './v201/messages.generated.ts'

type Initiator = 'station' | 'csms' | 'both'

const INITIATORS: Readonly<Record<Action, Initiator>> = {
  Authorize: 'station',
  BootNotification: 'station',
  CancelReservation: 'csms',
  CertificateSigned: 'csms',
  ChangeAvailability: 'csms',
  ClearCache: 'csms',
  ClearChargingProfile: 'csms',
  ClearDisplayMessage: 'csms',
  ClearVariableMonitoring: 'csms',
  ClearedChargingLimit: 'station',
  CostUpdated: 'csms',
  CustomerInformation: 'csms',
  DataTransfer: 'both',
  DeleteCertificate: 'csms',
  FirmwareStatusNotification: 'station',
  Get15118EVCertificate: 'station',
  GetBaseReport: 'csms',
  GetCertificateStatus: 'station',
  GetChargingProfiles: 'csms',
  GetCompositeSchedule: 'csms',
  GetDisplayMessages: 'csms',
  GetInstalledCertificateIds: 'csms',
  GetLocalListVersion: 'csms',
  GetLog: 'csms',
  GetMonitoringReport: 'csms',
  GetReport: 'csms',
  GetTransactionStatus: 'csms',
  GetVariables: 'csms',
  Heartbeat: 'station',
  InstallCertificate: 'csms',
  LogStatusNotification: 'station',
  MeterValues: 'station',
  NotifyChargingLimit: 'station',
  NotifyCustomerInformation: 'station',
  NotifyDisplayMessages: 'station',
  NotifyEVChargingNeeds: 'station',
  NotifyEVChargingSchedule: 'station',
  NotifyEvent: 'station',
  NotifyMonitoringReport: 'station',
  NotifyReport: 'station',
  PublishFirmware: 'csms',
  PublishFirmwareStatusNotification: 'station',
  ReportChargingProfiles: 'station',
  RequestStartTransaction: 'csms',
  RequestStopTransaction: 'csms',
  ReservationStatusUpdate: 'station',
  ReserveNow: 'csms',
  Reset: 'csms',
  SecurityEventNotification: 'station',
  SendLocalList: 'csms',
  SetChargingProfile: 'csms',
  SetDisplayMessage: 'csms',
  SetMonitoringBase: 'csms',
  SetMonitoringLevel: 'csms',
  SetNetworkProfile: 'csms',
  SetVariableMonitoring: 'csms',
  SetVariables: 'csms',
  SignCertificate: 'station',
  StatusNotification: 'station',
  TransactionEvent: 'station',
  TriggerMessage: 'csms',
  UnlockConnector: 'csms',
  UnpublishFirmware: 'csms',
  UpdateFirmware: 'csms',
}

const INITIATOR_BY_NAME: ReadonlyMap<string, Initiator> = new Map(Object.entries(INITIATORS))

export function isAction(name: string): name is Action {
  return INITIATOR_BY_NAME.has(name)
}

export function stationMaySend(action: Action): boolean {
  return INITIATORS[action] !== 'csms'
}

export function csmsMaySend(action: Action): boolean {
  return INITIATORS[action] !== 'station'
}

/** Every message that an operator can send to a station, in alphabetical order. */
export const CSMS_ACTIONS: readonly Action[] = Object.keys(INITIATORS)
  .filter((name) => isAction(name))
  .filter(csmsMaySend)
