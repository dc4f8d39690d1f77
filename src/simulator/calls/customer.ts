import type {
  CustomerInformationRequest,
  CustomerInformationStatusEnumType,
} from '../../ocpp/v201/messages.generated.ts'
import type { CertificateStore } from '../certificates/store.ts'
import type { Handlers, StationContext } from '../context.ts'
import type { Authorizer } from './authorization.ts'

const MAX_DATA = 512
const ECHO_VENDOR = 'org.example.echo'

/** N09, N10, P01: what the station knows about a customer, and vendors' own messages. */
export function customerCalls(
  context: StationContext,
  authorizer: Authorizer,
  store: CertificateStore,
): Handlers {
  const judge = (request: CustomerInformationRequest): CustomerInformationStatusEnumType => {
    const { idToken, customerCertificate, customerIdentifier, report, clear } = request
    const named = [idToken, customerCertificate, customerIdentifier].filter((each) => each !== undefined)
    if (named.length !== 1) return 'Invalid'
    return report || clear ? 'Accepted' : 'Rejected'
  }

  const collect = (request: CustomerInformationRequest): string => {
    const { idToken, customerCertificate, clear } = request
    if (idToken !== undefined) {
      const found = clear ? authorizer.forget(idToken) : false
      return found ? `authorization cache: ${idToken.type} ${idToken.idToken}` : ''
    }
    if (customerCertificate !== undefined && store.knows(customerCertificate)) {
      return `certificate ${customerCertificate.serialNumber}`
    }
    return ''
  }

  return {
    CustomerInformation: (request) => {
      const status = judge(request)
      if (status !== 'Accepted') return { answer: { status } }
      const after = () => {
        const data = collect(request)
        const parts = Math.max(1, Math.ceil(data.length / MAX_DATA))
        for (let seqNo = 0; seqNo < parts; seqNo++) {
          context.send(
            'NotifyCustomerInformation',
            {
              requestId: request.requestId,
              generatedAt: context.clock.iso(),
              seqNo,
              tbc: seqNo < parts - 1,
              data: data.slice(seqNo * MAX_DATA, (seqNo + 1) * MAX_DATA),
            },
            { solicited: true },
          )
        }
      }
      return { answer: { status }, after }
    },
    DataTransfer: ({ vendorId, messageId, data }) => {
      if (vendorId !== ECHO_VENDOR) return { answer: { status: 'UnknownVendorId' } }
      if (messageId !== undefined && messageId !== 'echo') return { answer: { status: 'UnknownMessageId' } }
      return { answer: { status: 'Accepted', ...(data === undefined ? {} : { data }) } }
    },
  }
}
