/** E01-E15, J02: every event of a transaction is stored before it is answered, once however often it is sent. */

import { authorize, type Purpose } from '../../stations/authorization.ts'
import { isPriced, totalCost } from '../../stations/tariff.ts'
import type { Session } from '../../store/sessions.ts'
import type { Handler, StationContext } from '../router.ts'
import type { IdTokenType, TransactionEventRequest, TransactionEventResponse } from './messages.generated.ts'
import { isoTime } from './record-event.ts'

export const transactionEvent: Handler<'TransactionEvent'> = async (context, request) => {
  const at = isoTime(context)
  const { session, repeated } = await context.store.sessions.record(context.stationId, request, at)
  if (!repeated) publish(context, request, session, at)
  const response: TransactionEventResponse = {}
  const { tariff } = context.policy
  // I03.FR.02: a total cost that is left out means "not free, but unknown".
  if (request.eventType === 'Ended') response.totalCost = totalCost(session, tariff)
  else if (request.meterValue !== undefined && isPriced(tariff))
    response.totalCost = totalCost(session, tariff)
  const idToken = tokenOf(request, session)
  if (idToken !== undefined) response.idTokenInfo = await authorize(context, idToken, purposeOf(request))
  return response
}

/** A stop that was authorized on the spot without saying by whom is answered for the token of the session. */
function tokenOf(request: TransactionEventRequest, { idToken }: Session): IdTokenType | undefined {
  const isStop = request.eventType === 'Updated' && request.triggerReason === 'StopAuthorized'
  if (request.idToken !== undefined || !isStop || idToken === null) return request.idToken
  return { ...idToken, type: idToken.type as IdTokenType['type'] }
}

/** Only an authorization starts something; a token that comes with a stop or an end asks to be let out. */
function purposeOf({ eventType, triggerReason }: TransactionEventRequest): Purpose {
  return eventType !== 'Ended' && triggerReason === 'Authorized' ? 'start' : 'any'
}

function publish(
  context: StationContext,
  request: TransactionEventRequest,
  session: Session,
  at: string,
): void {
  const { hub, stationId } = context
  const { transactionId, evseId } = session
  hub.publish({ kind: 'session.updated', stationId, transactionId, evseId, eventType: request.eventType, at })
  if (request.meterValue === undefined || evseId === null) return
  hub.publish({ kind: 'meter.read', stationId, evseId, transactionId, at, values: request.meterValue })
}
