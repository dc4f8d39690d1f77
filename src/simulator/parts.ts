import type { BootReasonEnumType } from '../ocpp/v201/messages.generated.ts'
import { Authorizer } from './calls/authorization.ts'
import { availabilityCalls } from './calls/availability.ts'
import { certificateCalls } from './calls/certificates.ts'
import { notifyChargingNeeds } from './calls/charging-needs.ts'
import { customerCalls } from './calls/customer.ts'
import { deviceModelCalls } from './calls/device-model.ts'
import { Display } from './calls/display.ts'
import { FileTransfers } from './calls/files.ts'
import { Monitoring } from './calls/monitoring.ts'
import { NetworkProfiles } from './calls/network.ts'
import { Reservations } from './calls/reservations.ts'
import { Resets } from './calls/reset.ts'
import { SmartCharging } from './calls/smart-charging.ts'
import { transactionCalls } from './calls/transactions.ts'
import { triggerCalls } from './calls/trigger.ts'
import { OcspRefresh } from './certificates/ocsp-refresh.ts'
import { CertificateSigning, type SigningUse } from './certificates/signing.ts'
import { CertificateStore } from './certificates/store.ts'
import type { Handlers, StationContext } from './context.ts'
import { Evse } from './evse.ts'
import type { EvseServices } from './evse-options.ts'
import { TransactionOutbox } from './outbox.ts'
import type { Registration } from './registration.ts'
import { STATION_DEFAULTS, type StationOptions } from './station-options.ts'
import { StatusReporter } from './status.ts'
import { NO_CURRENT, type PhaseCurrents } from './vehicle.ts'

/** What the parts ask of the station that they are parts of. */
export interface Lifecycle {
  readonly registration: () => Registration
  reboot(reason: BootReasonEnumType): void
  /** The station has a new certificate of its own: connect with it. */
  stationCertificateChanged(): void
}

export interface Parts {
  readonly evses: readonly Evse[]
  readonly smartCharging: SmartCharging
  readonly authorizer: Authorizer
  readonly reservations: Reservations
  readonly outbox: TransactionOutbox
  readonly status: StatusReporter
  readonly certificates: CertificateStore
  readonly signing: CertificateSigning
  readonly ocsp: OcspRefresh
  readonly monitoring: Monitoring
  readonly display: Display
  readonly files: FileTransfers
  readonly resets: Resets
  readonly network: NetworkProfiles
  readonly handlers: Handlers
}

/** Builds the parts of one station and joins what they answer. */
export function assembleParts(context: StationContext, options: StationOptions, lifecycle: Lifecycle): Parts {
  const evses: Evse[] = []
  const status = new StatusReporter(context)
  const authorizer = new Authorizer(context)
  const certificates = new CertificateStore()
  const ocsp = new OcspRefresh(context, certificates)
  const parts: Omit<Parts, 'handlers'> = {
    evses,
    status,
    authorizer,
    certificates,
    ocsp,
    reservations: new Reservations(context, {
      evses: () => evses,
      statusChanged: (evse) => status.changed(evse),
      sameGroup: (a, b) => authorizer.sameGroup(a, b),
    }),
    smartCharging: new SmartCharging(context, () => evses),
    display: new Display(context, () => evses),
    outbox: createOutbox(context, authorizer, evses),
    resets: new Resets(context, { evses, reboot: (reason) => lifecycle.reboot(reason) }),
    signing: new CertificateSigning(context, {
      store: certificates,
      subject: (use, evseId) => subjectFor(use, context, options, evses[evseId - 1]),
      stationCertificateChanged: () => lifecycle.stationCertificateChanged(),
      v2gCertificateChanged: () => ocsp.refresh(),
    }),
    files: new FileTransfers(context, {
      stepMs: options.transferStepMs ?? STATION_DEFAULTS.transferStepMs,
      rebootForFirmware: () => lifecycle.reboot('FirmwareUpdate'),
    }),
    monitoring: new Monitoring(context),
    network: new NetworkProfiles(context, options.endpoint),
  }
  const services = evseServices(context, parts)
  for (const [index, evse] of (options.evses ?? [{}]).entries()) {
    evses.push(new Evse(index + 1, evse, context, services))
  }
  return { ...parts, handlers: joinHandlers(context, parts, lifecycle) }
}

function createOutbox(context: StationContext, authorizer: Authorizer, evses: readonly Evse[]) {
  const { device } = context
  return new TransactionOutbox({
    scheduler: context.scheduler,
    counters: context.counters,
    online: () => context.online(),
    send: (event) => context.call('TransactionEvent', event),
    attempts: () => device.number('OCPPCommCtrlr.MessageAttempts[TransactionEvent]'),
    attemptIntervalS: () => device.number('OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]'),
    answered: (request, response) => {
      const { idToken } = request
      if (idToken !== undefined && response.idTokenInfo !== undefined) {
        authorizer.remember(idToken, response.idTokenInfo)
      }
      evses.find((evse) => evse.id === request.evse?.id)?.answered(request, response)
    },
    problem: (where, error) => context.problem(where, error),
  })
}

function evseServices(context: StationContext, parts: Omit<Parts, 'handlers'>): EvseServices {
  const { smartCharging, authorizer, outbox, display, resets, status, reservations } = parts
  return {
    limit: (evseId) => smartCharging.limit(evseId),
    authorize: (token) => authorizer.authorize(token),
    sameGroup: (a, b) => authorizer.sameGroup(a, b),
    record: (event) => outbox.push(event),
    transactionEnded: (transactionId) => {
      smartCharging.transactionEnded(transactionId)
      display.transactionEnded(transactionId)
      resets.transactionEnded()
    },
    statusChanged: (evse) => status.changed(evse),
    needsKnown: (evse) => notifyChargingNeeds(context, evse),
    takeReservation: (evseId, token) => reservations.take(evseId, token),
    reservedFor: (evseId) => reservations.reservedFor(evseId),
    draws: drawReporter(context),
  }
}

function joinHandlers(
  context: StationContext,
  parts: Omit<Parts, 'handlers'>,
  lifecycle: Lifecycle,
): Handlers {
  const { evses, smartCharging, certificates, signing, authorizer, reservations, status } = parts
  return {
    ...deviceModelCalls(context),
    ...authorizer.handlers,
    ...reservations.handlers,
    ...smartCharging.handlers,
    ...parts.display.handlers,
    ...parts.resets.handlers,
    ...parts.files.handlers,
    ...parts.monitoring.handlers,
    ...parts.network.handlers,
    ...certificateCalls(context, certificates, signing),
    ...customerCalls(context, authorizer, certificates),
    ...availabilityCalls(context, { evses, reservations, statusChanged: (evse) => status.changed(evse) }),
    ...transactionCalls(context, {
      evses,
      outbox: parts.outbox,
      authorizer,
      reservations,
      refusesProfile: (evseId, profile) => smartCharging.refuses(evseId, profile, true),
      installProfile: (evseId, profile) => smartCharging.install(evseId, profile),
    }),
    ...triggerCalls(context, {
      evses,
      signing,
      files: parts.files,
      boot: () => void lifecycle.registration().boot({ triggered: true }),
      heartbeat: () => void lifecycle.registration().heartbeat({ solicited: true }),
      notifyStatus: (evse, connectorId) => status.notify(evse, connectorId, { solicited: true }),
      awaitsBoot: () => lifecycle.registration().state !== 'Accepted',
    }),
  }
}

/** Emits `draw` when the true current of an EVSE is another than before. */
function drawReporter(context: StationContext): (evse: Evse) => void {
  const last = new Map<number, PhaseCurrents>()
  return (evse) => {
    const before = last.get(evse.id) ?? NO_CURRENT
    const { currents } = evse
    if (currents.every((currentA, phase) => currentA === before[phase])) return
    last.set(evse.id, currents)
    context.events.emit('draw', { evseId: evse.id, currents })
  }
}

function subjectFor(
  use: SigningUse,
  context: StationContext,
  options: StationOptions,
  evse: Evse | undefined,
): { commonName: string; organization: string; country?: string } {
  const { device } = context
  const ownOrganization = device.text('SecurityCtrlr.OrganizationName')
  if (use !== 'V2GCertificate') {
    return { commonName: options.serialNumber ?? options.id, organization: ownOrganization }
  }
  const organization = device.text('ISO15118Ctrlr.OrganizationName') || ownOrganization
  const country = device.text('ISO15118Ctrlr.CountryName')
  return {
    commonName: evse?.seccId ?? options.id,
    organization,
    ...(country.length === 2 ? { country } : {}),
  }
}
