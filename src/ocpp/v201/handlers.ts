/** The table: station-initiated message -> who handles it. */

import type { Handlers } from '../router.ts'
import { authorizeToken } from './authorize.ts'
import { bootNotification } from './boot-notification.ts'
import { clearedChargingLimit } from './cleared-charging-limit.ts'
import { dataTransfer } from './data-transfer.ts'
import { firmwareStatusNotification } from './firmware-status-notification.ts'
import { get15118EvCertificate } from './get-15118-ev-certificate.ts'
import { getCertificateStatus } from './get-certificate-status.ts'
import { heartbeat } from './heartbeat.ts'
import { logStatusNotification } from './log-status-notification.ts'
import { meterValues } from './meter-values.ts'
import { notifyChargingLimit } from './notify-charging-limit.ts'
import { notifyCustomerInformation } from './notify-customer-information.ts'
import { notifyDisplayMessages } from './notify-display-messages.ts'
import { notifyEvChargingNeeds } from './notify-ev-charging-needs.ts'
import { notifyEvChargingSchedule } from './notify-ev-charging-schedule.ts'
import { notifyEvent } from './notify-event.ts'
import { notifyMonitoringReport } from './notify-monitoring-report.ts'
import { notifyReport } from './notify-report.ts'
import { publishFirmwareStatusNotification } from './publish-firmware-status-notification.ts'
import { reportChargingProfiles } from './report-charging-profiles.ts'
import { reservationStatusUpdate } from './reservation-status-update.ts'
import { securityEventNotification } from './security-event-notification.ts'
import { signCertificate } from './sign-certificate.ts'
import { statusNotification } from './status-notification.ts'
import { transactionEvent } from './transaction-event.ts'

export const handlers: Handlers = {
  Authorize: authorizeToken,
  BootNotification: bootNotification,
  ClearedChargingLimit: clearedChargingLimit,
  DataTransfer: dataTransfer,
  FirmwareStatusNotification: firmwareStatusNotification,
  Get15118EVCertificate: get15118EvCertificate,
  GetCertificateStatus: getCertificateStatus,
  Heartbeat: heartbeat,
  LogStatusNotification: logStatusNotification,
  MeterValues: meterValues,
  NotifyChargingLimit: notifyChargingLimit,
  NotifyCustomerInformation: notifyCustomerInformation,
  NotifyDisplayMessages: notifyDisplayMessages,
  NotifyEVChargingNeeds: notifyEvChargingNeeds,
  NotifyEVChargingSchedule: notifyEvChargingSchedule,
  NotifyEvent: notifyEvent,
  NotifyMonitoringReport: notifyMonitoringReport,
  NotifyReport: notifyReport,
  PublishFirmwareStatusNotification: publishFirmwareStatusNotification,
  ReportChargingProfiles: reportChargingProfiles,
  ReservationStatusUpdate: reservationStatusUpdate,
  SecurityEventNotification: securityEventNotification,
  SignCertificate: signCertificate,
  StatusNotification: statusNotification,
  TransactionEvent: transactionEvent,
}
