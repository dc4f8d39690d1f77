import type {
  ChargingProfileType,
  RequestStartTransactionRequest,
  RequestStartTransactionResponse,
} from '../../ocpp/v201/messages.generated.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Evse } from '../evse.ts'
import type { TransactionOutbox } from '../outbox.ts'
import type { Authorizer } from './authorization.ts'
import type { Reservations } from './reservations.ts'

export interface TransactionServices {
  readonly evses: readonly Evse[]
  readonly outbox: TransactionOutbox
  readonly authorizer: Authorizer
  readonly reservations: Reservations
  /** Why a profile that came with the start cannot be installed; undefined when it can. */
  refusesProfile(evseId: number, profile: ChargingProfileType): string | undefined
  installProfile(evseId: number, profile: ChargingProfileType): void
}

/** F01-F05, E14, I02: what the CSMS does to transactions. */
export function transactionCalls(context: StationContext, services: TransactionServices): Handlers {
  const running = (transactionId: string) =>
    services.evses.find((evse) => evse.transaction?.id === transactionId)

  const start = (request: RequestStartTransactionRequest) => {
    const evse = chooseEvse(request, services)
    if (evse === undefined) return { answer: refusal('NoFreeEvse') }
    const { chargingProfile: profile, idToken, remoteStartId } = request
    if (profile !== undefined) {
      const flaw = flawOfStartProfile(profile) ?? services.refusesProfile(evse.id, profile)
      if (flaw !== undefined) return { answer: refusal(flaw) }
    }
    const present = evse.transaction?.id
    const answer: RequestStartTransactionResponse = {
      status: 'Accepted',
      ...(present === undefined ? {} : { transactionId: present }),
    }
    const begin = async () => {
      const ask = context.device.flag('AuthCtrlr.AuthorizeRemoteStart')
      if (ask && !(await services.authorizer.authorize(idToken))) return
      evse.grant(idToken, 'RemoteStart', remoteStartId)
      const transactionId = evse.transaction?.id
      if (profile !== undefined && transactionId !== undefined) {
        services.installProfile(evse.id, { ...profile, transactionId })
      }
    }
    return { answer, after: () => void begin() }
  }

  return {
    RequestStartTransaction: start,
    RequestStopTransaction: ({ transactionId }) => {
      const evse = running(transactionId)
      if (evse === undefined)
        return { answer: { status: 'Rejected', statusInfo: { reasonCode: 'TxNotFound' } } }
      return { answer: { status: 'Accepted' }, after: () => evse.stop('RemoteStop', 'Remote') }
    },
    GetTransactionStatus: ({ transactionId }) => {
      const messagesInQueue = services.outbox.holds(transactionId)
      if (transactionId === undefined) return { answer: { messagesInQueue } }
      return { answer: { messagesInQueue, ongoingIndicator: running(transactionId) !== undefined } }
    },
    CostUpdated: ({ transactionId, totalCost }) => {
      const evse = running(transactionId)
      if (evse !== undefined) evse.totalCost = totalCost
      return { answer: {} }
    },
  }
}

const refusal = (reasonCode: string): RequestStartTransactionResponse => ({
  status: 'Rejected',
  statusInfo: { reasonCode },
})

/** F01.FR.08-11: only a TxProfile may come along, and it cannot name a transaction yet. */
function flawOfStartProfile(profile: ChargingProfileType): string | undefined {
  if (profile.chargingProfilePurpose !== 'TxProfile') return 'InvalidProfile'
  return profile.transactionId === undefined ? undefined : 'InvalidProfile'
}

function chooseEvse(
  request: RequestStartTransactionRequest,
  services: TransactionServices,
): Evse | undefined {
  const isFree = (evse: Evse) => {
    if (evse.authorized || evse.faulted) return false
    if (services.reservations.keepsOut(evse.id, request.idToken, request.groupIdToken)) return false
    return evse.vehicle !== undefined || evse.operational
  }
  const candidates = services.evses.filter(
    (evse) => (request.evseId === undefined || evse.id === request.evseId) && isFree(evse),
  )
  // A driver who has plugged in already is the likelier one.
  return candidates.find((evse) => evse.vehicle !== undefined) ?? candidates[0]
}
