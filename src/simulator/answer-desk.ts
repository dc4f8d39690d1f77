import type { Action, Requests, Responses } from '../ocpp/v201/messages.generated.ts'
import { NO_ANSWER } from './client.ts'
import type { Handlers, StationContext } from './context.ts'
import { WireError } from './wire.ts'

/** How each call is refused by a station that will not do it. */
const REFUSALS: { readonly [A in Action]?: Responses[A] } = {
  CancelReservation: { status: 'Rejected' },
  CertificateSigned: { status: 'Rejected' },
  ChangeAvailability: { status: 'Rejected' },
  ClearCache: { status: 'Rejected' },
  ClearChargingProfile: { status: 'Unknown' },
  ClearDisplayMessage: { status: 'Unknown' },
  CustomerInformation: { status: 'Rejected' },
  DataTransfer: { status: 'Rejected' },
  DeleteCertificate: { status: 'Failed' },
  GetBaseReport: { status: 'Rejected' },
  GetChargingProfiles: { status: 'NoProfiles' },
  GetCompositeSchedule: { status: 'Rejected' },
  GetDisplayMessages: { status: 'Unknown' },
  GetInstalledCertificateIds: { status: 'NotFound' },
  GetLog: { status: 'Rejected' },
  GetMonitoringReport: { status: 'Rejected' },
  GetReport: { status: 'Rejected' },
  InstallCertificate: { status: 'Rejected' },
  PublishFirmware: { status: 'Rejected' },
  RequestStartTransaction: { status: 'Rejected' },
  RequestStopTransaction: { status: 'Rejected' },
  ReserveNow: { status: 'Rejected' },
  Reset: { status: 'Rejected' },
  SendLocalList: { status: 'Failed' },
  SetChargingProfile: { status: 'Rejected' },
  SetDisplayMessage: { status: 'Rejected' },
  SetMonitoringBase: { status: 'Rejected' },
  SetMonitoringLevel: { status: 'Rejected' },
  SetNetworkProfile: { status: 'Rejected' },
  TriggerMessage: { status: 'Rejected' },
  UnlockConnector: { status: 'UnlockFailed' },
  UpdateFirmware: { status: 'Rejected' },
}

export interface DeskServices {
  refusesEverything(): boolean
  /** Breaks the link without a word. */
  dropSocket(): void
}

/** Answers the calls of the CSMS, through whatever faults are switched on. */
export class AnswerDesk {
  readonly #context: StationContext
  readonly #handlers: Handlers
  readonly #services: DeskServices
  #followUp: (() => void) | undefined

  constructor(context: StationContext, handlers: Handlers, services: DeskServices) {
    this.#context = context
    this.#handlers = handlers
    this.#services = services
  }

  async answer<A extends Action>(action: A, request: Requests[A]): Promise<Responses[A] | typeof NO_ANSWER> {
    const { faults } = this.#context
    if (this.#services.refusesEverything()) {
      throw new WireError('SecurityError', 'The station was rejected at boot and takes no calls.')
    }
    const handler = this.#handlers[action]
    if (handler === undefined) {
      throw new WireError('NotSupported', `A charging station does not answer ${action}.`)
    }
    await this.#wait(faults.answerDelayMs())
    if (faults.failsWithCallError(action)) throw new WireError('InternalError', 'Injected failure.')
    const refusal = REFUSALS[action]
    if (refusal !== undefined && faults.rejects(action)) return refusal
    const outcome = await handler(request)
    if (faults.staysSilent()) return this.#withhold(outcome.after)
    if (faults.dropsSocket()) {
      this.#services.dropSocket()
      return this.#withhold(outcome.after)
    }
    this.#followUp = outcome.after
    return outcome.answer
  }

  /** The answer has left: do what the station does next. Calls are answered one at a time, so one slot will do. */
  answered(): void {
    const followUp = this.#followUp
    this.#followUp = undefined
    followUp?.()
  }

  #withhold(followUp: (() => void) | undefined): typeof NO_ANSWER {
    followUp?.()
    return NO_ANSWER
  }

  #wait(delayMs: number): Promise<void> {
    if (delayMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#context.scheduler.after(delayMs, resolve)
    })
  }
}
