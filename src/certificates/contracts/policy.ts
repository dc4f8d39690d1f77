/** What an operator may decide about contracts. Where the answer to a question about trust is unknown, it is no. */
export interface ContractPolicy {
  /** How long the same request gets the same answer. */
  readonly answerLifeMs: number
  /** A car waits 4.5 s at its station: an answer that takes longer than this is not worth sending. */
  readonly deadlineMs: number
  /** Requests being answered at the same time; more are refused at once. */
  readonly maxInFlight: number
  /** A request that would wait longer than this for its turn is refused at once. */
  readonly maxWaitMs: number
  /** Whether a PCID must be in the vehicle pool beside having a contract. */
  readonly onlyKnownVehicles: boolean
  /** Cars whose certificates name no OCSP responder: provisioning certificates live as long as the car. */
  readonly oemWithoutResponder: 'accept' | 'reject'
  /** Contract chains that name no OCSP responder; accepting one leaves a line in the audit trail. */
  readonly contractWithoutResponder: 'accept' | 'reject'
  /** Authorize by hash data alone, of a certificate that belongs to no contract of the pool. */
  readonly hashOfUnknownContract: 'accept' | 'reject'
  /** For all questions to responders of others while a car or a driver waits. */
  readonly responderDeadlineMs: number
}

export const DEFAULT_CONTRACT_POLICY: ContractPolicy = {
  answerLifeMs: 3_600_000,
  deadlineMs: 3_500,
  maxInFlight: 256,
  maxWaitMs: 2_000,
  onlyKnownVehicles: false,
  oemWithoutResponder: 'accept',
  contractWithoutResponder: 'reject',
  hashOfUnknownContract: 'reject',
  responderDeadlineMs: 1_500,
}
