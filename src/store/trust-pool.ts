/**
 * Port: the vehicles that may get contracts, the authorities of others whose word counts, and what the pools of
 * providers propose to trust.
 */

export interface VehicleRecord {
  readonly pcid: string
  /** `blocked`: gets no contract, whatever is on offer. */
  readonly state: 'active' | 'blocked'
  readonly description: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

/** Whose word counts for what: cars (OEM), contracts (MO, V2G). */
export type TrustUsage = 'OEM' | 'MO' | 'V2G'

/** Roots are anchors, everything else helps to build chains. */
export interface TrustedCertificate {
  readonly fingerprint: string
  readonly usage: TrustUsage
  readonly subject: string
  readonly isRoot: boolean
  readonly notAfter: string
  readonly der: Uint8Array
  readonly createdAt: string
}

/**
 * What the root pool of a provider lists. `open`: nobody has decided; `accepted`: trusted; `rejected`: not to be shown
 * again; `withdrawn`: the pool lists it no longer.
 */
export type ProposalState = 'open' | 'accepted' | 'rejected' | 'withdrawn'

export interface TrustProposal extends TrustedCertificate {
  /** Who lists it; the first where several do. */
  readonly provider: string
  readonly state: ProposalState
  /** When the pool listed it last. */
  readonly seenAt: string
  readonly decidedAt: string | null
}

export interface TrustStore {
  putVehicle(vehicle: VehicleRecord): Promise<{ readonly created: boolean }>
  vehicle(pcid: string): Promise<VehicleRecord | undefined>
  vehicles(filter?: { readonly after?: string; readonly limit?: number }): Promise<readonly VehicleRecord[]>
  removeVehicle(pcid: string): Promise<boolean>
  putTrusted(certificate: TrustedCertificate): Promise<{ readonly created: boolean }>
  trusted(): Promise<readonly TrustedCertificate[]>
  /** Kept answers to cars go with it: they rested on this trust. */
  removeTrusted(usage: TrustUsage, fingerprint: string): Promise<boolean>
  /** New ones become `open`; known ones keep their state, but `withdrawn` ones become `open` again. Returns the new. */
  propose(proposals: readonly TrustProposal[], at: string): Promise<readonly TrustProposal[]>
  proposals(filter?: { readonly state?: ProposalState }): Promise<readonly TrustProposal[]>
  proposal(usage: TrustUsage, fingerprint: string): Promise<TrustProposal | undefined>
  /** Moves a proposal on; an accepted one becomes trusted in the same transaction. False where it is not in `from`. */
  decideProposal(decision: {
    readonly usage: TrustUsage
    readonly fingerprint: string
    readonly from: readonly ProposalState[]
    readonly to: ProposalState
    readonly at: string
  }): Promise<boolean>
}
