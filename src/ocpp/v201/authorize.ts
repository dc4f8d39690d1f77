/** C01-C09: may this token charge here? */

import { authorize } from '../../stations/authorization.ts'
import type { Handler } from '../router.ts'

export const authorizeToken: Handler<'Authorize'> = async (context, request) => {
  const { certificate, iso15118CertificateHashData } = request
  if (certificate !== undefined || iso15118CertificateHashData !== undefined) {
    // Contract certificates are not verified yet, and an unverified certificate authorizes nobody (C07.FR.17).
    return { idTokenInfo: { status: 'Invalid' }, certificateStatus: 'CertChainError' }
  }
  return { idTokenInfo: await authorize(context, request.idToken) }
}
