/** C01-C09: may this token charge here? With a contract certificate (C07, C08): is it good, and whose is it? */

import type { ContractJudgement } from '../../certificates/ports.ts'
import { authorize } from '../../stations/authorization.ts'
import type { Handler, StationContext } from '../router.ts'
import type { AuthorizeRequest, AuthorizeResponse } from './messages.generated.ts'
import { recordEvent } from './record-event.ts'

export const authorizeToken: Handler<'Authorize'> = async (context, request) => {
  const { certificate, iso15118CertificateHashData } = request
  if (certificate === undefined && iso15118CertificateHashData === undefined)
    return { idTokenInfo: await authorize(context, request.idToken) }
  const judgement = await judge(context, request)
  const response = await answer(context, request, judgement)
  if (response.certificateStatus !== 'Accepted')
    await recordEvent(context, {
      kind: 'csms-security',
      type: 'ContractRefused',
      detail: {
        emaid: request.idToken.idToken,
        certificateStatus: response.certificateStatus,
        status: response.idTokenInfo.status,
        ...('detail' in judgement ? { detail: judgement.detail } : {}),
      },
    })
  return response
}

async function judge(context: StationContext, request: AuthorizeRequest): Promise<ContractJudgement> {
  const { contracts } = context.certificates
  const { idToken, certificate, iso15118CertificateHashData } = request
  // An unverified certificate authorizes nobody (C07.FR.17).
  if (!contracts) return { kind: 'unverifiable', detail: 'This service has no contract pool' }
  if (idToken.type !== 'eMAID')
    return {
      kind: 'unverifiable',
      detail: `A contract certificate came with a token of type ${idToken.type}`,
    }
  return contracts.judge({
    stationId: context.stationId,
    emaid: idToken.idToken,
    ...(certificate === undefined ? {} : { certificatePem: certificate }),
    ...(iso15118CertificateHashData === undefined ? {} : { hashData: iso15118CertificateHashData }),
  })
}

/** C07.FR.13-17, row by row. */
async function answer(
  context: StationContext,
  { idToken }: AuthorizeRequest,
  judgement: ContractJudgement,
): Promise<AuthorizeResponse> {
  switch (judgement.kind) {
    case 'expired':
      return { idTokenInfo: { status: 'Expired' }, certificateStatus: 'CertificateExpired' }
    case 'revoked':
      return { idTokenInfo: { status: 'Invalid' }, certificateStatus: 'CertificateRevoked' }
    case 'unverifiable':
      return { idTokenInfo: { status: 'Invalid' }, certificateStatus: 'CertChainError' }
    case 'valid': {
      const { contractStatus } = judgement
      if (contractStatus !== undefined)
        return { idTokenInfo: { status: contractStatus }, certificateStatus: 'ContractCancelled' }
      const idTokenInfo = await authorize(context, idToken)
      const certificateStatus = idTokenInfo.status === 'Accepted' ? 'Accepted' : 'ContractCancelled'
      return { idTokenInfo, certificateStatus }
    }
  }
}
